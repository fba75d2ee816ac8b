//! The first steps of the node as pid 1 of its namespaces, before any thread exists.
//!
//! In: the state folder, the mesh's addresses. Out: [`Prepared`].
//! Holds: the node dies with its launcher.
//! Why the host's process list is kept aside: people outside want to know, and kill, pids that they can see.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use weft_netns::MeshNet;

/// What could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A folder or mount.
    #[error("{what}: {source}")]
    System {
        /// What was attempted.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// The network.
    #[error(transparent)]
    Network(#[from] weft_netns::Error),
}

/// The prepared namespaces.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Index of the bridge.
    pub bridge: u32,
    /// The node's pid as seen from outside.
    pub outer_pid: Option<u32>,
    /// Folder for the names of pods' network namespaces, visible only inside.
    pub namespaces: PathBuf,
    /// Empty folder on which a container's root is built, in the container's own mount namespace.
    pub scratch: PathBuf,
    host_proc: PathBuf,
}

/// Mounts `/proc`, wires the mesh namespace and ties this process to its launcher.
///
/// # Errors
/// The first step that fails.
pub fn prepare(state: &Path, mesh: &MeshNet) -> Result<Prepared, InitError> {
    set_pdeathsig(Signal::SIGKILL).map_err(|e| system("follow the launcher's end", e.into()))?;
    SigSet::all().thread_unblock().map_err(|e| system("unblock signals", e.into()))?;
    let outer_pid = outer_self();
    let inside = state.join("inside");
    let folder = |name: &str| {
        let path = inside.join(name);
        fs::create_dir_all(&path).map_err(|e| system(&format!("create {}", path.display()), e))?;
        Ok::<_, InitError>(path)
    };
    let (host_proc, scratch) = (folder("proc")?, folder("root")?);
    let namespaces = folder("netns")?;
    bind("/proc".as_ref(), &host_proc)?;
    let none = None::<&str>;
    let proc_flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    if let Err(error) = mount(Some("proc"), "/proc", Some("proc"), proc_flags, none) {
        // Inside some containers the kernel refuses a second /proc; the outer one serves, with outer pids.
        tracing::warn!(%error, "a /proc of our own is refused; pods see the host's process list");
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("weft"), &namespaces, Some("tmpfs"), flags, Some("size=1m"))
        .map_err(|e| system("mount the folder of namespaces", e.into()))?;
    let bridge = mesh.set_up()?;
    Ok(Prepared { bridge, outer_pid, namespaces, scratch, host_proc })
}

impl Prepared {
    /// The pid outside of a child of the node.
    #[must_use]
    pub fn outer_pid_of(&self, inner: u32) -> Option<u32> {
        let node = self.outer_pid?;
        fs::read_dir(&self.host_proc).ok()?.filter_map(Result::ok).find_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let status = fs::read_to_string(entry.path().join("status")).ok()?;
            let field = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name))?;
                line.split_whitespace().next_back()?.parse::<u32>().ok()
            };
            (field("PPid:")? == node && field("NSpid:")? == inner).then_some(pid)
        })
    }
}

fn outer_self() -> Option<u32> {
    fs::read_link("/proc/self").ok()?.to_str()?.parse().ok()
}

fn bind(from: &Path, to: &Path) -> Result<(), InitError> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(from), to, None::<&str>, flags, None::<&str>)
        .map_err(|e| system(&format!("bind {} to {}", from.display(), to.display()), e.into()))
}

fn system(what: &str, source: io::Error) -> InitError {
    InitError::System { what: what.to_owned(), source }
}
