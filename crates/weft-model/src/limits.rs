//! Patches of EnvoyFilters that act: those that put a limit of rates into the filters of requests, or give one to routes.
//!
//! In: a patch. Out: what it puts where, or why it does nothing here. Asked by the check, which tells, and by the translation.
//! Holds: whatever is not known to act the same on both data planes does not act, and is told.

use serde_json::{Map, Value};
use weft_api::envoy_filter::{
    ApplyTo, Change, FilterChainMatch, FilterClass, FilterMatch, ListenerMatch, Match, Operation,
    Patch, PatchContext,
};

mod of_routes;

pub use of_routes::{FILTER, Merged, merged};

/// The configuration of a local limit.
pub const LOCAL: &str = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
const MANAGERS: [&str; 3] =
    ["", "envoy.filters.network.http_connection_manager", "envoy.http_connection_manager"];
const ROUTER: &str = "envoy.filters.http.router";
const STRUCTS: [&str; 2] = ["udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct"];

/// A filter that a patch puts before others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inserted<'a> {
    /// For which proxies.
    pub context: PatchContext,
    /// Before all others; else before the router.
    pub first: bool,
    /// Name of the filter.
    pub name: &'a str,
    /// Its configuration, a message of the name [`LOCAL`].
    pub config: &'a Value,
    /// It stands in a TypedStruct.
    pub packed: bool,
}

/// What a patch puts where.
///
/// # Errors
/// Why it does nothing.
pub fn inserted(patch: &Patch) -> Result<Inserted<'_>, String> {
    let Patch { apply_to, matches, patch } = patch;
    if *apply_to != ApplyTo::HttpFilter {
        return Err(format!("applyTo {} does not act", apply_to.as_str()));
    }
    let Some(Change { operation, value, filter_class }) = patch else {
        return Err("there is no patch".to_owned());
    };
    if *filter_class != FilterClass::Unspecified {
        return Err("filterClass does not act".to_owned());
    }
    let value = value.as_ref().ok_or("there is no filter")?;
    let (name, config, packed) = named(value)?;
    fits(config)?;
    let (context, before_router) = place(matches.as_ref())?;
    let first = match operation {
        Operation::InsertFirst => true,
        Operation::InsertBefore => !before_router,
        other => return Err(format!("operation {} does not act", other.as_str())),
    };
    Ok(Inserted { context, first, name, config, packed })
}

/// For whom it is, and whether it goes before the router.
fn place(matches: Option<&Match>) -> Result<(PatchContext, bool), String> {
    let Some(Match { context, proxy, listener, route_configuration, cluster, waypoint }) = matches
    else {
        return Ok((PatchContext::Any, false));
    };
    let other = proxy.is_some() || route_configuration.is_some() || cluster.is_some();
    if other || waypoint.is_some() || *context == PatchContext::Waypoint {
        return Err("such a match does not act".to_owned());
    }
    let Some(ListenerMatch { port_number: 0, port_name, filter_chain, listener_filter, name }) =
        listener
    else {
        return match listener {
            None => Ok((*context, false)),
            Some(_) => Err("match.listener.portNumber does not act".to_owned()),
        };
    };
    if [port_name, listener_filter, name].iter().any(|text| !text.is_empty()) {
        return Err("a match of a listener by name does not act".to_owned());
    }
    let Some(chain) = filter_chain else { return Ok((*context, false)) };
    let known = FilterChainMatch { filter: chain.filter.clone(), ..FilterChainMatch::default() };
    if *chain != known {
        return Err("only a filter of match.listener.filterChain acts".to_owned());
    }
    let Some(FilterMatch { name, sub_filter }) = &chain.filter else {
        return Ok((*context, false));
    };
    match sub_filter.as_ref().map(|sub| sub.name.as_str()) {
        _ if !MANAGERS.contains(&name.as_str()) => Err(format!("{name} holds no filters")),
        None => Ok((*context, false)),
        Some(ROUTER) => Ok((*context, true)),
        Some(other) => Err(format!("a place before {other} does not act")),
    }
}

/// The name of a filter, and its configuration when that is a limit.
fn named(filter: &Map<String, Value>) -> Result<(&str, &Value, bool), String> {
    only(filter, &["name", "typed_config"])?;
    let name = filter.get("name").and_then(Value::as_str).unwrap_or_default();
    let config = field(filter, "typed_config").ok_or("there is no typed_config")?;
    let (kind, config, packed) = unpacked(config)?;
    match kind == LOCAL {
        true => Ok((name, config, packed)),
        false => Err(format!("a filter of {kind} does not act")),
    }
}

/// The kind of a configuration, its fields, and whether they stand in a TypedStruct.
fn unpacked(config: &Value) -> Result<(&str, &Value, bool), String> {
    let kind = |key: &str| {
        let url = config.get(key).and_then(Value::as_str).unwrap_or_default();
        url.rsplit('/').next().unwrap_or_default()
    };
    let own = kind("@type");
    if !STRUCTS.contains(&own) {
        return Ok((own, config, false));
    }
    let inner = config.get("value").ok_or("its configuration holds no value")?;
    let key = if config.get("type_url").is_some() { "type_url" } else { "typeUrl" };
    Ok((kind(key), inner, true))
}

/// Whether both data planes do all of it.
fn fits(config: &Value) -> Result<(), String> {
    let config = config.as_object().ok_or("the limit is no map of fields")?;
    only(
        config,
        &[
            "@type",
            "stat_prefix",
            "status",
            "token_bucket",
            "filter_enabled",
            "filter_enforced",
            "request_headers_to_add_when_not_enforced",
            "response_headers_to_add",
            "descriptors",
            "enable_x_ratelimit_headers",
            "always_consume_default_token_bucket",
            "rate_limited_as_resource_exhausted",
            "rate_limits",
            "max_dynamic_descriptors",
            "enable_retry_after_header",
        ],
    )?;
    for header in each(config, "request_headers_to_add_when_not_enforced")
        .chain(each(config, "response_headers_to_add"))
    {
        let operation = header.get("append_action").or_else(|| header.get("appendAction"));
        if operation.is_some_and(|operation| operation == "OVERWRITE_IF_EXISTS") {
            return Err("OVERWRITE_IF_EXISTS does not act".to_owned());
        }
        let value = header.get("header").and_then(|header| header.get("value"));
        literal(value)?;
    }
    let described = each(config, "rate_limits").next().is_some();
    if each(config, "descriptors").next().is_some() && !described {
        let why = "descriptors need rate_limits beside them, in the same configuration";
        return Err(why.to_owned());
    }
    for descriptor in each(config, "descriptors") {
        only(descriptor, &["entries", "token_bucket"])?;
    }
    for limit in each(config, "rate_limits") {
        only(limit, &["actions"])?;
        each(limit, "actions").try_for_each(action)?;
    }
    Ok(())
}

fn action(action: &Map<String, Value>) -> Result<(), String> {
    const KINDS: &[(&str, &[&str])] = &[
        ("generic_key", &["descriptor_key", "descriptor_value"]),
        ("request_headers", &["header_name", "descriptor_key", "skip_if_absent"]),
        ("query_parameters", &["query_parameter_name", "descriptor_key", "skip_if_absent"]),
        ("remote_address", &[]),
        ("masked_remote_address", &["v4_prefix_mask_len", "v6_prefix_mask_len"]),
        ("header_value_match", &["descriptor_key", "descriptor_value", "expect_match", "headers"]),
    ];
    only(action, &KINDS.iter().map(|(name, _)| *name).collect::<Vec<_>>())?;
    for (name, fields) in KINDS {
        if let Some(inner) = field(action, name).and_then(Value::as_object) {
            only(inner, fields)?;
            literal(field(inner, "descriptor_value"))?;
        }
    }
    Ok(())
}

fn literal(value: Option<&Value>) -> Result<(), String> {
    match value.and_then(Value::as_str) {
        Some(text) if text.contains('%') => Err(format!("an operator in {text:?} does not act")),
        _ => Ok(()),
    }
}

/// A field by its name in .proto files; JSON may write it in camel case.
pub(crate) fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.get(&camel(name))).filter(|value| !value.is_null())
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(part.len().min(1));
        out.push_str(&first.to_ascii_uppercase());
        out.push_str(rest);
    }
    out
}

fn each<'a>(
    object: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> + use<'a> {
    let list = field(object, name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object)
}

fn only(object: &Map<String, Value>, names: &[&str]) -> Result<(), String> {
    let known = |key: &str| names.iter().any(|name| *name == key || camel(name) == key);
    match object.keys().find(|key| !known(key)) {
        Some(other) => Err(format!("its field {other} does not act")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weft_api::{Read as _, Reader};

    use super::*;

    fn told(apply_to: &str, matches: &Value, value: &Value) -> Result<bool, String> {
        let patch = json!({ "applyTo": apply_to, "match": matches,
            "patch": { "operation": "INSERT_BEFORE", "value": value } });
        let patch = Patch::read(&patch, &mut Reader::at(""));
        inserted(&patch).map(|found| found.first)
    }

    fn filter(config: &Value) -> Value {
        let mut config = config.clone();
        config["@type"] = format!("type.googleapis.com/{LOCAL}").into();
        json!({ "name": "l", "typed_config": config })
    }

    #[test]
    fn a_limit_goes_to_the_front_or_before_the_router() {
        let plain = filter(&json!({ "stat_prefix": "a" }));
        let at = |sub: Value| {
            let mut filter = json!({ "name": MANAGERS[1] });
            if !sub.is_null() {
                filter["subFilter"] = json!({ "name": sub });
            }
            json!({ "context": "GATEWAY", "listener": { "filterChain": { "filter": filter } } })
        };
        assert_eq!(told("HTTP_FILTER", &Value::Null, &plain), Ok(true));
        assert_eq!(told("HTTP_FILTER", &at(Value::Null), &plain), Ok(true));
        assert_eq!(told("HTTP_FILTER", &at(ROUTER.into()), &plain), Ok(false));
        let packed = json!({ "name": "l", "typed_config": {
            "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
            "type_url": format!("type.googleapis.com/{LOCAL}"), "value": { "statPrefix": "a" } } });
        assert_eq!(told("HTTP_FILTER", &at(Value::Null), &packed), Ok(true));
        for (apply_to, matches) in [
            ("CLUSTER", Value::Null),
            ("HTTP_FILTER", at("envoy.filters.http.cors".into())),
            ("HTTP_FILTER", json!({ "listener": { "portNumber": 80 } })),
            ("HTTP_FILTER", json!({ "proxy": { "proxyVersion": "1.*" } })),
        ] {
            told(apply_to, &matches, &plain).unwrap_err();
        }
    }

    #[test]
    fn what_a_plane_would_do_otherwise_does_not_act() {
        for config in [
            json!({ "stage": 1 }),
            json!({ "local_rate_limit_per_downstream_connection": true }),
            json!({ "descriptors": [{ "entries": [{ "key": "a" }] }] }),
            json!({ "rateLimits": [{ "actions": [{ "metadata": {} }] }] }),
            json!({ "rate_limits": [{ "actions": [{ "genericKey": { "descriptorValue": "%A%" } }] }] }),
            json!({ "response_headers_to_add": [{ "header": { "key": "a", "value": "%B%" } }] }),
        ] {
            told("HTTP_FILTER", &Value::Null, &filter(&config)).unwrap_err();
        }
        let fits = json!({ "rateLimits": [{ "actions": [{ "remoteAddress": {} }] }],
            "descriptors": [{ "entries": [{ "key": "remote_address" }] }] });
        assert_eq!(told("HTTP_FILTER", &Value::Null, &filter(&fits)), Ok(true));
    }
}
