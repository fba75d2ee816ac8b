//! Objects in files and folders.
//! In: paths, or `-`. Out: objects with where they came from. Holds: everything is read before anything is done.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::Value;

use crate::failure::Failure;

/// An object and its file.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// The object.
    pub(crate) object: Value,
    /// Where it came from, for messages.
    pub(crate) file: String,
}

/// Reads all objects below the paths, files of a folder in the order of their names.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Written>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| Failure::new(format!("standard input: {error}")))?;
            parse(&text, "-", &mut found)?;
            continue;
        }
        for file in list(path)? {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(&file)
                .map_err(|error| Failure::new(format!("{name}: {error}")))?;
            parse(&text, &name, &mut found)?;
        }
    }
    Ok(found)
}

fn list(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("{}: {error}", path.display())).hint("name a file, a folder or -")
    };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        let kind = entry.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if entry.is_dir() {
            files.extend(list(&entry)?);
        } else if matches!(kind, "yaml" | "yml" | "json") {
            files.push(entry);
        }
    }
    files.sort();
    Ok(files)
}

fn parse(text: &str, file: &str, found: &mut Vec<Written>) -> Result<(), Failure> {
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let value = Value::deserialize(document).map_err(|error| {
            let at =
                error.location().map_or(String::new(), |l| format!(":{}:{}", l.line(), l.column()));
            Failure::new(format!("{file}{at}: the YAML cannot be read: {error}"))
        })?;
        match value {
            Value::Null => {}
            Value::Object(ref map) if map.get("kind").is_some_and(|kind| kind == "List") => {
                let items = value["items"].as_array().cloned().unwrap_or_default();
                items.into_iter().try_for_each(|item| admit(item, file, found))?;
            }
            object => admit(object, file, found)?,
        }
    }
    Ok(())
}

fn admit(object: Value, file: &str, found: &mut Vec<Written>) -> Result<(), Failure> {
    for field in ["apiVersion", "kind"] {
        if !object[field].is_string() {
            return Err(Failure::new(format!("{file}: an object has no {field}"))
                .hint("every document needs apiVersion, kind and metadata.name"));
        }
    }
    if !object["metadata"]["name"].is_string() {
        let kind = object["kind"].as_str().unwrap_or_default();
        return Err(Failure::new(format!("{file}: a {kind} has no metadata.name")));
    }
    found.push(Written { object, file: file.to_owned() });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_yaml_is_said_with_file_line_and_column() {
        let mut found = Vec::new();
        let failure = parse("a: 1\nb: [1,\nc: 2\n", "x.yaml", &mut found).unwrap_err();
        assert!(failure.to_string().starts_with("x.yaml:"), "{failure}");
    }

    #[test]
    fn lists_and_several_documents_are_taken_apart() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n---\n---\n{apiVersion: v1, kind: B, metadata: {name: b}}\n";
        let mut found = Vec::new();
        parse(text, "x", &mut found).unwrap();
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn an_object_without_a_name_is_named_by_its_kind() {
        let mut found = Vec::new();
        let failure = parse("apiVersion: v1\nkind: Pod\n", "x", &mut found).unwrap_err();
        assert!(failure.to_string().contains("Pod"), "{failure}");
    }
}
