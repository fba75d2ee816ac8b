//! A mesh to ask about: of files, or of a running mesh.
//!
//! In: paths, or a place. Out: the mesh, as far as its objects are valid. Holds: nothing is changed, nothing is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use weft_explain::Mesh;
use weft_model::ObjectRef;

use crate::failure::{Failure, complain};
use crate::state::Place;
use crate::{files, live};

/// Which mesh.
#[derive(Debug, clap::Args)]
pub(crate) struct About {
    /// Files and folders with the objects of the mesh, or `-`; with none, a running mesh is asked about.
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
}

impl About {
    /// Whether it is one of files, where nothing runs.
    pub(crate) fn is_written(&self) -> bool {
        !self.files.is_empty()
    }

    /// Reads it. What is wrong with objects is told of on standard error; they are left out, as in a running mesh.
    pub(crate) async fn mesh(&self) -> Result<Mesh, Failure> {
        let (objects, places) = match self.files.as_slice() {
            [] => (live::with_keys(&self.place).await?, BTreeMap::new()),
            files => of_files(files)?,
        };
        mesh_of(objects, places)
    }
}

/// The mesh of some objects, under the settings that are among them.
pub(crate) fn mesh_of(
    objects: Vec<Value>,
    places: BTreeMap<ObjectRef, weft_model::Place>,
) -> Result<Mesh, Failure> {
    let wrong = |problems: Vec<weft_model::Problem>| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::new(told.join("\n"))
    };
    let settings = weft_control::settings_of(&objects).map_err(wrong)?;
    let proxies = weft_control::proxy_defaults_of(&objects).map_err(wrong)?;
    let (mesh, problems) = Mesh::new(objects, places, settings);
    let mesh = mesh.with_proxy_defaults(proxies);
    for problem in problems.iter().filter(|problem| problem.is_error()) {
        complain!("left out: {problem}");
    }
    Ok(mesh)
}

/// Objects with their places.
type Objects = (Vec<Value>, BTreeMap<ObjectRef, weft_model::Place>);

/// The objects of files; what cannot be read is told of on standard error.
pub(crate) fn of_files(paths: &[PathBuf]) -> Result<Objects, Failure> {
    let (written, faults) = files::read_around(paths)?;
    faults.iter().for_each(|fault| complain!("left out: {fault}"));
    let mut places = BTreeMap::new();
    let mut objects = Vec::new();
    for one in &written {
        let object = one.in_namespace();
        places.insert(ObjectRef::of(&object), one.place(""));
        objects.push(object);
    }
    Ok((objects, places))
}

/// A problem of the question, as this binary says it.
pub(crate) fn unclear(unclear: weft_explain::Unclear) -> Failure {
    Failure::new(unclear.what).hint(unclear.fix)
}
