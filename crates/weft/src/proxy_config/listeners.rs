//! Rows of listeners: one per filter chain.

use serde_json::Value;

use super::{Sheet, address, entries, kind_of, text};

pub(super) fn sheet(dump: &Value) -> Sheet {
    let mut found = entries(dump, &["dynamic_listeners"], "/active_state/listener");
    found.extend(entries(dump, &["static_listeners"], "/listener"));
    let mut rows: Vec<Vec<String>> = found.into_iter().flat_map(rows).collect();
    rows.sort_by_key(|row| (row[1].parse::<u32>().unwrap_or(0), row[0].clone()));
    Sheet { headings: &["ADDRESSES", "PORT", "MATCH", "DESTINATION"], rows }
}

fn rows(listener: &Value) -> Vec<Vec<String>> {
    let (address, port) = address(&listener["address"]);
    let chains = listener["filter_chains"].as_array().into_iter().flatten();
    let last = Some(&listener["default_filter_chain"]).filter(|chain| chain.is_object());
    let row = |chain: &Value| {
        vec![
            address.clone(),
            port.clone(),
            matches(&chain["filter_chain_match"]),
            destination(chain),
        ]
    };
    chains.chain(last).map(row).collect()
}

fn matches(chain: &Value) -> String {
    let mut parts = Vec::new();
    let list = |key: &str| {
        let items = chain[key].as_array().into_iter().flatten();
        items.map(text).collect::<Vec<_>>().join(",")
    };
    for (key, name) in [("server_names", "SNI"), ("application_protocols", "App")] {
        if chain[key].is_array() {
            parts.push(format!("{name}: {}", list(key)));
        }
    }
    if let Some(transport) = chain["transport_protocol"].as_str() {
        parts.insert(0, format!("Trans: {transport}"));
    }
    if chain["destination_port"].is_number() {
        parts.push(format!("Addr: *:{}", chain["destination_port"]));
    }
    for prefix in chain["prefix_ranges"].as_array().into_iter().flatten() {
        parts.push(format!("Addr: {}/{}", text(&prefix["address_prefix"]), prefix["prefix_len"]));
    }
    if parts.is_empty() { "ALL".to_owned() } else { parts.join("; ") }
}

fn destination(chain: &Value) -> String {
    let filters = chain["filters"].as_array().into_iter().flatten();
    let mut told = filters.filter_map(|filter| {
        let config = &filter["typed_config"];
        match kind_of(config) {
            "HttpConnectionManager" => Some(http(config)),
            "TcpProxy" => Some(tcp(config)),
            _ => None,
        }
    });
    told.next_back().unwrap_or_else(|| "Non-HTTP/Non-TCP".to_owned())
}

fn tcp(config: &Value) -> String {
    if let Some(cluster) = config["cluster"].as_str() {
        return format!("Cluster: {cluster}");
    }
    let clusters = config["weighted_clusters"]["clusters"].as_array().into_iter().flatten();
    let told = clusters.map(|one| format!("{} ({})", text(&one["name"]), one["weight"]));
    format!("Clusters: {}", told.collect::<Vec<_>>().join(", "))
}

fn http(config: &Value) -> String {
    if let Some(name) = config["rds"]["route_config_name"].as_str() {
        return format!("Route: {name}");
    }
    let hosts = config["route_config"]["virtual_hosts"].as_array().into_iter().flatten();
    let routes = hosts.filter_map(|host| host["routes"].as_array()).flatten();
    let cluster = routes.filter_map(|route| route["route"]["cluster"].as_str()).next();
    cluster.map_or("Inline Route".to_owned(), |cluster| format!("Inline Route: {cluster}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_chain_tells_what_it_takes_and_where_it_goes() {
        let manager = json!({"@type": "type.googleapis.com/x.HttpConnectionManager",
            "rds": {"route_config_name": "8080"}});
        let proxy =
            json!({"@type": "type.googleapis.com/x.TcpProxy", "cluster": "PassthroughCluster"});
        let dump = json!({"dynamic_listeners": [{"active_state": {"listener": {
            "address": {"socket_address": {"address": "0.0.0.0", "port_value": 8080}},
            "filter_chains": [{"filter_chain_match": {"transport_protocol": "raw_buffer",
                "application_protocols": ["http/1.1", "h2c"]}, "filters": [{"typed_config": manager}]}],
            "default_filter_chain": {"filters": [{"typed_config": proxy}]},
        }}}]});
        let rows = sheet(&dump).rows;
        assert_eq!(
            rows[0],
            ["0.0.0.0", "8080", "Trans: raw_buffer; App: http/1.1,h2c", "Route: 8080"]
        );
        assert_eq!(rows[1][2..], ["ALL", "Cluster: PassthroughCluster"]);
    }
}
