//! Kinds that are served in two groups: events of the core group are events of `events.k8s.io` too, under other field names.
//!
//! In: an object in one form. Out: the same object in the other.
//! Holds: there is one object, stored in the form of the core group; what one client writes the other reads.

use serde_json::{Value, json};

use crate::fault::Fault;

/// The group that shows the core group's events.
pub(crate) const EVENTS: &str = "events.k8s.io";
const API_VERSION: &str = "events.k8s.io/v1";

/// Names of fields: as stored, and as the other group calls them.
const FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// How a client sees a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum View {
    /// As it is stored.
    #[default]
    Stored,
    /// As `events.k8s.io` has it.
    Events,
}

impl View {
    /// The group and version that the client asked by, when they are not those of the stored kind.
    pub(crate) fn api_version(self) -> Option<&'static str> {
        (self == Self::Events).then_some(API_VERSION)
    }

    /// A stored object, whose version was set already, for the client.
    pub(crate) fn outward(self, mut object: Value) -> Value {
        if self == Self::Events {
            FIELDS.iter().for_each(|(stored, shown)| rename(&mut object, stored, shown));
            object["apiVersion"] = json!(API_VERSION);
        }
        object
    }

    /// What the client wrote, to be stored.
    ///
    /// # Errors
    /// When it is written as of another group.
    pub(crate) fn inward(self, mut object: Value) -> Result<Value, Fault> {
        if self == Self::Events && object.is_object() {
            match object["apiVersion"].as_str() {
                None | Some("" | API_VERSION) => {}
                Some(other) => {
                    let what = format!("apiVersion {other:?} is not served here");
                    return Err(Fault::bad(format!("{what}; write {API_VERSION}")));
                }
            }
            FIELDS.iter().for_each(|(stored, shown)| rename(&mut object, shown, stored));
            object["apiVersion"] = json!("v1");
        }
        Ok(object)
    }

    /// A field selector in the names of what is stored.
    pub(crate) fn selector(self, fields: &str) -> String {
        match self {
            Self::Stored => fields.to_owned(),
            Self::Events => fields
                .replace("regarding.", "involvedObject.")
                .replace("reportingController", "reportingComponent"),
        }
    }
}

fn rename(object: &mut Value, from: &str, to: &str) {
    if let Some(map) = object.as_object_mut()
        && let Some(value) = map.remove(from)
    {
        map.insert(to.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_back_as_it_went() {
        let stored = json!({ "apiVersion": "v1", "kind": "Event", "reason": "Rejected",
            "involvedObject": { "name": "web" }, "message": "why", "count": 2 });
        let shown = View::Events.outward(stored.clone());
        assert_eq!((&shown["regarding"]["name"], &shown["note"]), (&json!("web"), &json!("why")));
        assert_eq!(shown["apiVersion"], "events.k8s.io/v1");
        assert_eq!(View::Events.inward(shown).unwrap(), stored);
        assert!(View::Events.inward(json!({ "apiVersion": "v1" })).is_err());
        assert_eq!(View::Stored.outward(stored.clone()), stored);
    }

    #[test]
    fn selectors_speak_the_names_of_the_group() {
        assert_eq!(
            View::Events.selector("regarding.name=a,type=b"),
            "involvedObject.name=a,type=b"
        );
    }
}
