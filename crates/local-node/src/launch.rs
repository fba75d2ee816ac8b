//! The outermost process of a local mesh: makes the private namespaces and waits for the node in them.
//!
//! In: the command line of the node. Out: its exit status.
//! Holds: the node is pid 1 of its namespace, so its end is the end of everything inside.
//! Never: threads before `launch` (a user namespace can only be made by a single thread).

use std::io;
use std::process::{Command, ExitStatus};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Pid, getegid, geteuid};

/// Why the private world could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}{hint}")]
pub struct LaunchError {
    what: &'static str,
    source: io::Error,
    hint: &'static str,
}

/// Makes the namespaces, starts `node` as their first process, passes SIGTERM, SIGINT and SIGHUP on to it as
/// SIGTERM and returns when it has ended. With `die_with_parent`, the caller's parent's end counts as SIGTERM.
///
/// # Errors
/// When the kernel does not grant the namespaces or the node cannot be started.
pub fn launch(mut node: Command, die_with_parent: bool) -> Result<ExitStatus, LaunchError> {
    let signals =
        SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGCHLD]);
    if die_with_parent {
        set_pdeathsig(Signal::SIGTERM).map_err(step("follow the parent's end"))?;
    }
    make_namespaces()?;
    let mut child =
        node.spawn().map_err(|source| LaunchError { what: "start the node", source, hint: "" })?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
    // Blocked only now: the child inherits the mask. An end in between is seen by the first look.
    signals.thread_block().map_err(step("block signals"))?;
    loop {
        let ended = child.try_wait();
        if let Some(status) =
            ended.map_err(|source| LaunchError { what: "wait for the node", source, hint: "" })?
        {
            return Ok(status);
        }
        if signals.wait().map_err(step("wait for the node"))? != Signal::SIGCHLD {
            // A node that has just ended is no error: its SIGCHLD follows.
            kill(pid, Signal::SIGTERM).ok();
        }
    }
}

fn make_namespaces() -> Result<(), LaunchError> {
    let (uid, gid) = (geteuid(), getegid());
    if !uid.is_root() {
        unshare(CloneFlags::CLONE_NEWUSER).map_err(|e| LaunchError {
            what: "make a user namespace",
            source: e.into(),
            hint: "; run as root, or allow it: sysctl kernel.unprivileged_userns_clone=1, \
                   user.max_user_namespaces > 0, and on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0",
        })?;
        map_self("setgroups", "deny".to_owned())?;
        map_self("uid_map", format!("0 {uid} 1"))?;
        map_self("gid_map", format!("0 {gid} 1"))?;
    }
    let all = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID;
    unshare(all).map_err(step("make mount, network and process namespaces"))?;
    mount_private()
}

fn map_self(file: &'static str, content: String) -> Result<(), LaunchError> {
    std::fs::write(format!("/proc/self/{file}"), content).map_err(|source| LaunchError {
        what: "map the user into the namespace",
        source,
        hint: "",
    })
}

/// From here on, nothing that is mounted shows outside.
fn mount_private() -> Result<(), LaunchError> {
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)
        .map_err(step("make the mount namespace private"))
}

fn step(what: &'static str) -> impl Fn(nix::Error) -> LaunchError {
    move |errno| LaunchError { what, source: errno.into(), hint: "" }
}
