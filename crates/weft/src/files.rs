//! Objects in files and folders.
//! In: paths, or `-`. Out: objects with where they came from. Holds: everything is read before anything is done.

mod documents;

use std::collections::{BTreeSet, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ctl_source::ResourceType;
use serde_json::{Value, json};
use weft_control::Catalogue;
use weft_model::Place;
use weft_model::api::yaml::Document;

use crate::failure::{Failure, complain};

/// An object and its place.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// The object.
    pub(crate) object: Value,
    document: Arc<Document>,
    /// Pointer of the object in its document; not empty for an item of a `List`.
    base: String,
    /// The kinds of the files that it was read with.
    pub(crate) kinds: Arc<Catalogue>,
}

impl Written {
    /// An object that no file has.
    pub(crate) fn made(object: Value) -> Self {
        let document =
            Document { file: "weft up".into(), value: Value::Null, positions: HashMap::new() };
        let kinds = Arc::default();
        Self { object, document: Arc::new(document), base: String::new(), kinds }
    }

    /// The collection that it belongs to, when its kind is known.
    pub(crate) fn resource(&self) -> Option<ResourceType> {
        let text = |key: &str| self.object[key].as_str().unwrap_or_default();
        let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
        self.kinds.resource(group, text("kind"))
    }

    /// The object, in namespace `default` when it names none and lives in one.
    pub(crate) fn in_namespace(&self) -> Value {
        let mut object = self.object.clone();
        if self.resource().is_none_or(|resource| resource.namespaced)
            && object["metadata"]["namespace"].is_null()
        {
            object["metadata"]["namespace"] = json!("default");
        }
        object
    }

    /// Where a field stands, or the nearest one around it that the file has.
    pub(crate) fn place(&self, pointer: &str) -> Place {
        let position = self.document.position(&format!("{}{pointer}", self.base));
        Place::at(&self.document.file, position)
    }
}

/// A part of a file that is no object.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Where.
    pub(crate) place: Place,
    /// What is wrong and what to do.
    pub(crate) what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Largest file; one object of Kubernetes has at most 1.5 MiB.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Faults of one file that are told of one by one.
const MOST_FAULTS: usize = 20;

/// Reads all objects below the paths, files of a folder in the order of their names; all unreadable files are told of.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Written>, Failure> {
    let (found, faults) = read_around(paths)?;
    if faults.is_empty() {
        return Ok(found);
    }
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Err(Failure::new(told.join("\n")).hint("nothing was changed; correct this and try again"))
}

/// The same, with what cannot be read apart from what can.
pub(crate) fn read_around(paths: &[PathBuf]) -> Result<(Vec<Written>, Vec<Fault>), Failure> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        if path.as_os_str() == "-" {
            match bounded(std::io::stdin().lock()) {
                Ok(bytes) => parse(bytes, "-", Meant::Objects, &mut found, &mut faults),
                Err(what) => faults.push(at_start("standard input", what)),
            }
            continue;
        }
        let meant = if path.is_dir() { Meant::Anything } else { Meant::Objects };
        for file in list(path)? {
            let name = file.display().to_string();
            match open(&file, &file == path).and_then(bounded) {
                Ok(bytes) => parse(bytes, &name, meant, &mut found, &mut faults),
                Err(what) => faults.push(at_start(&name, what)),
            }
        }
    }
    let kinds = Arc::new(Catalogue::of(found.iter().map(|one| &one.object)));
    found.iter_mut().for_each(|one| one.kinds = Arc::clone(&kinds));
    Ok((found, faults))
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let failed = |what: String| Failure::new(format!("{}: {what}", path.display()));
    let bytes = open(path, true).and_then(bounded).map_err(failed)?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

/// The first document of a file that holds something else than objects.
pub(crate) fn document(path: &Path) -> Result<Value, Failure> {
    let name = path.display().to_string();
    let failed = |what: String| Failure::new(format!("{name}: {what}"));
    let text = text(path)?;
    let documents = weft_model::api::yaml::read(&text, &name)
        .map_err(|error| failed(format!("not valid YAML: {}", error.what)))?;
    Ok(documents.into_iter().next().map(|document| document.value).unwrap_or_default())
}

/// Opens a file; in a folder it must be a regular one, as a pipe would keep us waiting.
fn open(file: &Path, named: bool) -> Result<std::fs::File, String> {
    let wrong = |error: std::io::Error| format!("cannot be read: {error}");
    if !named && !std::fs::metadata(file).map_err(wrong)?.is_file() {
        return Err("is neither a file nor a folder; move it elsewhere".to_owned());
    }
    std::fs::File::open(file).map_err(wrong)
}

fn at_start(file: &str, what: String) -> Fault {
    Fault { place: Place { file: file.to_owned(), line: 1, column: 1 }, what }
}

/// Reads to the end, unless that is too far away.
fn bounded(input: impl std::io::Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    input.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        let most = LARGEST / 1024 / 1024;
        return Err(format!("is larger than {most} MiB; put the objects into several files"));
    }
    Ok(bytes)
}

/// The files below a path that can hold objects, in the order of their names.
pub(crate) fn list(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("{}: {error}", path.display())).hint("name a file, a folder or -")
    };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    below(path, &mut BTreeSet::new(), &mut files)?;
    files.sort();
    Ok(files)
}

/// Adds the files of a folder; one that links lead to twice is read once.
fn below(
    path: &Path,
    seen: &mut BTreeSet<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("{}: {error}", path.display())).hint("make the folder readable")
    };
    if !seen.insert(path.canonicalize().map_err(failed)?) {
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        let hidden =
            entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let kind = entry.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if hidden {
            continue;
        } else if entry.is_dir() {
            below(&entry, seen, files)?;
        } else if matches!(kind, "yaml" | "yml" | "json") {
            files.push(entry);
        }
    }
    Ok(())
}

/// What a file is expected to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meant {
    /// It was named.
    Objects,
    /// It stands in a folder, perhaps beside the values of a chart and the like.
    Anything,
}

impl Meant {
    /// Whether a document is of something else than Kubernetes.
    fn is_other(self, document: &Value) -> bool {
        let has = |key: &str| document.get(key).is_some();
        let group = document["apiVersion"].as_str().unwrap_or_default();
        let is_object = has("kind") || has("metadata") || !document.is_object();
        let is_object = is_object || weft_meshconfig::operator_of_mesh_config(document).is_some();
        self == Self::Anything && (!is_object || group.starts_with("kustomize.config.k8s.io/"))
    }
}

fn parse(
    bytes: Vec<u8>,
    file: &str,
    meant: Meant,
    found: &mut Vec<Written>,
    faults: &mut Vec<Fault>,
) {
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return faults.push(not_utf8(&error, file)),
    };
    let (documents, mut broken) = documents::read(&text, file);
    if let Some(first) = broken.first_mut().filter(|_| text.contains("{{")) {
        first.what.push_str(TEMPLATE);
    }
    let told = faults.len();
    faults.extend(broken);
    let (others, documents): (Vec<_>, Vec<_>) =
        documents.into_iter().partition(|document| meant.is_other(&document.value));
    if others.iter().any(|document| !weft_suite::is_suite(&document.value)) {
        complain!("note: {file} holds something else than Kubernetes objects, which is passed by");
    }
    for document in documents {
        let document = Arc::new(document);
        take_apart(&document.value, &document, String::new(), DEEPEST_LIST, found, faults);
    }
    shorten(faults, told);
}

/// Said of a file that a program has to fill in first.
const TEMPLATE: &str = "; it looks like a template, which must be rendered first (helm template)";

/// Lists within lists that are followed.
const DEEPEST_LIST: usize = 8;

/// Takes an object, or each of a list.
fn take_apart(
    value: &Value,
    document: &Arc<Document>,
    base: String,
    depth: usize,
    found: &mut Vec<Written>,
    faults: &mut Vec<Fault>,
) {
    let is_list = value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match value["items"].as_array().filter(|_| is_list && depth > 0) {
        Some(items) => {
            for (at, item) in items.iter().enumerate() {
                let base = format!("{base}/items/{at}");
                take_apart(item, document, base, depth - 1, found, faults);
            }
        }
        // An empty document, or one of comments alone, is no mistake.
        None if value.is_null() => {}
        None => admit(value, document, base, found, faults),
    }
}

/// Of many faults of one file the first are told of.
fn shorten(faults: &mut Vec<Fault>, told: usize) {
    let more = faults.len().saturating_sub(told + MOST_FAULTS);
    if let Some(next) = faults.get_mut(told + MOST_FAULTS).filter(|_| more > 1) {
        next.what = format!("and {more} more parts of this file, from here on, are wrong too");
        faults.truncate(told + MOST_FAULTS + 1);
    }
}

fn not_utf8(error: &std::string::FromUtf8Error, file: &str) -> Fault {
    let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    let what = "not UTF-8, which YAML is written in; save the file in this encoding".to_owned();
    Fault { place: Place { file: file.to_owned(), line, column }, what }
}

fn admit(
    object: &Value,
    document: &Arc<Document>,
    base: String,
    found: &mut Vec<Written>,
    faults: &mut Vec<Fault>,
) {
    let (document, kinds) = (Arc::clone(document), Arc::default());
    // A file of mesh-wide settings alone says what an IstioOperator would.
    let settings = weft_meshconfig::operator_of_mesh_config(object);
    let object = &settings.unwrap_or_else(|| object.clone());
    let written = Written { object: object.clone(), document, base, kinds };
    if !object.is_object() {
        let what = "no object; every object is a map with apiVersion, kind and metadata.name";
        return faults.push(Fault { place: written.place(""), what: what.to_owned() });
    }
    match missing(object) {
        None => {
            // Beside the settings: the pods that an IstioOperator asks for.
            let made = weft_meshconfig::egress_gateways_of(object).into_iter();
            found.extend(made.map(|object| Written { object, ..written.clone() }));
            found.push(written);
        }
        Some((pointer, what)) => faults.push(Fault { place: written.place(pointer), what }),
    }
}

/// The field that an object cannot be without and that is not there, or is no text.
fn missing(object: &Value) -> Option<(&'static str, String)> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    // Settings that commands read from a file may go without a name.
    let nameless = text("/kind") == "IstioOperator" || !text("/metadata/generateName").is_empty();
    let needed = ["/apiVersion", "/kind", "/metadata/name"].into_iter();
    let mut needed = needed.filter(|pointer| !(nameless && *pointer == "/metadata/name"));
    let pointer = needed.find(|pointer| text(pointer).is_empty())?;
    let field = pointer.trim_start_matches('/').replace('/', ".");
    let what = match object.pointer(pointer).filter(|value| !value.is_null() && *value != "") {
        Some(value) => format!("{field} must be a text, but is {value}; put it in quotes"),
        None => {
            let kind = if text("/kind").is_empty() { "object" } else { text("/kind") };
            let article = if kind.starts_with(['A', 'E', 'I', 'O', 'a', 'o']) { "an" } else { "a" };
            format!(
                "{article} {kind} without {field}; every object needs apiVersion, kind and metadata.name"
            )
        }
    };
    Some((pointer, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: impl Into<Vec<u8>>) -> Vec<String> {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        parse(text.into(), "x.yaml", Meant::Objects, &mut found, &mut faults);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn other_encodings_and_other_values_are_told_of_with_their_place() {
        let told = faults(b"a: 1\nb: \xff\n".to_vec());
        assert!(told[0].starts_with("x.yaml:2:4: not UTF-8"), "{told:?}");
        let told = faults("- a\n- b\n");
        assert!(told[0].starts_with("x.yaml:1:1: no object"), "{told:?}");
        assert!(bounded(std::io::repeat(b' ')).unwrap_err().contains("larger than"));
    }

    #[test]
    fn broken_yaml_is_said_with_file_line_and_column() {
        let told = faults("a: 1\nb: [1,\nc: 2\n");
        assert!(told[0].starts_with("x.yaml:3:"), "{told:?}");
    }

    #[test]
    fn what_is_not_of_kubernetes_is_passed_by_in_a_folder() {
        let text =
            "replicas: 3\n---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        parse(text.into(), "x", Meant::Anything, &mut found, &mut faults);
        assert_eq!((found.len(), faults.len()), (0, 0));
        parse("knd: A\nmetadata: {}\n".into(), "x", Meant::Anything, &mut found, &mut faults);
        assert!(faults[0].to_string().contains("an object without apiVersion"), "{}", faults[0]);
    }

    #[test]
    fn a_template_is_said_to_be_one() {
        assert!(faults("name: {{ .Values.name }}\n")[0].contains("helm template"));
    }

    #[test]
    fn lists_and_several_documents_are_taken_apart() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n---\n---\n{apiVersion: v1, kind: B, metadata: {name: b}}\n";
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        parse(text.into(), "x", Meant::Objects, &mut found, &mut faults);
        assert_eq!((found.len(), faults.len()), (2, 0));
        assert_eq!(found[0].place("/metadata/name").to_string(), "x:4:40");
    }

    #[test]
    fn an_object_without_a_name_is_named_by_its_kind_and_place() {
        let told = faults("---\napiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\n");
        assert!(told[0].starts_with("x.yaml:4:1: a Pod without metadata.name"), "{told:?}");
    }
}
