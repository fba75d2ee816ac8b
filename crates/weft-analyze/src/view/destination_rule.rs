//! Every place of a DestinationRule that has a traffic policy.

use serde_json::Value;

use super::{Json, Object};

/// A traffic policy and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct TrafficPolicy<'a> {
    pub(crate) raw: &'a Value,
    /// JSON pointer of it.
    pub(crate) field: String,
    /// Settings of one port; these replace those around them.
    pub(crate) is_port_level: bool,
}

/// The policy of the whole, of each port, and of each subset.
pub(crate) fn traffic_policies<'a>(rule: &Object<'a>) -> Vec<TrafficPolicy<'a>> {
    let mut found = Vec::new();
    collect(rule.spec().at("trafficPolicy"), "/spec/trafficPolicy", &mut found);
    for (index, subset) in rule.spec().list("subsets").iter().enumerate() {
        let field = format!("/spec/subsets/{index}/trafficPolicy");
        collect(subset.at("trafficPolicy"), &field, &mut found);
    }
    found
}

fn collect<'a>(raw: &'a Value, field: &str, found: &mut Vec<TrafficPolicy<'a>>) {
    if raw.is_null() {
        return;
    }
    found.push(TrafficPolicy { raw, field: field.to_owned(), is_port_level: false });
    for (index, port) in raw.list("portLevelSettings").iter().enumerate() {
        let field = format!("{field}/portLevelSettings/{index}");
        found.push(TrafficPolicy { raw: port, field, is_port_level: true });
    }
}
