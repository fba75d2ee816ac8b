//! Small changes of a configuration, each of which could be a slip.
//!
//! In: an object. Out: what it would be without one rule, route, condition or value, or with the opposite verdict.
//! Holds: one change each; nothing is changed that is no decision about calls. Never: judges whether a change matters.

use serde_json::{Value, json};
use weft_model::{Field, ObjectRef};

/// An object with one change.
#[derive(Debug, Clone, PartialEq)]
pub struct Mutant {
    /// The object.
    pub object: ObjectRef,
    /// What is changed, as a JSON pointer; empty for the object as a whole.
    pub field: Field,
    /// What is done to it, such as `removing`.
    pub what: String,
    /// The object afterwards; `None` when it is gone.
    pub changed: Option<Value>,
}

impl Mutant {
    /// Whether it is the same change of an object of the same name.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (&self.object, &self.field, &self.what) == (&other.object, &other.field, &other.what)
    }
}

impl std::fmt::Display for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.field.0.as_str() {
            "" => write!(f, "{} {}", self.what, self.object),
            _ => write!(f, "{} {} of {}", self.what, self.field, self.object),
        }
    }
}

/// How the parts of a kind are changed.
struct Changes {
    group: &'static str,
    kind: &'static str,
    /// Lists of which one entry at a time is taken out; `*` stands for every entry or field.
    entries: &'static [&'static str],
    /// Fields that are taken out.
    fields: &'static [&'static str],
    /// Fields with a value, and what it becomes.
    values: &'static [(&'static str, &'static str, &'static str)],
}

const KINDS: [Changes; 8] = [
    Changes {
        group: "networking.istio.io",
        kind: "VirtualService",
        entries: &[
            "/spec/hosts",
            "/spec/http",
            "/spec/tls",
            "/spec/tcp",
            "/spec/http/*/match",
            "/spec/http/*/match/*",
            "/spec/http/*/match/*/headers",
            "/spec/http/*/match/*/withoutHeaders",
            "/spec/http/*/match/*/queryParams",
            "/spec/http/*/route",
            "/spec/tls/*/match",
            "/spec/tcp/*/match",
        ],
        fields: &[
            "/spec/http/*/match",
            "/spec/http/*/timeout",
            "/spec/http/*/retries",
            "/spec/http/*/fault",
            "/spec/http/*/mirror",
            "/spec/http/*/mirrors",
            "/spec/http/*/rewrite",
            "/spec/http/*/headers",
            "/spec/http/*/corsPolicy",
        ],
        values: &[],
    },
    Changes {
        group: "networking.istio.io",
        kind: "DestinationRule",
        entries: &["/spec/subsets"],
        fields: &["/spec/trafficPolicy", "/spec/subsets/*/trafficPolicy"],
        values: &[],
    },
    Changes {
        group: "networking.istio.io",
        kind: "Gateway",
        entries: &["/spec/servers", "/spec/servers/*/hosts"],
        fields: &["/spec/servers/*/tls/httpsRedirect"],
        values: &[],
    },
    Changes {
        group: "networking.istio.io",
        kind: "ServiceEntry",
        entries: &["/spec/hosts", "/spec/ports"],
        fields: &[],
        values: &[],
    },
    Changes {
        group: "networking.istio.io",
        kind: "Sidecar",
        entries: &["/spec/egress", "/spec/egress/*/hosts", "/spec/ingress"],
        fields: &["/spec/outboundTrafficPolicy"],
        values: &[],
    },
    Changes {
        group: "security.istio.io",
        kind: "PeerAuthentication",
        entries: &["/spec/portLevelMtls"],
        fields: &["/spec/selector"],
        values: &[("/spec/mtls/mode", "STRICT", "PERMISSIVE")],
    },
    Changes {
        group: "security.istio.io",
        kind: "RequestAuthentication",
        entries: &[
            "/spec/jwtRules",
            "/spec/jwtRules/*/audiences",
            "/spec/jwtRules/*/fromHeaders",
            "/spec/jwtRules/*/fromParams",
            "/spec/jwtRules/*/fromCookies",
        ],
        fields: &[
            "/spec/selector",
            "/spec/jwtRules/*/audiences",
            "/spec/jwtRules/*/fromHeaders",
            "/spec/jwtRules/*/fromParams",
            "/spec/jwtRules/*/fromCookies",
            "/spec/jwtRules/*/presence",
            "/spec/jwtRules/*/spaceDelimitedClaims",
        ],
        values: &[],
    },
    Changes {
        group: "security.istio.io",
        kind: "AuthorizationPolicy",
        entries: &[
            "/spec/rules",
            "/spec/rules/*/from",
            "/spec/rules/*/to",
            "/spec/rules/*/when",
            "/spec/rules/*/from/*/source",
            "/spec/rules/*/to/*/operation",
            "/spec/rules/*/from/*/source/*",
            "/spec/rules/*/to/*/operation/*",
            "/spec/rules/*/when/*/values",
            "/spec/rules/*/when/*/notValues",
        ],
        fields: &["/spec/selector", "/spec/rules/*/from", "/spec/rules/*/to", "/spec/rules/*/when"],
        values: &[("/spec/action", "ALLOW", "DENY"), ("/spec/action", "DENY", "ALLOW")],
    },
];

/// Every change of an object, the object's absence first; none for kinds that decide nothing about calls.
#[must_use]
pub fn mutants(object: &Value) -> Vec<Mutant> {
    let name = ObjectRef::of(object);
    let known = KINDS.iter().find(|known| (known.group, known.kind) == (&name.group, &name.kind));
    let Some(changes) = known else { return Vec::new() };
    let mutant = |pointer: &str, what: &str, changed: Option<Value>| Mutant {
        object: name.clone(),
        field: Field(pointer.to_owned()),
        what: what.to_owned(),
        changed,
    };
    let mut found = vec![mutant("", "removing", None)];
    for pattern in changes.entries {
        for list in places(object, pattern) {
            let entries = children(object, &list);
            // Without its only entry a list is gone, which is a change of the field around it.
            for entry in
                entries.iter().filter(|_| entries.len() > 1 || list.matches('/').count() == 2)
            {
                found.push(mutant(entry, "removing", Some(without(object, entry))));
            }
        }
    }
    for pattern in changes.fields {
        for field in places(object, pattern) {
            found.push(mutant(&field, "removing", Some(without(object, &field))));
        }
    }
    for (field, from, to) in changes.values {
        let usual = *field == "/spec/action" && *from == "ALLOW";
        let value = object.pointer(field).and_then(Value::as_str);
        if value == Some(from) || (value.is_none() && usual) {
            let mut changed = object.clone();
            put(&mut changed, field, json!(to));
            found.push(mutant(field, &format!("writing {to} for {from} in"), Some(changed)));
        }
    }
    found.extend(weights(object).into_iter().map(|(pointer, changed)| {
        mutant(&pointer, "turning around the weights in", Some(changed))
    }));
    found.dedup_by(|one, other| one.changed == other.changed);
    found
}

/// Places that a pattern means.
fn places(object: &Value, pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for step in pattern.split('/').skip(1) {
        let further = |place: String| match step {
            "*" => children(object, &place),
            name => vec![format!("{place}/{name}")],
        };
        found = found.into_iter().flat_map(further).collect();
    }
    found.retain(|place| object.pointer(place).is_some_and(|value| !value.is_null()));
    found
}

/// Pointers of the entries of a list, or of the fields of a map.
fn children(object: &Value, place: &str) -> Vec<String> {
    match object.pointer(place) {
        Some(Value::Array(entries)) => {
            (0..entries.len()).map(|at| format!("{place}/{at}")).collect()
        }
        Some(Value::Object(fields)) => {
            let escaped = |name: &String| name.replace('~', "~0").replace('/', "~1");
            fields.keys().map(|name| format!("{place}/{}", escaped(name))).collect()
        }
        _ => Vec::new(),
    }
}

fn without(object: &Value, pointer: &str) -> Value {
    let mut changed = object.clone();
    let Some((around, step)) = pointer.rsplit_once('/') else { return changed };
    match changed.pointer_mut(around) {
        Some(Value::Array(entries)) => {
            if let Some(at) = step.parse().ok().filter(|at| *at < entries.len()) {
                entries.remove(at);
            }
        }
        Some(Value::Object(fields)) => {
            fields.remove(&step.replace("~1", "/").replace("~0", "~"));
        }
        _ => {}
    }
    changed
}

fn put(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for step in pointer.split('/').skip(1) {
        if !place.is_object() && !place.is_null() {
            return;
        }
        place = &mut place[step];
    }
    *place = value;
}

/// Routes to several destinations, each with its weights in the opposite order.
fn weights(object: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for list in places(object, "/spec/http/*/route") {
        let Some(Value::Array(entries)) = object.pointer(&list) else { continue };
        let before: Vec<Value> = entries.iter().map(|entry| entry["weight"].clone()).collect();
        let mut after = before.clone();
        after.reverse();
        if before == after {
            continue;
        }
        let mut changed = object.clone();
        let places = changed.pointer_mut(&list).and_then(Value::as_array_mut).into_iter().flatten();
        for (place, weight) in places.zip(after).filter(|(place, _)| place.is_object()) {
            place["weight"] = weight;
        }
        found.push((list, changed));
    }
    found
}
