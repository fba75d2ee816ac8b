//! A call as the server gets it, and what its response is given.
//! In: a call, an answer. Out: fields, path and host. Holds: what is taken off goes first, as proxies do it; values with
//! variables (`%…%`) stay as they are written.

use std::collections::BTreeMap;

use serde_json::Value;
use weft_explain::Call;

/// Fields by name in small letters; `None`: taken off.
pub(crate) type Fields = BTreeMap<String, Option<String>>;

/// Fields of the request.
pub(crate) fn request_fields(call: &Call, answer: &Value) -> Fields {
    let mut found = Fields::new();
    for (name, value) in &call.fields {
        add(&mut found, name, value);
    }
    operate(&mut found, &answer["headers"]["request"]);
    found
}

/// Fields that the response is given.
pub(crate) fn response_fields(answer: &Value) -> Fields {
    let mut found = Fields::new();
    operate(&mut found, &answer["headers"]["response"]);
    found
}

/// Path as the server sees it.
pub(crate) fn path<'a>(call: &'a Call, answer: &'a Value) -> &'a str {
    answer["rewrite"]["path"].as_str().unwrap_or(&call.path)
}

/// Host as the server sees it.
pub(crate) fn host(call: &Call, answer: &Value) -> String {
    let own = || {
        let named = |wanted: &str| call.fields.iter().find(|(name, _)| name == wanted);
        let named = named("host").or_else(|| named(":authority"));
        named.map_or(call.host.as_str(), |(_, value)| value).to_owned()
    };
    answer["rewrite"]["authority"].as_str().map_or_else(own, str::to_owned)
}

fn add(fields: &mut Fields, name: &str, value: &str) {
    let place = fields.entry(name.to_ascii_lowercase()).or_default();
    *place = match place.take() {
        Some(before) => Some(format!("{before},{value}")),
        None => Some(value.to_owned()),
    };
}

fn operate(fields: &mut Fields, operations: &Value) {
    let named = |kind: &str| operations[kind].as_object().into_iter().flatten();
    for name in operations["remove"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        fields.insert(name.to_ascii_lowercase(), None);
    }
    for (name, value) in named("add") {
        add(fields, name, value.as_str().unwrap_or_default());
    }
    for (name, value) in named("set") {
        fields.insert(name.to_ascii_lowercase(), value.as_str().map(str::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weft_explain::Origin;

    use super::*;

    #[test]
    fn operations_are_carried_out_as_a_proxy_does() {
        let mut call = Call::new(Origin::from("a.b").unwrap(), "c:80").unwrap();
        call.add_field("X-Old: 1").unwrap();
        call.add_field("x-more: a").unwrap();
        let answer = json!({"headers": {"request": {"remove": ["x-old"], "add": {"x-more": "b"},
            "set": {"x-new": "%REQ(x)%"}}}});
        let fields = request_fields(&call, &answer);
        assert_eq!(fields["x-old"], None);
        assert_eq!(fields["x-more"].as_deref(), Some("a,b"));
        assert_eq!(fields["x-new"].as_deref(), Some("%REQ(x)%"));
        assert_eq!((path(&call, &answer), host(&call, &answer)), ("/", "c".to_owned()));
    }
}
