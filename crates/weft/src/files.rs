//! Objects in files and folders.
//! In: paths, or `-`. Out: objects with where they came from. Holds: everything is read before anything is done.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use weft_model::Place;
use weft_model::api::yaml::{self, Document};

use crate::failure::Failure;

/// An object and its place.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// The object.
    pub(crate) object: Value,
    document: Arc<Document>,
    /// Pointer of the object in its document; not empty for an item of a `List`.
    base: String,
}

impl Written {
    /// An object that no file has.
    pub(crate) fn made(object: Value) -> Self {
        let document =
            Document { file: "weft up".into(), value: Value::Null, positions: HashMap::new() };
        Self { object, document: Arc::new(document), base: String::new() }
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
                Ok(bytes) => parse(bytes, "-", &mut found, &mut faults),
                Err(what) => faults.push(at_start("standard input", what)),
            }
            continue;
        }
        for file in list(path)? {
            let name = file.display().to_string();
            let opened = std::fs::File::open(&file).map_err(|error| error.to_string());
            match opened.and_then(bounded) {
                Ok(bytes) => parse(bytes, &name, &mut found, &mut faults),
                Err(what) => faults.push(at_start(&name, what)),
            }
        }
    }
    Ok((found, faults))
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
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        let hidden =
            entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let kind = entry.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if hidden {
            continue;
        } else if entry.is_dir() {
            files.extend(list(&entry)?);
        } else if matches!(kind, "yaml" | "yml" | "json") {
            files.push(entry);
        }
    }
    files.sort();
    Ok(files)
}

fn parse(bytes: Vec<u8>, file: &str, found: &mut Vec<Written>, faults: &mut Vec<Fault>) {
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return faults.push(not_utf8(&error, file)),
    };
    let documents = match yaml::read(&text, file) {
        Ok(documents) => documents,
        Err(error) => {
            let place = Place::at(file, error.position);
            return faults.push(Fault { place, what: format!("not valid YAML: {}", error.what) });
        }
    };
    for document in documents {
        let document = Arc::new(document);
        let items = document.value["items"].as_array();
        match items.filter(|_| document.value["kind"].as_str().is_some_and(|k| k.ends_with("List")))
        {
            Some(items) => {
                for (at, item) in items.iter().enumerate() {
                    admit(item, &document, format!("/items/{at}"), found, faults);
                }
            }
            None => admit(&document.value, &document, String::new(), found, faults),
        }
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
    let written = Written { object: object.clone(), document: Arc::clone(document), base };
    if !object.is_object() {
        let what = "no object; every object is a map with apiVersion, kind and metadata.name";
        return faults.push(Fault { place: written.place(""), what: what.to_owned() });
    }
    let text = |pointer: &str| written.object.pointer(pointer).and_then(Value::as_str);
    // Settings that commands read from a file may go without a name.
    let nameless = text("/kind") == Some("IstioOperator");
    let missing = ["/apiVersion", "/kind", "/metadata/name"]
        .into_iter()
        .filter(|pointer| !(nameless && *pointer == "/metadata/name"))
        .find(|pointer| text(pointer).is_none_or(str::is_empty));
    let generated = text("/metadata/generateName").is_some_and(|name| !name.is_empty());
    match missing.filter(|pointer| !(generated && *pointer == "/metadata/name")) {
        Some(pointer) => {
            let field = pointer.trim_start_matches('/').replace('/', ".");
            let kind = text("/kind").unwrap_or("object");
            let what = format!(
                "a {kind} without {field}; every object needs apiVersion, kind and metadata.name"
            );
            faults.push(Fault { place: written.place(pointer), what });
        }
        None => found.push(written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: impl Into<Vec<u8>>) -> Vec<String> {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        parse(text.into(), "x.yaml", &mut found, &mut faults);
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
    fn lists_and_several_documents_are_taken_apart() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n---\n---\n{apiVersion: v1, kind: B, metadata: {name: b}}\n";
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        parse(text.into(), "x", &mut found, &mut faults);
        assert_eq!((found.len(), faults.len()), (2, 0));
        assert_eq!(found[0].place("/metadata/name").to_string(), "x:4:40");
    }

    #[test]
    fn an_object_without_a_name_is_named_by_its_kind_and_place() {
        let told = faults("---\napiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\n");
        assert!(told[0].starts_with("x.yaml:4:1: a Pod without metadata.name"), "{told:?}");
    }
}
