//! The state folder of a mesh, and who holds it.
//! In: `--state-dir`, `--name`, the environment. Out: a folder, a lock. Holds: one living mesh per folder.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;

use crate::failure::Failure;

/// Which mesh.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Place {
    /// Name of the mesh, when there are several on this machine.
    #[arg(long, default_value = "default")]
    name: String,
    /// Folder that keeps everything of the mesh [default: $XDG_STATE_HOME/weft/NAME].
    #[arg(long)]
    state_dir: Option<PathBuf>,
}

impl Place {
    /// The flags that name this mesh in another command, each with a space before it.
    pub(crate) fn flags(&self) -> String {
        match &self.state_dir {
            Some(folder) => format!(" --state-dir {}", folder.display()),
            None if self.name == "default" => String::new(),
            None => format!(" --name {}", self.name),
        }
    }

    /// The folder, absolute; it need not exist.
    pub(crate) fn folder(&self) -> Result<PathBuf, Failure> {
        let folder = match &self.state_dir {
            Some(folder) => folder.clone(),
            None => default_folder()?.join(&self.name),
        };
        std::path::absolute(&folder)
            .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))
    }
}

#[expect(clippy::disallowed_methods, reason = "the environment is read in this binary only")]
fn default_folder() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (set("XDG_STATE_HOME"), set("HOME")) {
        (Some(state), _) => Ok(Path::new(&state).join("weft")),
        (None, Some(home)) => Ok(Path::new(&home).join(".local/state/weft")),
        (None, None) => Err(Failure::new("neither XDG_STATE_HOME nor HOME is set")
            .hint("name a folder with --state-dir")),
    }
}

/// Makes the folder, readable by its owner only.
pub(crate) fn create(folder: &Path) -> Result<(), Failure> {
    let refuse = |error: std::io::Error| {
        Failure::new(format!("state folder {}: {error}", folder.display()))
            .hint("name a folder that you may write with --state-dir")
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refuse)?;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder.join("log"))
        .map_err(refuse)
}

/// Leaves the settings of the mesh for a control plane that starts for the first time, or takes away those of an earlier start.
pub(crate) fn keep_settings(folder: &Path, settings: Option<&Value>) -> Result<(), Failure> {
    let path = folder.join(weft_control::embedded::FIRST_SETTINGS);
    let done = match settings {
        Some(settings) => std::fs::write(&path, settings.to_string()),
        None => match std::fs::remove_file(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            done => done,
        },
    };
    done.map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// Takes the lock; `None` when a living mesh has it.
pub(crate) fn lock(folder: &Path) -> Result<Option<Flock<File>>, Failure> {
    let path = folder.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(Failure::new(format!("{}: {error}", path.display()))),
    }
}
