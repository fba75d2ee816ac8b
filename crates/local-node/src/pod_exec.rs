//! The trampoline between the node and a container's program: enters the pod's namespaces, then becomes the program.
//!
//! In: one JSON argument ([`Enter`]), then the program and its arguments; environment and pipes are set already.
//! Out: the program, by `exec`; exit code 126 or 127 with one line on stderr when it cannot be run.
//! Why a process of its own: namespaces belong to threads, and code between fork and exec would need `unsafe`.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use nix::sched::{CloneFlags, setns, unshare};
use serde::{Deserialize, Serialize};

use crate::root::Root;

/// What to enter before the program starts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Enter {
    /// File that names the network namespace.
    pub network: Option<PathBuf>,
    /// A running process whose mount, network and host-name namespaces are joined instead.
    pub join: Option<i32>,
    /// Host name in a namespace of its own.
    pub hostname: Option<String>,
    /// The file tree to build.
    pub root: Option<Root>,
    /// Working folder.
    pub folder: Option<PathBuf>,
    /// Standard input is a terminal that becomes the controlling one.
    pub terminal: bool,
}

impl Enter {
    /// The arguments of `weft pod-exec` for a program.
    ///
    /// # Errors
    /// When the path of a mount is not UTF-8.
    pub fn arguments(&self, program: &[String]) -> io::Result<Vec<OsString>> {
        let mut arguments: Vec<OsString> = vec![serde_json::to_string(self)?.into()];
        arguments.extend(program.iter().map(Into::into));
        Ok(arguments)
    }
}

/// `weft pod-exec`: returns only when the program could not be started.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let (Some(enter), Some(program)) = (arguments.next(), arguments.next()) else {
        return refuse(126, "weft pod-exec is started by the node: JSON PROGRAM [ARGS]");
    };
    let entered = serde_json::from_slice::<Enter>(enter.as_encoded_bytes())
        .map_err(io::Error::from)
        .and_then(|enter| enter.apply());
    if let Err(error) = entered {
        return refuse(126, &format!("cannot enter the pod: {error}"));
    }
    let error = Command::new(&program).args(arguments).exec();
    let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
    refuse(code, &format!("cannot run {}: {error}", program.display()))
}

#[expect(clippy::print_stderr, reason = "stderr is the container's log; there is no other place")]
fn refuse(code: u8, why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(code)
}

impl Enter {
    fn apply(&self) -> io::Result<()> {
        if self.terminal {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(io::stdin())?;
        }
        if let Some(pid) = self.join {
            join(pid)?;
        }
        if let Some(network) = &self.network {
            setns(File::open(network)?, CloneFlags::CLONE_NEWNET)?;
        }
        if let Some(hostname) = &self.hostname {
            unshare(CloneFlags::CLONE_NEWUTS)?;
            nix::unistd::sethostname(hostname)?;
        }
        if let Some(root) = &self.root {
            unshare(CloneFlags::CLONE_NEWNS)?;
            root.build()?;
        }
        match &self.folder {
            Some(folder) => std::env::set_current_dir(folder),
            None => Ok(()),
        }
    }
}

fn join(pid: i32) -> io::Result<()> {
    // All opened before any is entered: afterwards `/proc` may be another one.
    let open = |kind| File::open(format!("/proc/{pid}/ns/{kind}"));
    let (network, names, mounts) = (open("net")?, open("uts")?, open("mnt")?);
    setns(network, CloneFlags::CLONE_NEWNET)?;
    setns(names, CloneFlags::CLONE_NEWUTS)?;
    setns(mounts, CloneFlags::CLONE_NEWNS)?;
    Ok(())
}
