//! The trampoline between the node and a container's program: enters the pod's namespaces, then becomes the program.
//!
//! In: one JSON argument ([`Enter`]), then the program and its arguments; environment and pipes are set already.
//! Out: the program, by `exec`; exit code 126 or 127 with one line on stderr when it cannot be run.
//! Holds: a container is joined only once it is one: while its own step is under way, its namespaces are still the node's.
//! Why a process of its own: namespaces belong to threads, and code between fork and exec would need `unsafe`.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

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

/// The word that tells this step from the program that it becomes.
pub(crate) const STEP: &str = "pod-exec";
/// How often a container is looked at that is still on its way, and how long.
const LOOK: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a container's process has become its program: before that its namespaces may be the node's own.
#[expect(
    clippy::disallowed_methods,
    reason = "a process of its own: no executor to block, no clock to turn"
)]
fn arrived(pid: i32) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    while is_step(&std::fs::read(format!("/proc/{pid}/cmdline"))?) {
        if Instant::now() > end {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the container does not start"));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

fn is_step(command_line: &[u8]) -> bool {
    command_line.split(|byte| *byte == 0).nth(1) == Some(STEP.as_bytes())
}

fn join(pid: i32) -> io::Result<()> {
    arrived(pid)?;
    // All opened before any is entered: afterwards `/proc` may be another one.
    let open = |kind| File::open(format!("/proc/{pid}/ns/{kind}"));
    let (network, names, mounts) = (open("net")?, open("uts")?, open("mnt")?);
    setns(network, CloneFlags::CLONE_NEWNET)?;
    setns(names, CloneFlags::CLONE_NEWUTS)?;
    setns(mounts, CloneFlags::CLONE_NEWNS)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_from_the_program_that_it_becomes() {
        assert!(is_step(b"/usr/bin/weft\0pod-exec\0{}\0sleep\0infinity\0"));
        assert!(!is_step(b"/usr/bin/weft\0image\0echo\0"));
        assert!(!is_step(b"sleep\0infinity\0") && !is_step(b""));
    }

    #[test]
    fn who_is_no_step_is_not_waited_for_and_who_is_gone_is_told() {
        let own = i32::try_from(std::process::id()).unwrap();
        arrived(own).unwrap();
        assert_eq!(arrived(i32::MAX).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
