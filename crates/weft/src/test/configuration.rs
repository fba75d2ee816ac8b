//! The configuration that a suite is about.
//! In: files and folders, and objects of the suite itself. Out: a mesh, and the place of every field. Holds: an object of
//! the suite counts, not one of the same name in a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use weft_explain::Mesh;
use weft_model::{ObjectRef, Place};
use weft_suite::Suite;

use super::folder_of;
use crate::failure::{Failure, complain};
use crate::files::{self, Written};
use crate::offline;

/// Where an object comes from.
enum Source {
    File(Box<Written>),
    /// Its number in the suite.
    Suite(usize),
}

/// Objects with their places.
pub(super) struct Configuration {
    objects: BTreeMap<ObjectRef, (Value, Source)>,
    suite: Suite,
}

impl Configuration {
    /// Reads what a suite names, or what is to be read instead.
    pub(super) fn read(file: &Path, suite: &Suite, instead: &[PathBuf]) -> Result<Self, Failure> {
        let own: Vec<PathBuf> =
            suite.files.iter().map(|path| tidy(&folder_of(file).join(path))).collect();
        let (written, faults) =
            files::read_around(if instead.is_empty() { &own } else { instead })?;
        faults.iter().for_each(|fault| complain!("left out: {fault}"));
        let mut objects = BTreeMap::new();
        for one in written {
            let object = one.in_namespace();
            objects.insert(ObjectRef::of(&object), (object, Source::File(Box::new(one))));
        }
        for (at, object) in suite.objects.iter().enumerate() {
            let object = Written::made(object.clone()).in_namespace();
            if object["kind"].as_str().is_none() || object["metadata"]["name"].as_str().is_none() {
                let what = "no object; every object needs apiVersion, kind and metadata.name";
                return Err(Failure::new(format!("{}: {what}", suite.place(at, ""))));
            }
            objects.insert(ObjectRef::of(&object), (object, Source::Suite(at)));
        }
        if objects.is_empty() {
            let failure = Failure::new(format!("{}: there is no configuration", file.display()));
            return Err(failure.hint("name files in the suite, or write -f FOLDER"));
        }
        Ok(Self { objects, suite: suite.clone() })
    }

    /// The mesh.
    pub(super) fn mesh(&self) -> Result<Mesh, Failure> {
        let places =
            self.objects.keys().filter_map(|name| Some((name.clone(), self.place(name, "")?)));
        let objects = self.objects.values().map(|(object, _)| object.clone());
        offline::mesh_of(objects.collect(), places.collect())
    }

    /// Where a field of an object is written.
    pub(super) fn place(&self, object: &ObjectRef, pointer: &str) -> Option<Place> {
        Some(match &self.objects.get(object)?.1 {
            Source::File(written) => written.place(pointer),
            Source::Suite(at) => self.suite.place(*at, pointer),
        })
    }
}

/// A path without detours through `.` and, where it can be told without looking, `..`.
fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut found = PathBuf::new();
    for part in path.components() {
        let into_folder = matches!(found.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if into_folder => drop(found.pop()),
            other => found.push(other),
        }
    }
    if found.as_os_str().is_empty() { PathBuf::from(".") } else { found }
}
