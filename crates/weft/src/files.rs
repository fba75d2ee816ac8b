//! Objects in files and folders.
//! In: paths, or `-`. Out: objects with where they came from. Holds: everything is read before anything is done.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
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

    /// `file:line:column` of a field, or of the nearest one around it that the file has.
    pub(crate) fn place(&self, pointer: &str) -> String {
        let position = self.document.position(&format!("{}{pointer}", self.base));
        format!("{}:{}:{}", self.document.file, position.line, position.column)
    }
}

/// Reads all objects below the paths, files of a folder in the order of their names; all unreadable files are told of.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Written>, Failure> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| Failure::new(format!("standard input: {error}")))?;
            parse(&text, "-", &mut found, &mut faults);
            continue;
        }
        for file in list(path)? {
            let name = file.display().to_string();
            match std::fs::read_to_string(&file) {
                Ok(text) => parse(&text, &name, &mut found, &mut faults),
                Err(error) => faults.push(format!("{name}: {error}")),
            }
        }
    }
    if faults.is_empty() {
        return Ok(found);
    }
    Err(Failure::new(faults.join("\n")).hint("nothing was changed; correct this and try again"))
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

fn parse(text: &str, file: &str, found: &mut Vec<Written>, faults: &mut Vec<String>) {
    let documents = match yaml::read(text, file) {
        Ok(documents) => documents,
        Err(error) => return faults.push(error.to_string()),
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

fn admit(
    object: &Value,
    document: &Arc<Document>,
    base: String,
    found: &mut Vec<Written>,
    faults: &mut Vec<String>,
) {
    let written = Written { object: object.clone(), document: Arc::clone(document), base };
    let text = |pointer: &str| written.object.pointer(pointer).and_then(Value::as_str);
    let missing = ["/apiVersion", "/kind", "/metadata/name"]
        .into_iter()
        .find(|pointer| text(pointer).is_none_or(str::is_empty));
    match missing {
        Some(pointer) => {
            let field = pointer.trim_start_matches('/').replace('/', ".");
            let kind = text("/kind").unwrap_or("object");
            let what = format!(
                "a {kind} without {field}; every object needs apiVersion, kind and metadata.name"
            );
            faults.push(format!("{}: {what}", written.place(pointer)));
        }
        None => found.push(written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        parse(text, "x.yaml", &mut found, &mut faults);
        faults
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
        parse(text, "x", &mut found, &mut faults);
        assert_eq!((found.len(), faults.len()), (2, 0));
        assert_eq!(found[0].place("/metadata/name"), "x:4:40");
    }

    #[test]
    fn an_object_without_a_name_is_named_by_its_kind_and_place() {
        let told = faults("---\napiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\n");
        assert!(told[0].starts_with("x.yaml:4:1: a Pod without metadata.name"), "{told:?}");
    }
}
