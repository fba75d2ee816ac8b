//! Patches that give virtual hosts or routes a limit of their own, in place of the one that the filter has.
//!
//! In: a patch. Out: the limit and whose it is, or why it does nothing here.
//! Holds: names and actions choose as in Istio; what would choose otherwise does not act, and is told.

use serde_json::{Map, Value};
use weft_api::envoy_filter::{
    ApplyTo, Change, FilterClass, Match, Operation, Patch, PatchContext, RouteAction,
    RouteConfigurationMatch, RouteMatch, VirtualHostMatch,
};

use super::{LOCAL, field, fits, only, unpacked};

/// The name under which routes say the limit that holds for them. A filter of another name keeps its own limit.
pub const FILTER: &str = "envoy.filters.http.local_ratelimit";

/// A limit of virtual hosts or of routes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Merged<'a> {
    /// For which proxies.
    pub context: PatchContext,
    /// For virtual hosts as a whole; else for routes.
    pub whole: bool,
    /// Its configuration, a message of the name [`LOCAL`].
    pub config: &'a Value,
    /// It stands in a TypedStruct.
    pub packed: bool,
    wanted: Wanted<'a>,
}

/// Names that are looked for; an empty one is any.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Wanted<'a> {
    table: &'a str,
    host: &'a str,
    domain: &'a str,
    route: &'a str,
    action: RouteAction,
}

impl Merged<'_> {
    /// Whether it is for a virtual host, or for routes of it.
    #[must_use]
    pub fn is_for_host(&self, table: &str, name: &str, domains: &[String]) -> bool {
        let Wanted { table: in_table, host, domain, .. } = self.wanted;
        fits_name(in_table, table)
            && fits_name(host, name)
            && (domain.is_empty() || domains.iter().any(|known| known == domain))
    }

    /// Whether it is for a route of a virtual host that it is for; [`RouteAction::Any`] is an action of no name.
    #[must_use]
    pub fn is_for_route(&self, name: &str, action: RouteAction) -> bool {
        let any = self.wanted.action == RouteAction::Any;
        fits_name(self.wanted.route, name) && (any || self.wanted.action == action)
    }
}

fn fits_name(wanted: &str, found: &str) -> bool {
    wanted.is_empty() || wanted == found
}

/// The limit that a patch gives, and to whom.
///
/// # Errors
/// Why it does nothing.
pub fn merged(patch: &Patch) -> Result<Merged<'_>, String> {
    let Patch { apply_to, matches, patch } = patch;
    let whole = match apply_to {
        ApplyTo::VirtualHost => true,
        ApplyTo::HttpRoute => false,
        other => return Err(format!("applyTo {} does not act", other.as_str())),
    };
    let Some(Change { operation, value, filter_class }) = patch else {
        return Err("there is no patch".to_owned());
    };
    if *operation != Operation::Merge {
        return Err(format!("operation {} does not act on routes", operation.as_str()));
    }
    if *filter_class != FilterClass::Unspecified {
        return Err("filterClass does not act".to_owned());
    }
    let (config, packed) = limit(value.as_ref().ok_or("there is nothing to merge")?)?;
    let (context, wanted) = place(matches.as_ref(), whole)?;
    Ok(Merged { context, whole, config, packed, wanted })
}

/// The one limit of what is merged.
fn limit(value: &Map<String, Value>) -> Result<(&Value, bool), String> {
    only(value, &["typed_per_filter_config"])?;
    let configs = field(value, "typed_per_filter_config").and_then(Value::as_object);
    let configs = configs.ok_or("there is no typed_per_filter_config")?;
    if let Some(other) = configs.keys().find(|name| *name != FILTER) {
        return Err(format!("the configuration of {other} does not act; name it {FILTER}"));
    }
    let config = configs.get(FILTER).ok_or("its typed_per_filter_config is empty")?;
    let (kind, config, packed) = unpacked(config)?;
    if kind != LOCAL {
        return Err(format!("a configuration of {kind} does not act"));
    }
    fits(config)?;
    // Envoy refuses the whole table of routes.
    if config.as_object().and_then(|config| field(config, "token_bucket")).is_none() {
        return Err("a limit of routes needs a token_bucket".to_owned());
    }
    Ok((config, packed))
}

fn place(matches: Option<&Match>, whole: bool) -> Result<(PatchContext, Wanted<'_>), String> {
    let Some(Match { context, proxy, listener, route_configuration, cluster, waypoint }) = matches
    else {
        return Ok((PatchContext::Any, Wanted::default()));
    };
    let other = proxy.is_some() || listener.is_some() || cluster.is_some();
    if other || waypoint.is_some() || *context == PatchContext::Waypoint {
        return Err("such a match does not act".to_owned());
    }
    let Some(RouteConfigurationMatch { port_number, port_name, gateway, vhost, name }) =
        route_configuration
    else {
        return Ok((*context, Wanted::default()));
    };
    if *port_number != 0 || !port_name.is_empty() || !gateway.is_empty() {
        let why = "of match.routeConfiguration only name and vhost act";
        return Err(why.to_owned());
    }
    let mut wanted = Wanted { table: name, ..Wanted::default() };
    let Some(VirtualHostMatch { name, domain_name, route }) = vhost else {
        return Ok((*context, wanted));
    };
    (wanted.host, wanted.domain) = (name, domain_name);
    if let Some(RouteMatch { name, action }) = route {
        if whole && (!name.is_empty() || *action != RouteAction::Any) {
            return Err("a match of a route goes with applyTo HTTP_ROUTE".to_owned());
        }
        (wanted.route, wanted.action) = (name, *action);
    }
    Ok((*context, wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weft_api::{Read as _, Reader};

    use super::*;

    fn patch(apply_to: &str, matches: &Value, value: &Value) -> Patch {
        let patch = json!({ "applyTo": apply_to, "match": matches,
            "patch": { "operation": "MERGE", "value": value } });
        Patch::read(&patch, &mut Reader::at(""))
    }

    fn value(config: &Value) -> Value {
        let packed = json!({ "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
            "type_url": format!("type.googleapis.com/{LOCAL}"), "value": config });
        json!({ "typed_per_filter_config": { FILTER: packed } })
    }

    fn bucket() -> Value {
        value(&json!({ "stat_prefix": "a", "token_bucket": { "max_tokens": 1 } }))
    }

    fn of(vhost: &Value) -> Value {
        json!({ "context": "SIDECAR_INBOUND", "routeConfiguration": { "vhost": vhost } })
    }

    #[test]
    fn hosts_and_routes_are_chosen_by_what_is_said_of_them() {
        let domains = ["a.b".to_owned(), "a".to_owned()];
        let all = patch("VIRTUAL_HOST", &Value::Null, &bucket());
        let all = merged(&all).unwrap();
        assert!(all.whole && all.packed && all.is_for_host("80", "a.b:80", &domains));
        let one = patch(
            "HTTP_ROUTE",
            &of(&json!({ "name": "a.b:80", "domainName": "a",
            "route": { "name": "r", "action": "ROUTE" } })),
            &bucket(),
        );
        let one = merged(&one).unwrap();
        assert!(!one.whole && one.is_for_host("80", "a.b:80", &domains));
        assert!(!one.is_for_host("80", "a.b:81", &domains));
        assert!(!one.is_for_host("80", "a.b:80", &domains[..1]));
        assert!(one.is_for_route("r", RouteAction::Route));
        assert!(!one.is_for_route("r", RouteAction::Redirect));
        assert!(!one.is_for_route("s", RouteAction::Route));
        let table = json!({ "routeConfiguration": { "name": "80" } });
        let table = patch("VIRTUAL_HOST", &table, &bucket());
        let table = merged(&table).unwrap();
        assert!(table.is_for_host("80", "x", &[]) && !table.is_for_host("81", "x", &[]));
    }

    #[test]
    fn what_is_chosen_or_limited_otherwise_does_not_act() {
        let route = of(&json!({ "route": { "action": "ROUTE" } }));
        let port = json!({ "routeConfiguration": { "portNumber": 80 } });
        let other = json!({ "typed_per_filter_config": { "mine": bucket()["typed_per_filter_config"][FILTER] } });
        let cors = json!({ "typed_per_filter_config": { FILTER: {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy" } } });
        for (apply_to, matches, value) in [
            ("VIRTUAL_HOST", &route, &bucket()),
            ("HTTP_ROUTE", &port, &bucket()),
            ("HTTP_ROUTE", &Value::Null, &other),
            ("HTTP_ROUTE", &Value::Null, &cors),
            ("HTTP_ROUTE", &Value::Null, &value(&json!({ "stat_prefix": "a" }))),
            ("HTTP_ROUTE", &Value::Null, &json!({ "rate_limits": [] })),
            ("ROUTE_CONFIGURATION", &Value::Null, &bucket()),
        ] {
            merged(&patch(apply_to, matches, value)).unwrap_err();
        }
    }
}
