//! Which parts of the configuration some case reaches.
//!
//! In: a mesh, cases. Out: every route, subset and rule of a policy, and whether a case reached it.
//! Holds: routes are told apart by marks in a copy of the mesh, as names of routes decide nothing; answers to users never
//! have marks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};
use weft_explain::{Call, Mesh};
use weft_model::{Field, HostPattern, ObjectRef, expand};

use crate::judge::clusters;
use crate::policies;
use crate::target::Named;
use crate::{Asked, Case};

/// A part of an object that calls can reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Part {
    /// The object.
    #[serde(serialize_with = "shown")]
    pub object: ObjectRef,
    /// The part, as a JSON pointer.
    #[serde(serialize_with = "shown")]
    pub field: Field,
}

pub(crate) fn shown<S: serde::Serializer>(
    what: &impl std::fmt::Display,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_str(what)
}

impl Part {
    fn new(object: &ObjectRef, pointer: String) -> Self {
        Self { object: object.clone(), field: Field(pointer) }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.field, self.object)
    }
}

/// What is reached, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Every part, and whether a case reaches it.
    pub parts: BTreeMap<Part, bool>,
}

impl Coverage {
    /// Adds what the cases of another suite reach.
    pub fn add(&mut self, other: Self) {
        for (part, is_hit) in other.parts {
            *self.parts.entry(part).or_default() |= is_hit;
        }
    }

    /// Parts that are reached.
    #[must_use]
    pub fn hit(&self) -> usize {
        self.parts.values().filter(|is_hit| **is_hit).count()
    }

    /// Percent of the parts that are reached; all, when there are none.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let of = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
        if self.parts.is_empty() { 100.0 } else { of(self.hit()) * 100.0 / of(self.parts.len()) }
    }
}

/// What some cases reach.
#[must_use]
pub fn coverage<'a>(mesh: &Mesh, cases: impl IntoIterator<Item = &'a Case>) -> Coverage {
    let marks = Marks::of(mesh);
    let (marked, _) = mesh.with(&marks.changes);
    let mut asked = Asked::of(&marked);
    let (mut hit, mut asked_before) = (BTreeSet::new(), Vec::<&Call>::new());
    for case in cases {
        if asked_before.contains(&&case.call) {
            continue;
        }
        asked_before.push(&case.call);
        if let Ok(answer) = asked.told(&case.call) {
            hit.extend(marks.route(&answer));
            hit.extend(marks.rules(&answer));
            hit.extend(marks.subsets(&answer));
        }
    }
    let parts = marks.parts().map(|part| (part.clone(), hit.contains(part)));
    Coverage { parts: parts.collect() }
}

/// A route of a VirtualService, by its mark: a part for each of its conditions, or one for the whole.
type Route = Vec<Part>;

/// A subset, and how its clusters are told.
struct Subset {
    part: Part,
    host: HostPattern,
    name: String,
}

/// All parts, and the objects that carry marks.
#[derive(Default)]
struct Marks {
    changes: BTreeMap<ObjectRef, Option<Value>>,
    routes: Vec<Route>,
    rules: Vec<Part>,
    subsets: Vec<Subset>,
}

impl Marks {
    fn of(mesh: &Mesh) -> Self {
        let mut marks = Self::default();
        for object in mesh.objects() {
            let name = ObjectRef::of(object);
            match (name.group.as_str(), name.kind.as_str()) {
                ("networking.istio.io", "VirtualService") => marks.mark(&name, object),
                ("networking.istio.io", "DestinationRule") => {
                    let domain = &mesh.snapshot().settings().domain;
                    marks.add_subsets(&name, object, domain);
                }
                ("security.istio.io", "AuthorizationPolicy") => {
                    let rules = object["spec"]["rules"].as_array().map_or(0, Vec::len);
                    let part = |at| Part::new(&name, format!("/spec/rules/{at}"));
                    marks.rules.extend((0..rules).map(part));
                }
                _ => {}
            }
        }
        marks
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        let subsets = self.subsets.iter().map(|subset| &subset.part);
        self.routes.iter().flatten().chain(&self.rules).chain(subsets)
    }

    /// Names the routes of an object `w0`, `w1` …, their conditions `m0`, `m1` ….
    fn mark(&mut self, name: &ObjectRef, object: &Value) {
        let mut object = object.clone();
        let entries = object["spec"]["http"].as_array_mut().into_iter().flatten();
        for (at, entry) in entries.enumerate().filter(|(_, entry)| entry.is_object()) {
            let conditions = entry["match"].as_array().map_or(0, Vec::len);
            // What delegates is named by what it delegates to.
            let delegates = !entry["delegate"].is_null();
            for number in 0..conditions {
                let mark = if delegates { String::new() } else { format!("m{number}") };
                if entry["match"][number].is_object() {
                    entry["match"][number]["name"] = json!(mark);
                }
            }
            if delegates {
                entry["name"] = json!("");
                continue;
            }
            entry["name"] = json!(format!("w{}", self.routes.len()));
            let whole = format!("/spec/http/{at}");
            self.routes.push(match conditions {
                0 | 1 => vec![Part::new(name, whole)],
                many => (0..many)
                    .map(|number| Part::new(name, format!("{whole}/match/{number}")))
                    .collect(),
            });
        }
        self.changes.insert(name.clone(), Some(object));
    }

    fn add_subsets(&mut self, name: &ObjectRef, object: &Value, domain: &str) {
        let host = object["spec"]["host"].as_str().unwrap_or_default();
        let host = expand(host, &name.namespace, domain);
        for (at, subset) in object["spec"]["subsets"].as_array().into_iter().flatten().enumerate() {
            self.subsets.push(Subset {
                part: Part::new(name, format!("/spec/subsets/{at}")),
                host: HostPattern::new(host.as_str()),
                name: subset["name"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }

    fn route(&self, answer: &Value) -> Option<Part> {
        let mark = answer["route"].as_str()?.strip_prefix('w')?;
        let (route, condition) = mark.split_once(".m").unwrap_or((mark, "0"));
        let parts = self.routes.get(route.parse::<usize>().ok()?)?;
        let condition = condition.parse().unwrap_or(0);
        parts.get(condition).or(parts.first()).cloned()
    }

    fn rules(&self, answer: &Value) -> Vec<Part> {
        let is_meant = |part: &&Part, rule: &policies::Rule| {
            part.object.namespace == rule.namespace
                && part.object.name == rule.name
                && part.field.0 == format!("/spec/rules/{}", rule.number)
        };
        let decided = policies::deciding(answer);
        let part = |rule| self.rules.iter().find(|part| is_meant(part, rule)).cloned();
        decided.iter().filter_map(part).collect()
    }

    fn subsets(&self, answer: &Value) -> Vec<Part> {
        let copies = answer["mirrors"].as_array().into_iter().flatten();
        let copies = copies.filter_map(|copy| copy["cluster"].as_str());
        let reached = clusters(answer).into_iter().map(|(name, _)| name).chain(copies);
        let reached: Vec<Named<'_>> = reached.filter_map(Named::of).collect();
        let is_hit = |subset: &&Subset| {
            reached.iter().any(|to| to.subset == subset.name && subset.host.matches(to.host))
        };
        self.subsets.iter().filter(is_hit).map(|subset| subset.part.clone()).collect()
    }
}
