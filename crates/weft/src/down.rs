//! `weft down`: ends a mesh, also one whose starter is gone.
//! In: a state folder. Out: nothing is left but the folder. Holds: only processes of this mesh are signalled.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use local_node::record;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use weft_rt::Clock;

use crate::failure::{Failure, say};
use crate::state::{self, Place};

const GRACE: Duration = Duration::from_secs(3);

/// Ends it.
pub(crate) async fn run(place: &Place) -> Result<ExitCode, Failure> {
    let folder = place.folder()?;
    if !folder.exists() {
        say!("no mesh: {} does not exist", folder.display());
        return Ok(ExitCode::SUCCESS);
    }
    if state::lock(&folder)?.is_some() {
        clear(&folder)?;
        say!("no mesh runs with the state in {}", folder.display());
        return Ok(ExitCode::SUCCESS);
    }
    let clock = Clock::real();
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        tell(&folder, signal)?;
        let deadline = clock.now() + GRACE;
        while clock.now() < deadline {
            if state::lock(&folder)?.is_some() {
                clear(&folder)?;
                say!("the mesh has ended");
                return Ok(ExitCode::SUCCESS);
            }
            clock.sleep(Duration::from_millis(10)).await;
        }
    }
    Err(Failure::new("the mesh did not end")
        .hint(format!("see {}", folder.join("log/node.log").display())))
}

fn tell(folder: &Path, signal: Signal) -> Result<(), Failure> {
    let record = record::read(folder).map_err(|error| {
        Failure::new(format!("{}: {error}", record::path(folder).display()))
            .hint("the mesh may still be starting; try again")
    })?;
    let Some(pid) = record.node_pid.and_then(|pid| i32::try_from(pid).ok()) else {
        return Err(Failure::new("node.json names no node"));
    };
    // Gone already is as good.
    kill(Pid::from_raw(pid), signal).ok();
    Ok(())
}

/// Removes what only a running mesh needs.
pub(crate) fn clear(folder: &Path) -> Result<(), Failure> {
    for name in ["node.json", "node.sock", "kubeconfig", "apiserver/node.kubeconfig"] {
        let path = folder.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::new(format!("{}: {error}", path.display())));
            }
            _ => {}
        }
    }
    Ok(())
}
