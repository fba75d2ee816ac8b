//! The whole node in real namespaces, as root and as an ordinary user, with an API server in memory.
//!
//! This binary plays every process: itself, the launcher, the node, and `weft pod-exec`.
#![allow(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test of its own main says by panicking what went wrong, and polls with a deadline"
)]

mod fake;
mod kubectl;
mod life;
mod mesh;
mod scenarios;
mod socket;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next().as_deref().and_then(|a| a.to_str()) {
        Some("pod-exec") => local_node::pod_exec::run(arguments.collect()),
        Some("image") => {
            mesh::image(&arguments.map(|a| a.into_string().unwrap()).collect::<Vec<_>>())
        }
        Some("launch") => {
            let mut node = Command::new(std::env::current_exe().unwrap());
            node.args(arguments);
            let status = local_node::launch::launch(node, true).unwrap();
            if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Some("inside") => mesh::inside(arguments.next().unwrap().as_ref()),
        Some("serve") => life::serve(arguments.next().unwrap().as_ref()),
        Some("--list") => ExitCode::SUCCESS,
        _ => outside(),
    }
}

fn outside() -> ExitCode {
    let root = nix::unistd::geteuid().is_root();
    // The folder of the build may be closed to the ordinary user.
    let open =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
    let program = open.path().join("node");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for user in if root { vec![Some(65534), None] } else { vec![None] } {
        let state = tempfile::tempdir().unwrap();
        if let Some(user) = user {
            nix::unistd::chown(state.path(), Some(user.into()), Some(user.into())).unwrap();
        }
        let launch = |mode: &str, state: &Path| {
            let mut run = Command::new(&program);
            run.args(["launch", mode]).arg(state);
            if let Some(user) = user {
                run.uid(user).gid(user);
            }
            run
        };
        let who = if user.is_none() && root { "root" } else { "an ordinary user" };
        eprintln!("the node as {who}");
        let status = launch("inside", state.path()).status().unwrap();
        assert!(status.success(), "the node as {who}: {status}");
        life::outside(&launch, state.path());
    }
    ExitCode::SUCCESS
}
