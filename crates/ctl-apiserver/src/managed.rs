//! Who owns which field (`metadata.managedFields`), and server-side apply.
//!
//! In: the object as it is, and a write. Out: the object as it should be with its owners, or conflicts by name.
//! Holds: pure; a field that somebody else applied changes only by force or by a plain update; a field that is no longer
//! applied and that nobody else owns goes.
//! Never: defaults, admission, storing; those are the walk of every write.

mod diff;
mod merge;
mod set;
mod shape;

use serde_json::{Value, json};

use crate::fault::{Cause, Fault};
use crate::kind::{Kind, Version};
use crate::registry::Part;
pub(crate) use set::Set;
use shape::Shape;

/// Owners by update that are told apart; older ones become one.
const MOST_UPDATERS: usize = 10;
/// Managers that may apply one object.
const MOST_APPLIERS: usize = 100;
const ANCIENT: &str = "ancient-changes";
/// Fields of `metadata` that nobody owns but the server.
const SERVERS: [&str; 11] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
    "generateName",
];

/// Who writes, and how.
#[derive(Debug, Clone)]
pub(crate) struct Writer<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'a Kind,
    pub(crate) version: &'a Version,
    pub(crate) part: Part,
    /// The sub-resource that writes a part of the main object.
    pub(crate) via: &'static str,
    /// The time as text.
    pub(crate) now: &'a str,
}

/// One owner.
#[derive(Debug, Clone, PartialEq)]
struct Owner {
    manager: String,
    applies: bool,
    subresource: String,
    api_version: String,
    time: Value,
    fields: Set,
}

impl Owner {
    fn read(entry: &Value) -> Option<Self> {
        let word = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let fields = Set::read(entry.get("fieldsV1")?)?;
        Some(Self {
            manager: word("manager"),
            applies: entry["operation"] == "Apply",
            subresource: word("subresource"),
            api_version: word("apiVersion"),
            time: entry["time"].clone(),
            fields,
        })
    }

    fn write(&self) -> Value {
        let mut entry = json!({ "manager": self.manager, "operation": if self.applies { "Apply" } else { "Update" },
            "apiVersion": self.api_version, "time": self.time, "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.write() });
        if !self.subresource.is_empty() {
            entry["subresource"] = json!(self.subresource);
        }
        entry
    }

    fn is(&self, writer: &Writer<'_>, applies: bool) -> bool {
        self.manager == writer.name
            && self.applies == applies
            && self.subresource == writer.subresource()
    }
}

impl Writer<'_> {
    fn subresource(&self) -> &'static str {
        match self.part {
            Part::Main => self.via,
            Part::Status => "status",
        }
    }

    fn owner(&self, applies: bool, fields: Set) -> Owner {
        Owner {
            manager: self.name.to_owned(),
            applies,
            subresource: self.subresource().to_owned(),
            api_version: self.kind.api_version(&self.version.name),
            time: json!(self.now),
            fields,
        }
    }

    fn shape(&self) -> Shape<'_> {
        Shape::of(self.kind, self.version)
    }

    /// The part of the object that this write can own.
    fn ownable(&self, object: &Value) -> Value {
        let mut object = object.clone();
        let Some(fields) = object.as_object_mut() else { return object };
        fields.retain(|name, _| match self.part {
            Part::Status => name == "status",
            Part::Main => match name.as_str() {
                "apiVersion" | "kind" => false,
                "status" => !self.version.has_status,
                _ => true,
            },
        });
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| !SERVERS.contains(&name.as_str()));
            if metadata.is_empty() {
                fields.remove("metadata");
            }
        }
        object
    }
}

fn owners(list: &Value) -> Vec<Owner> {
    list.as_array().into_iter().flatten().filter_map(Owner::read).collect()
}

fn written(mut owners: Vec<Owner>) -> Value {
    owners.retain(|owner| !owner.fields.is_empty());
    // Who applies first, then by time.
    owners
        .sort_by_key(|owner| (!owner.applies, owner.time.as_str().unwrap_or_default().to_owned()));
    while owners.iter().filter(|owner| !owner.applies).count() > MOST_UPDATERS {
        join_oldest(&mut owners);
    }
    Value::Array(owners.iter().map(Owner::write).collect())
}

fn join_oldest(owners: &mut Vec<Owner>) {
    let Some(first) = owners.iter().position(|owner| !owner.applies) else { return };
    let oldest = owners.remove(first);
    if let Some(next) = owners.get_mut(first) {
        next.manager = ANCIENT.to_owned();
        next.fields = next.fields.union(&oldest.fields);
    }
}

/// The owners after a plain write; `given` are those that the writer sent, if any, else those of `old` count.
pub(crate) fn updated(
    writer: &Writer<'_>,
    old: Option<&Value>,
    new: &Value,
    given: Option<&Value>,
) -> Value {
    let shape = writer.shape();
    let before = old.map(|old| writer.ownable(old)).unwrap_or_else(|| json!({}));
    let diff::Diff { set, removed } = diff::of(&before, &writer.ownable(new), &shape);
    let known = given.or_else(|| old.map(|old| &old["metadata"]["managedFields"]));
    let mut all = owners(known.unwrap_or(&Value::Null));
    if set.is_empty() && removed.is_empty() {
        return written(all);
    }
    let mut own = Set::default();
    all.retain_mut(|owner| {
        owner.fields = owner.fields.without(&removed);
        if owner.is(writer, false) {
            own = std::mem::take(&mut owner.fields);
            return false;
        }
        owner.fields = owner.fields.without(&set);
        true
    });
    all.push(writer.owner(false, own.union(&set)));
    written(all)
}

/// The object after an apply of `config` onto `live`, with its owners in `metadata.managedFields`.
///
/// # Errors
/// 409 with every field that somebody else owns and that would change, unless `force`.
pub(crate) fn applied(
    writer: &Writer<'_>,
    live: &Value,
    config: &Value,
    force: bool,
) -> Result<Value, Fault> {
    let shape = writer.shape();
    let config = without_nulls(writer.ownable(config));
    let wanted = diff::paths(&config, &shape);
    let before = writer.ownable(live);
    let mut merged = merge::merge(&before, &config, &shape);
    let changed = diff::of(&before, &merged, &shape).set.within(&wanted);
    let mut all = owners(&live["metadata"]["managedFields"]);
    let own = all.iter().position(|owner| owner.is(writer, true)).map(|at| all.remove(at));
    if own.is_none() && all.iter().filter(|owner| owner.applies).count() >= MOST_APPLIERS {
        let what = format!(
            "{MOST_APPLIERS} managers apply this object already: use the name of one of them"
        );
        return Err(Fault::bad(what));
    }
    settle_conflicts(writer, &mut all, &changed, force)?;
    let kept = all.iter().fold(wanted.clone(), |kept, owner| kept.union(&owner.fields));
    if let Some(last) = &own {
        merge::remove(&mut merged, &last.fields.without(&wanted), &kept, &shape);
    }
    let same = own.filter(|own| own.fields == wanted && merged == before);
    all.push(same.unwrap_or_else(|| writer.owner(true, wanted)));
    Ok(whole(writer, live, merged, written(all)))
}

/// What the writer cannot own is as it was.
fn whole(writer: &Writer<'_>, live: &Value, merged: Value, owners: Value) -> Value {
    let mut object = live.clone();
    let own = writer.ownable(live);
    if let (Some(fields), Some(own)) = (object.as_object_mut(), own.as_object()) {
        fields.retain(|name, _| name == "metadata" || !own.contains_key(name));
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|name, _| SERVERS.contains(&name.as_str()) || writer.part == Part::Status);
    }
    if let Value::Object(fields) = merged {
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("metadata", Value::Object(fields)) => {
                    for (name, value) in fields {
                        object["metadata"][&name] = value;
                    }
                }
                (_, value) => object[&name] = value,
            }
        }
    }
    object["metadata"]["managedFields"] = owners;
    object
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        plain => plain,
    }
}

fn settle_conflicts(
    writer: &Writer<'_>,
    others: &mut [Owner],
    changed: &Set,
    force: bool,
) -> Result<(), Fault> {
    let mut causes = Vec::new();
    for owner in others.iter_mut() {
        let contested = owner.fields.within(changed);
        if contested.is_empty() {
            continue;
        }
        if force {
            owner.fields = owner.fields.without(&contested);
            continue;
        }
        let whom = match owner.subresource.as_str() {
            "" => format!("{:?} using {}", owner.manager, owner.api_version),
            sub => {
                format!("{:?} with sub-resource {sub:?} using {}", owner.manager, owner.api_version)
            }
        };
        causes.extend(contested.named().into_iter().map(|field| Cause {
            field,
            what: format!("conflict with {whom}"),
            reason: "FieldManagerConflict",
        }));
    }
    if causes.is_empty() { Ok(()) } else { Err(Fault::contested(writer.kind, &causes)) }
}

#[cfg(test)]
mod tests;
