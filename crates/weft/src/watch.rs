//! Keeps the mesh as the files say, while it runs.
//!
//! In: the paths that `weft up` was given; news of changes in them. Out: objects applied and deleted, a line in the log for each.
//! Holds: a state of the files that has an error changes nothing; what no file says any more is deleted.
//! Why in the node: it lives exactly as long as the mesh, also when `weft up` returned.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ctl_source::Source;
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use weft_model::ObjectRef;
use weft_rt::Clock;

use crate::failure::Failure;
use crate::files::Written;
use crate::{apply, check, files};

/// Editors write a file in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// Where lines about changes go.
pub(crate) fn log_path(state: &Path) -> PathBuf {
    state.join("log/changes.log")
}

/// Watches until it is dropped.
pub(crate) async fn run(paths: Vec<PathBuf>, state: PathBuf, source: &dyn Source, clock: Clock) {
    let log = match File::create(log_path(&state)) {
        Ok(log) => log,
        Err(error) => return tracing::error!(%error, "cannot log changes of files"),
    };
    let mut follower = Follower { paths, log, known: BTreeMap::new() };
    match follower.read() {
        Ok(now) => follower.known = now.into_iter().map(|one| (name(&one), one)).collect(),
        Err(failure) => follower.tell(&failure.to_string()),
    }
    let (news, mut changed) = mpsc::channel(1);
    let watcher = match watcher(&follower.paths, news) {
        Ok(watcher) => watcher,
        Err(error) => return follower.tell(&format!("changes of files are not followed: {error}")),
    };
    while changed.recv().await.is_some() {
        clock.sleep(SETTLE).await;
        while changed.try_recv().is_ok() {}
        if let Err(failure) = follower.follow(source).await {
            follower.tell(&format!("error: {failure}\nnothing was changed"));
        }
    }
    drop(watcher);
}

/// Tells of changes below the paths; of a file's folder too, because editors replace files.
fn watcher(
    paths: &[PathBuf],
    news: mpsc::Sender<()>,
) -> Result<notify::RecommendedWatcher, notify::Error> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let read_only = event.is_ok_and(|event| event.kind.is_access());
        if !read_only {
            // One message that waits is enough.
            news.try_send(()).ok();
        }
    })?;
    for path in paths {
        let (folder, mode) = match path.parent() {
            Some(parent) if path.is_file() => (parent, RecursiveMode::NonRecursive),
            _ => (path.as_path(), RecursiveMode::Recursive),
        };
        watcher.watch(folder, mode)?;
    }
    Ok(watcher)
}

struct Follower {
    paths: Vec<PathBuf>,
    log: File,
    /// What the files said when they were last in order.
    known: BTreeMap<ObjectRef, Written>,
}

impl Follower {
    fn read(&self) -> Result<Vec<Written>, Failure> {
        let written = files::read(&self.paths)?;
        check::check(&written, true)?;
        Ok(written)
    }

    async fn follow(&mut self, source: &dyn Source) -> Result<(), Failure> {
        let now = self.read()?;
        let names: BTreeSet<ObjectRef> = now.iter().map(name).collect();
        let fresh = |one: &Written| {
            self.known.get(&name(one)).is_none_or(|known| known.object != one.object)
        };
        let mut changed: Vec<Written> = now.into_iter().filter(fresh).collect();
        let said: Vec<(ObjectRef, Written)> =
            changed.iter().map(|one| (name(one), one.clone())).collect();
        for (namespace, _) in check::missing_namespaces(&changed) {
            changed.push(Written::made(namespace));
        }
        apply::all(source, changed).await?;
        let gone: Vec<ObjectRef> =
            self.known.keys().filter(|name| !names.contains(*name)).cloned().collect();
        for name in gone {
            if let Some(written) = self.known.get(&name) {
                apply::delete(source, written).await?;
            }
            self.tell(&format!("deleted {name}"));
            self.known.remove(&name);
        }
        for (name, written) in said {
            self.tell(&format!("applied {name}"));
            self.known.insert(name, written);
        }
        Ok(())
    }

    fn tell(&mut self, line: &str) {
        if let Err(error) = writeln!(self.log, "{line}") {
            tracing::error!(%error, line, "cannot log a change of files");
        }
    }
}

fn name(one: &Written) -> ObjectRef {
    ObjectRef::of(&one.in_namespace())
}
