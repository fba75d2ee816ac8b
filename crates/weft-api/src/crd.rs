//! CustomResourceDefinitions of the kinds that users write, made of their types.
//!
//! In: nothing. Out: one definition per kind, as a Kubernetes API server takes it.
//! Holds: every served version has the same schema, so that conversion only changes `apiVersion`.

mod argo;
mod flagger;
mod gateway_api;
mod ingress;
mod istio;
mod status;

use serde_json::{Value, json};

/// A kind that users write.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// API group.
    pub group: &'static str,
    /// Served versions, the one that is stored first.
    pub versions: &'static [&'static str],
    /// CamelCase name.
    pub kind: &'static str,
    /// Name in URLs.
    pub plural: &'static str,
    /// Short names for kubectl.
    pub short: &'static [&'static str],
    /// Whether objects belong to the cluster and not to a namespace.
    pub cluster: bool,
    /// Groups of kinds that kubectl lists together.
    pub categories: &'static [&'static str],
    /// Annotations of the definition.
    pub annotations: &'static [(&'static str, &'static str)],
    /// Columns of `kubectl get`. The age comes last by itself.
    pub columns: &'static [Column],
    /// Where the numbers for `kubectl scale` and autoscalers stand.
    pub scale: Option<Scale>,
    /// Schema of `spec`.
    pub spec: fn() -> Value,
}

/// A column of `kubectl get`.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Title.
    pub title: &'static str,
    /// JSON path of the value.
    pub path: &'static str,
    /// What it tells.
    pub about: &'static str,
    /// Type of the value.
    pub value: &'static str,
    /// Whether it is shown with `-o wide` only.
    pub wide: bool,
}

/// Where the numbers of the scale subresource stand.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Wanted count.
    pub wanted: &'static str,
    /// Present count.
    pub present: &'static str,
    /// Labels of what is counted.
    pub selector: &'static str,
}

const fn column(title: &'static str, path: &'static str, about: &'static str) -> Column {
    Column { title, path, about, value: "string", wide: false }
}

impl Column {
    const fn of(self, value: &'static str) -> Self {
        Self { value, ..self }
    }

    const fn wide(self) -> Self {
        Self { wide: true, ..self }
    }

    fn json(&self) -> Value {
        let Self { title, path, about, value, wide } = *self;
        let mut column =
            json!({"name": title, "type": value, "jsonPath": path, "description": about});
        if wide {
            column["priority"] = json!(1);
        }
        column
    }
}

/// Every kind that has a definition, by group and name.
pub const KINDS: &[Kind] = &joined();
/// Kinds of Kubernetes itself that users write for the mesh; they need no definition.
pub const CORE: &[Kind] = ingress::KINDS;

const TABLES: &[&[Kind]] = &[istio::KINDS, gateway_api::KINDS, argo::KINDS, flagger::KINDS];
const COUNT: usize =
    istio::KINDS.len() + gateway_api::KINDS.len() + argo::KINDS.len() + flagger::KINDS.len();

const fn joined() -> [Kind; COUNT] {
    let (mut found, mut at, mut table) = ([Kind::NONE; COUNT], 0, 0);
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            found[at] = TABLES[table][row];
            (at, row) = (at + 1, row + 1);
        }
        table += 1;
    }
    found
}

/// The kind with this group and name.
#[must_use]
pub fn find(group: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().chain(CORE).find(|known| known.group == group && known.kind == kind)
}

/// The kind with this group and name, when it has a definition; kinds of [`CORE`] have none.
#[must_use]
pub fn defined(group: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.group == group && known.kind == kind)
}

/// Every definition.
#[must_use]
pub fn crds() -> Vec<Value> {
    KINDS.iter().map(Kind::crd).collect()
}

impl Kind {
    /// What rows of the tables are made from.
    const NONE: Self = Self {
        group: "",
        versions: &[],
        kind: "",
        plural: "",
        short: &[],
        cluster: false,
        categories: &[],
        annotations: &[],
        columns: &[],
        scale: None,
        spec: || Value::Null,
    };

    /// The definition of this kind.
    #[must_use]
    pub fn crd(&self) -> Value {
        let versions: Vec<Value> = self
            .versions
            .iter()
            .enumerate()
            .map(|(at, name)| self.version(name, at == 0))
            .collect();
        let mut metadata = json!({"name": format!("{}.{}", self.plural, self.group),
            "labels": {"app.kubernetes.io/part-of": "weft"}});
        for (name, value) in self.annotations {
            metadata["annotations"][*name] = json!(value);
        }
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": metadata,
            "spec": {
                "group": self.group,
                "scope": if self.cluster { "Cluster" } else { "Namespaced" },
                "names": {"kind": self.kind, "listKind": format!("{}List", self.kind),
                    "plural": self.plural, "singular": self.kind.to_lowercase(),
                    "shortNames": self.short, "categories": self.categories},
                "versions": versions,
            },
        })
    }

    fn version(&self, name: &str, storage: bool) -> Value {
        let age = column("Age", ".metadata.creationTimestamp", "Time since the object was made.");
        let columns: Vec<Value> =
            self.columns.iter().chain([&age.of("date")]).map(Column::json).collect();
        let mut subresources = json!({"status": {}});
        if let Some(Scale { wanted, present, selector }) = self.scale {
            subresources["scale"] = json!({"specReplicasPath": wanted,
                "statusReplicasPath": present, "labelSelectorPath": selector});
        }
        json!({"name": name, "served": true, "storage": storage, "subresources": subresources,
            "additionalPrinterColumns": columns,
            "schema": {"openAPIV3Schema": root((self.spec)())}})
    }
}

/// The schema of a whole object.
fn root(mut spec: Value) -> Value {
    let description = spec.get("description").cloned().unwrap_or(Value::Null);
    let hint = "What the object asks for.";
    spec["description"] = json!(match description.as_str() {
        Some(text) => text.to_owned(),
        None => hint.to_owned(),
    });
    json!({
        "type": "object",
        "description": description,
        "properties": {
            "apiVersion": {"type": "string", "description": "Group and version of the kind."},
            "kind": {"type": "string", "description": "Name of the kind."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status::schema(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `visit` for each schema of a value's place.
    fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&Value, &str)) {
        visit(schema, path);
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            walk(inner, &format!("{path}.{name}"), visit);
        }
        for name in ["items", "additionalProperties"] {
            if schema[name].is_object() {
                walk(&schema[name], &format!("{path}.{name}"), visit);
            }
        }
    }

    #[test]
    fn every_field_says_what_it_means() {
        let mut mute = Vec::new();
        for kind in KINDS.iter().chain(CORE) {
            let spec = (kind.spec)();
            walk(&spec, kind.kind, &mut |schema, path| {
                let of_field =
                    !path.ends_with(".items") && !path.ends_with(".additionalProperties");
                if of_field && schema["description"].as_str().is_none_or(str::is_empty) {
                    mute.push(path.to_owned());
                }
            });
        }
        assert!(mute.is_empty(), "{mute:#?}");
    }

    #[test]
    fn definitions_name_their_plural_and_group() {
        for crd in crds() {
            let spec = &crd["spec"];
            let name = format!(
                "{}.{}",
                spec["names"]["plural"].as_str().unwrap(),
                spec["group"].as_str().unwrap()
            );
            assert_eq!(crd["metadata"]["name"], name);
            let stored =
                spec["versions"].as_array().unwrap().iter().filter(|v| v["storage"] == true);
            assert_eq!(stored.count(), 1);
        }
    }
}
