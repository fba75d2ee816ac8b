//! What is wrong with an object, as data.
//!
//! In: findings of the checks. Out: one clear sentence each. Holds: the code of a kind of problem never changes.

use std::fmt;

use serde_json::Value;
use weft_api::meta::Metadata;
use weft_api::yaml::Document;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The object, or the named part of it, is not in force.
    Error,
    /// It is in force, but does something that will surprise.
    Warning,
    /// Good to know.
    Info,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        })
    }
}

/// Which object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `kind`
    pub kind: String,
    /// `metadata.namespace`; empty for an object of the cluster.
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// API group of the kind, empty for the core group: Istio and the Gateway API have a Gateway each.
    pub group: String,
}

impl ObjectRef {
    /// Names an object.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let Metadata { namespace, name, .. } = Metadata::of(object);
        let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
        let (version, kind) = (text("apiVersion"), text("kind"));
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let of_cluster = weft_api::crd::find(group, kind).is_some_and(|known| known.cluster);
        let namespace = if of_cluster { String::new() } else { namespace };
        Self { group: group.to_owned(), kind: kind.to_owned(), namespace, name }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

/// Where in a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// File name as the user gave it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

impl Place {
    /// A place in a file.
    #[must_use]
    pub fn at(file: &str, position: weft_api::yaml::Position) -> Self {
        let weft_api::yaml::Position { line, column } = position;
        Self { file: file.to_owned(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A field of an object, as a JSON pointer; shown as `spec.http[0].timeout`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field(pub String);

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.split('/').skip(1).enumerate() {
            let step = step.replace("~1", "/").replace("~0", "~");
            if !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()) {
                write!(f, "[{step}]")?;
            } else if step.is_empty()
                || step.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            {
                write!(f, "[{step:?}]")?;
            } else if index == 0 {
                write!(f, "{step}")?;
            } else {
                write!(f, ".{step}")?;
            }
        }
        Ok(())
    }
}

/// One problem of one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// Which kind of problem: Istio's analyzer code where it has one, else ours (`WEFT...`).
    pub code: &'static str,
    /// Of which object.
    pub object: ObjectRef,
    /// In which field; empty for the object as a whole.
    pub field: Field,
    /// In which file, once [`Problem::located`].
    pub place: Option<Place>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl Problem {
    /// The same problem, with its place in the file that the object came from.
    #[must_use]
    pub fn located(mut self, document: &Document) -> Self {
        self.place = Some(Place::at(&document.file, document.position(&self.field.0)));
        self
    }

    /// True when the object is refused because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: ", self.severity)?;
        // A part of a file that is no object has none.
        if !self.object.kind.is_empty() {
            write!(f, "{}: ", self.object)?;
        }
        if !self.field.0.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.what)?;
        if !self.fix.is_empty() {
            write!(f, "; {}", self.fix)?;
        }
        write!(f, " [{}]", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_the_cluster_has_no_namespace() {
        let object = serde_json::json!({"apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass", "metadata": {"name": "istio"}});
        assert_eq!(ObjectRef::of(&object).to_string(), "GatewayClass istio");
    }

    #[test]
    fn a_problem_reads_as_one_sentence_with_its_place() {
        let problem = Problem {
            severity: Severity::Error,
            code: "WEFT0001",
            object: ObjectRef {
                group: "networking.istio.io".into(),
                kind: "VirtualService".into(),
                namespace: "payments".into(),
                name: "p".into(),
            },
            field: Field("/spec/http/0/match/0/headers/x-a.b/exat".into()),
            place: Some(Place { file: "a.yaml".into(), line: 3, column: 5 }),
            what: "unknown field".into(),
            fix: "did you mean `exact`?".into(),
        };
        assert_eq!(
            problem.to_string(),
            "a.yaml:3:5: error: VirtualService payments/p: spec.http[0].match[0].headers[\"x-a.b\"].exat: \
             unknown field; did you mean `exact`? [WEFT0001]"
        );
    }
}
