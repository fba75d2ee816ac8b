//! What the listeners of a proxy say about policies.
//!
//! In: the dump of its listeners. Out: which policies they were made from, and which rules stand at which port.
//! Holds: weft-proxy's dump and Envoy's are read alike.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::proxy_config::{address, entries, kind_of, text};

/// The port on which captured connections arrive; what is there without a port of its own is for all others.
const CAPTURED: &str = "15006";
/// Stands for all ports that no chain names.
const OTHERS: &str = "others";

/// Policies of a proxy.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// `NAMESPACE/NAME` of the policies that listeners were made from.
    pub(super) policies: BTreeSet<String>,
    /// By action, `ALLOW` or `DENY`: the ports at which somebody is asked.
    pub(super) ports: BTreeMap<String, BTreeSet<String>>,
    /// By the compiled name: the action, and the ports at which the rule stands.
    pub(super) rules: BTreeMap<String, (String, BTreeSet<String>)>,
}

impl Held {
    /// Reads a dump.
    pub(super) fn of(dump: &Value) -> Self {
        let mut found = entries(dump, &["dynamic_listeners"], "/active_state/listener");
        found.extend(entries(dump, &["static_listeners"], "/listener"));
        let mut held = Self::default();
        found.into_iter().for_each(|listener| held.add(listener));
        held
    }

    fn add(&mut self, listener: &Value) {
        self.made_from(listener);
        let (_, port) = address(&listener["address"]);
        let chains = listener["filter_chains"].as_array().into_iter().flatten();
        let last = Some(&listener["default_filter_chain"]).filter(|chain| chain.is_object());
        for chain in chains.chain(last) {
            self.made_from(chain);
            let port = match chain["filter_chain_match"]["destination_port"].as_u64() {
                Some(own) => own.to_string(),
                None if port == CAPTURED => OTHERS.to_owned(),
                None => port.clone(),
            };
            for filter in chain["filters"].as_array().into_iter().flatten() {
                self.filter(&filter["typed_config"], &port);
            }
        }
    }

    fn filter(&mut self, config: &Value, port: &str) {
        match kind_of(config) {
            "HttpConnectionManager" => {
                for filter in config["http_filters"].as_array().into_iter().flatten() {
                    self.filter(&filter["typed_config"], port);
                }
            }
            "RBAC" if config["rules"].is_object() => self.rules(&config["rules"], port),
            _ => {}
        }
    }

    fn rules(&mut self, rules: &Value, port: &str) {
        // What is first in an enumeration may be left out of JSON.
        let action = rules["action"].as_str().unwrap_or("ALLOW").to_owned();
        self.ports.entry(action.clone()).or_default().insert(port.to_owned());
        for name in rules["policies"].as_object().into_iter().flatten().map(|(name, _)| name) {
            let rule = self.rules.entry(name.clone()).or_default();
            rule.0.clone_from(&action);
            rule.1.insert(port.to_owned());
        }
    }

    fn made_from(&mut self, part: &Value) {
        let config = &part["metadata"]["filter_metadata"]["istio"]["config"];
        let many = config.as_array().into_iter().flatten();
        for path in many.chain(config.is_string().then_some(config)).map(text) {
            let parts: Vec<&str> = path.split('/').collect();
            if let [.., "namespaces", namespace, "authorization-policy", name] = parts.as_slice() {
                self.policies.insert(format!("{namespace}/{name}"));
            }
        }
    }
}
