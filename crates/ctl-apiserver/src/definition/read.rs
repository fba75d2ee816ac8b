//! From a definition that was found good to the kind that it makes.

use std::sync::Arc;

use ctl_source::Object;
use serde_json::Value;
use weft_schema::Schema;

use crate::kind::{Column, Kind, Scale, Version, Written};
use crate::registry::text;
use crate::table::path::JsonPath;

/// The kind of an established definition.
pub(crate) fn kind(object: &Object) -> Kind {
    let spec = &object["spec"];
    let names = &object["status"]["acceptedNames"];
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = spec["versions"].as_array().into_iter().flatten().enumerate();
    let mut listed: Vec<(usize, &Value)> = all.filter(|(_, v)| v["served"] == true).collect();
    // The storage version first, the others by how settled they are.
    listed.sort_by_key(|(_, version)| {
        let name = version["name"].as_str().unwrap_or_default();
        (version["storage"] != true, priority(name))
    });
    Kind {
        group: word(&spec["group"]),
        kind: word(&names["kind"]),
        list_kind: word(&names["listKind"]),
        plural: word(&names["plural"]),
        singular: word(&names["singular"]),
        short: words(&names["shortNames"]),
        categories: words(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        custom: true,
        ending: text(object, "/metadata/deletionTimestamp").is_some(),
        versions: listed.into_iter().map(|(at, v)| version(object, at, v)).collect(),
        made_of: word(&object["metadata"]["resourceVersion"]),
    }
}

pub(super) fn words(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn version(definition: &Object, at: usize, version: &Value) -> Version {
    let spec = &definition["spec"];
    let name = version["name"].as_str().unwrap_or_default().to_owned();
    let schema = &version["schema"]["openAPIV3Schema"];
    let told = version["deprecationWarning"].as_str().map(str::to_owned);
    let deprecated = (version["deprecated"] == true).then(|| {
        let (group, kind) = (&spec["group"], &spec["names"]["kind"]);
        let plain = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        told.unwrap_or_else(|| format!("{}/{name} {} is deprecated", plain(group), plain(kind)))
    });
    Version {
        warning: deprecated,
        has_status: version["subresources"]["status"].is_object(),
        scale: scale(&version["subresources"]["scale"]),
        schema: Schema::parse(schema).ok().map(Arc::new),
        written: Written {
            definition: Object::clone(definition),
            pointer: format!("/spec/versions/{at}/schema/openAPIV3Schema"),
        },
        columns: columns(&version["additionalPrinterColumns"]),
        selectable: version["selectableFields"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|f| f["jsonPath"].as_str())
            .map(|path| path.trim_start_matches('.').to_owned())
            .collect(),
        name,
    }
}

fn scale(scale: &Value) -> Option<Scale> {
    let pointer = |field: &str| scale[field].as_str().map(|path| path.replace('.', "/"));
    Some(Scale {
        spec: pointer("specReplicasPath")?,
        status: pointer("statusReplicasPath")?,
        selector: pointer("labelSelectorPath"),
    })
}

fn columns(columns: &Value) -> Vec<Column> {
    let written = columns.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found: Vec<Column> = written.iter().filter_map(column).collect();
    if found.is_empty() {
        found.extend(column(&serde_json::json!({ "name": "Age", "type": "date",
            "jsonPath": ".metadata.creationTimestamp" })));
    }
    found
}

fn column(column: &Value) -> Option<Column> {
    let word = |field: &str| column[field].as_str().unwrap_or_default().to_owned();
    Some(Column {
        name: word("name"),
        kind: word("type"),
        format: word("format"),
        description: word("description"),
        priority: column["priority"].as_i64().unwrap_or(0),
        path: JsonPath::parse(column["jsonPath"].as_str()?).ok()?,
    })
}

/// Stable versions before betas before alphas, newer before older; names of another form last.
pub(crate) fn priority(name: &str) -> (u8, i64, i64, String) {
    let read = || {
        let rest = name.strip_prefix('v')?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major: i64 = rest[..end].parse().ok()?;
        let (stage, tail) = match &rest[end..] {
            "" => return Some((0, -major, 0)),
            tail if tail.starts_with("beta") => (1, &tail[4..]),
            tail if tail.starts_with("alpha") => (2, &tail[5..]),
            _ => return None,
        };
        Some((stage, -major, -tail.parse::<i64>().ok()?))
    };
    let (stage, major, minor) = read().unwrap_or((3, 0, 0));
    (stage, major, minor, if stage == 3 { name.to_owned() } else { String::new() })
}

#[cfg(test)]
mod tests {
    use super::priority;

    #[test]
    fn versions_are_ordered_by_how_settled_they_are() {
        let mut names = ["foo1", "v1alpha2", "v1", "v2beta1", "v10", "v1beta1", "v1beta10"];
        names.sort_by_key(|name| priority(name));
        assert_eq!(names, ["v10", "v1", "v2beta1", "v1beta10", "v1beta1", "v1alpha2", "foo1"]);
    }
}
