//! Rows of routes: one per route of a virtual host.

use serde_json::Value;

use super::{Sheet, entries, origin, text};

pub(super) fn sheet(dump: &Value) -> Sheet {
    let found = entries(dump, &["dynamic_route_configs", "static_route_configs"], "/route_config");
    let mut rows: Vec<Vec<String>> = found.into_iter().flat_map(rows).collect();
    rows.sort_by_key(|row| (row[0].parse::<u32>().unwrap_or(u32::MAX), row[0].clone()));
    Sheet { headings: &["NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"], rows }
}

fn rows(config: &Value) -> Vec<Vec<String>> {
    let name = text(&config["name"]);
    let hosts = config["virtual_hosts"].as_array().into_iter().flatten();
    let row = |host: &Value, route: &Value| {
        vec![
            name.clone(),
            text(&host["name"]),
            domains(&host["domains"]),
            matches(&route["match"]),
            virtual_service(route),
        ]
    };
    let of = |host: &Value| {
        let routes = host["routes"].as_array().into_iter().flatten();
        routes.map(|route| row(host, route)).collect::<Vec<_>>()
    };
    hosts.flat_map(of).collect()
}

fn domains(domains: &Value) -> String {
    let all: Vec<String> = domains.as_array().into_iter().flatten().map(text).collect();
    match all.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first, second] => format!("{first}, {second}"),
        [first, rest @ ..] => format!("{first} + {} more", rest.len()),
    }
}

fn matches(found: &Value) -> String {
    let mut parts = Vec::new();
    if let Some(prefix) = found["prefix"].as_str() {
        parts.push(format!("{prefix}*"));
    }
    for key in ["path", "path_separated_prefix"] {
        parts.extend(found[key].as_str().map(str::to_owned));
    }
    parts.extend(found["safe_regex"]["regex"].as_str().map(|regex| format!("regex {regex}")));
    for header in found["headers"].as_array().into_iter().flatten() {
        parts.push(format!("{}{}", text(&header["name"]), wanted(header)));
    }
    for parameter in found["query_parameters"].as_array().into_iter().flatten() {
        parts.push(format!("?{}{}", text(&parameter["name"]), wanted(parameter)));
    }
    parts.join(" ")
}

/// What a header or parameter must be.
fn wanted(matcher: &Value) -> String {
    let string = &matcher["string_match"];
    let not = if matcher["invert_match"] == true { "!" } else { "" };
    let exact = string["exact"].as_str().map(|value| format!("{not}={value}"));
    let prefix = || string["prefix"].as_str().map(|value| format!("{not}={value}*"));
    let regex = || string["safe_regex"]["regex"].as_str().map(|value| format!("{not}~{value}"));
    exact
        .or_else(prefix)
        .or_else(regex)
        .unwrap_or_else(|| if not.is_empty() { " present".into() } else { " absent".into() })
}

/// The object, or 404 for a route that answers by itself.
fn virtual_service(route: &Value) -> String {
    let from = origin(route);
    if !from.is_empty() {
        return from;
    }
    let status = &route["direct_response"]["status"];
    if status.is_number() { status.to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_route_tells_its_match_and_its_object() {
        let config = "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/web";
        let route = json!({"match": {"prefix": "/", "headers": [{"name": "x-user", "string_match": {"exact": "beta"}}]},
            "metadata": {"filter_metadata": {"istio": {"config": config}}}});
        let host = json!({"name": "web:80", "domains": ["web", "web.shop", "10.0.0.1"], "routes": [route]});
        let dump = json!({"dynamic_route_configs": [{"route_config": {"name": "80", "virtual_hosts": [host]}}]});
        assert_eq!(
            sheet(&dump).rows[0],
            ["80", "web:80", "web + 2 more", "/* x-user=beta", "web.shop"]
        );
    }
}
