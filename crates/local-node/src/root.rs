//! A container's file tree: the host's, with private `/run`, hidden state folder and the pod's volumes.
//!
//! In: what to mount where. Out: the calling process lives in the new tree.
//! Holds: nothing is written to the host's folders to make place for a mount.
//! Why not overlayfs: it is not to be had in every unprivileged user namespace; a tmpfs and bind mounts are.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::pivot_root;
use serde::{Deserialize, Serialize};

/// A tree to build.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Root {
    /// Empty folder to build on.
    pub scratch: PathBuf,
    /// Folder that programs must not see.
    pub hide: PathBuf,
    /// What is mounted, in this order.
    pub mounts: Vec<Bind>,
}

/// A host file or folder at a path of the container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bind {
    /// On the host.
    pub source: PathBuf,
    /// In the container, absolute.
    pub target: PathBuf,
    /// Writing is refused.
    pub read_only: bool,
}

impl Root {
    pub(crate) fn build(&self) -> io::Result<()> {
        set_private()?;
        mount_tmpfs(&self.scratch)?;
        for entry in fs::read_dir("/")?.filter_map(Result::ok) {
            if entry.file_name() != "run" {
                mirror(&entry.path(), &self.scratch.join(entry.file_name()))?;
            }
        }
        let run = self.scratch.join("run");
        fs::create_dir_all(&run)?;
        mount_tmpfs(&run)?;
        if !is_link(Path::new("/var/run")) && Path::new("/var/run").is_dir() {
            mount_tmpfs(&self.scratch.join("var/run"))?;
        }
        // Opened by descriptor-less binds first: their sources lie in the folder that is hidden next.
        for bind in &self.mounts {
            self.bind(bind).map_err(|error| {
                io::Error::new(error.kind(), format!("mount {}: {error}", bind.target.display()))
            })?;
        }
        self.hide()?;
        enter(&self.scratch)
    }

    fn bind(&self, bind: &Bind) -> io::Result<()> {
        let target = self.place(&bind.target, bind.source.is_dir())?;
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(&bind.source), &target, None::<&str>, flags, None::<&str>)?;
        if bind.read_only { set_read_only(&target) } else { Ok(()) }
    }

    fn hide(&self) -> io::Result<()> {
        let real = self.hide.canonicalize()?;
        let hidden = self.scratch.join(relative(&real));
        if hidden.is_dir() { mount_tmpfs(&hidden) } else { Ok(()) }
    }

    /// Makes sure that the path exists in the new tree and gives it with links followed.
    fn place(&self, target: &Path, folder: bool) -> io::Result<PathBuf> {
        let (mut at, mut links) = (self.scratch.clone(), 0);
        let mut names: Vec<PathBuf> = names_of(target);
        while let Some(name) = names.pop() {
            let next = at.join(&name);
            if let Ok(to) = fs::read_link(&next) {
                links += 1;
                if links > 40 {
                    return Err(io::Error::other("too many symbolic links"));
                }
                if to.is_absolute() {
                    at.clone_from(&self.scratch);
                }
                names.extend(names_of(&to));
                continue;
            }
            if name == Path::new("..") {
                if at != self.scratch {
                    at.pop();
                }
                continue;
            }
            if !next.exists() {
                self.make(&at, &name, folder || !names.is_empty())?;
            }
            at = next;
        }
        Ok(at)
    }

    fn make(&self, parent: &Path, name: &Path, folder: bool) -> io::Result<()> {
        if !is_tmpfs_of_ours(parent, &self.scratch) {
            explode(parent)?;
        }
        let path = parent.join(name);
        if folder { fs::create_dir(path) } else { fs::File::create(path).map(drop) }
    }
}

/// Puts a tmpfs over a host folder, with the folder's entries bound into it, so that names can be added.
fn explode(folder: &Path) -> io::Result<()> {
    let aside = tempfile_beside(folder)?;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(folder), &aside, None::<&str>, flags, None::<&str>)?;
    mount_tmpfs(folder)?;
    for entry in fs::read_dir(&aside)?.filter_map(Result::ok) {
        mirror(&entry.path(), &folder.join(entry.file_name()))?;
    }
    umount2(&aside, MntFlags::MNT_DETACH)?;
    Ok(())
}

fn tempfile_beside(folder: &Path) -> io::Result<PathBuf> {
    // The scratch tree's own /run is a private tmpfs; a folder there is ours alone.
    let scratch = folder.ancestors().find(|path| path.join("run").is_dir() && is_ours(path));
    let run = scratch.map(|path| path.join("run")).ok_or_else(|| io::Error::other("no /run"))?;
    let aside = run.join(".aside");
    fs::create_dir_all(&aside)?;
    Ok(aside)
}

fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    if kind.is_dir() {
        fs::create_dir(to)?;
    } else {
        fs::File::create(to)?;
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(from), to, None::<&str>, flags, None::<&str>)?;
    Ok(())
}

fn set_private() -> io::Result<()> {
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)?;
    Ok(())
}

const OURS: &str = "weft";

fn mount_tmpfs(at: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some(OURS), at, Some("tmpfs"), flags, Some("mode=755"))?;
    Ok(())
}

/// The kernel tells what is mounted at a path: only our own trees may grow names.
fn is_tmpfs_of_ours(folder: &Path, scratch: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let found = folder.ancestors().take_while(|path| path.starts_with(scratch)).find_map(|path| {
        let at = path.to_str()?;
        let last = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some(at))?;
        let (_, kind) = last.split_once(" - ")?;
        Some(kind.starts_with("tmpfs weft "))
    });
    found.unwrap_or(false)
}

fn is_ours(folder: &Path) -> bool {
    is_tmpfs_of_ours(folder, folder)
}

/// A read-only remount must keep what the source's mount already forbids, or the kernel refuses it.
fn set_read_only(target: &Path) -> io::Result<()> {
    let has = statvfs(target)?.flags();
    let mut flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    for (kept, flag) in [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if has.contains(kept) {
            flags |= flag;
        }
    }
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)?;
    Ok(())
}

fn enter(root: &Path) -> io::Result<()> {
    std::env::set_current_dir(root)?;
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    std::env::set_current_dir("/")
}

/// The names of a path, last first.
fn names_of(path: &Path) -> Vec<PathBuf> {
    let named = |component: Component<'_>| match component {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(named).collect()
}

fn relative(path: &Path) -> PathBuf {
    names_of(path).into_iter().rev().collect()
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_symlink())
}
