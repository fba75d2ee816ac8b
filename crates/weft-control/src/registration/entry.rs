//! The WorkloadEntry of a machine, from its group and from what its proxy says of itself.
//!
//! In: a proxy's node, a WorkloadGroup. Out: an entry.
//! Holds: what the proxy says goes over the group's metadata, and that over the group's template.

use ctl_push::ProxyNode;
use serde_json::{Map, Value, json};
use tonic::Status;
use weft_proto::google::protobuf::value::Kind;

/// The group that an entry was made of.
pub(super) const GROUP: &str = "istio.io/autoRegistrationGroup";
/// When its proxy connected, and when it left.
pub(super) const CONNECTED: &str = "istio.io/connectedAt";
pub(super) const DISCONNECTED: &str = "istio.io/disconnectedAt";
/// Who keeps entries.
pub(super) const CONTROLLER: &str = "weft-control-plane";
/// The longest name of an object.
const LONGEST_NAME: usize = 253;

/// What a proxy asks for.
pub(super) struct Wanted {
    pub(super) namespace: String,
    pub(super) group: String,
    /// Of the entry.
    pub(super) name: String,
    address: String,
    network: Option<String>,
    locality: String,
    labels: Map<String, Value>,
    service_account: Option<String>,
}

impl Wanted {
    /// `None` for a proxy that does not register.
    pub(super) fn of(proxy: &ProxyNode) -> Option<Self> {
        let text = |key: &str| proxy.metadata(key).filter(|text| !text.is_empty());
        let group = text("AUTO_REGISTER_GROUP")?.to_owned();
        let (address, network) = (proxy.ip.to_string(), text("NETWORK").map(str::to_owned));
        let parts = [Some(group.clone()), Some(address.replace(':', "-")), network.clone()];
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join("-");
        // The end tells machines of one group apart.
        let name = name.get(name.len().saturating_sub(LONGEST_NAME)..).unwrap_or(&name).to_owned();
        let place = proxy.node.locality.as_ref();
        let places = place.map(|place| [&place.region, &place.zone, &place.sub_zone]);
        let places = places.into_iter().flatten().map(String::as_str);
        Some(Self {
            namespace: proxy.namespace.clone(),
            group,
            name,
            address,
            network,
            locality: places.collect::<Vec<_>>().join("/").trim_end_matches('/').to_owned(),
            labels: labels(proxy),
            service_account: text("SERVICE_ACCOUNT").map(str::to_owned),
        })
    }

    /// The entry.
    ///
    /// # Errors
    /// When the proxy runs as somebody else than the group says.
    pub(super) fn entry(&self, group: &Value, now: &str) -> Result<Value, Status> {
        let template = group["spec"]["template"].as_object().cloned().unwrap_or_default();
        let account = template.get("serviceAccount").and_then(Value::as_str).unwrap_or_default();
        if !account.is_empty() && self.service_account.as_deref() != Some(account) {
            return Err(Status::permission_denied(format!(
                "WorkloadGroup {}/{} is for service account {account}, and the proxy runs as {}",
                self.namespace,
                self.group,
                self.service_account.as_deref().unwrap_or("nobody")
            )));
        }
        let metadata = &group["spec"]["metadata"];
        let mut spec = template;
        let mut labels = object(spec.get("labels"));
        labels.extend(object(metadata.get("labels")));
        labels.extend(self.labels.clone());
        spec.insert("address".into(), self.address.clone().into());
        if let Some(network) = &self.network {
            spec.insert("network".into(), network.clone().into());
        }
        if !self.locality.is_empty() {
            spec.insert("locality".into(), self.locality.clone().into());
        }
        if !labels.is_empty() {
            spec.insert("labels".into(), labels.clone().into());
        }
        let mut annotations = Map::from_iter([(GROUP.to_owned(), self.group.clone().into())]);
        annotations.extend(object(metadata.get("annotations")));
        annotations.extend(object(Some(&connection(now))));
        annotations.retain(|_, value| !value.is_null());
        Ok(json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "WorkloadEntry",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": group["apiVersion"], "kind": "WorkloadGroup",
                    "name": self.group, "uid": group["metadata"]["uid"], "controller": true,
                }],
            },
            "spec": spec,
        }))
    }
}

/// Annotations of an entry whose proxy is connected.
pub(super) fn connection(now: &str) -> Value {
    json!({"istio.io/workloadController": CONTROLLER, CONNECTED: now, DISCONNECTED: null})
}

fn object(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn labels(proxy: &ProxyNode) -> Map<String, Value> {
    let metadata = proxy.node.metadata.as_ref();
    let found = metadata.and_then(|metadata| metadata.fields.get("LABELS"));
    let Some(Kind::StructValue(labels)) = found.and_then(|labels| labels.kind.as_ref()) else {
        return Map::new();
    };
    let texts = labels.fields.iter().filter_map(|(key, value)| match &value.kind {
        Some(Kind::StringValue(text)) => Some((key.clone(), Value::from(text.clone()))),
        _ => None,
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(id: &str, metadata: &[(&str, &str)]) -> ProxyNode {
        use weft_proto::envoy::config::core::v3::Node;
        use weft_proto::google::protobuf::{Struct, Value};
        let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        let own = [("app".to_owned(), text("proxy"))].into_iter().collect();
        let labels = Value { kind: Some(Kind::StructValue(Struct { fields: own })) };
        let mut fields = Struct::default().fields;
        fields.extend(metadata.iter().map(|(key, value)| ((*key).to_owned(), text(value))));
        fields.insert("LABELS".to_owned(), labels);
        let metadata = Some(Struct { fields });
        ProxyNode::parse(Node { id: id.to_owned(), metadata, ..Node::default() }).unwrap()
    }

    const VM: &str = "sidecar~10.1.2.3~vm-1.shop~shop.svc.cluster.local";

    fn group() -> Value {
        json!({
            "apiVersion": "networking.istio.io/v1",
            "metadata": {"uid": "u"},
            "spec": {
                "metadata": {"labels": {"app": "group", "tier": "group"}, "annotations": {"a": "b"}},
                "template": {
                    "labels": {"app": "template", "tier": "template", "v": "1"},
                    "serviceAccount": "vm", "ports": {"http": 8080},
                },
            },
        })
    }

    #[test]
    fn an_entry_is_named_after_its_group_and_machine() {
        let of = |id: &str, more: &[(&str, &str)]| Wanted::of(&proxy(id, more)).map(|w| w.name);
        assert_eq!(of(VM, &[]), None);
        assert_eq!(of(VM, &[("AUTO_REGISTER_GROUP", "vms")]).as_deref(), Some("vms-10.1.2.3"));
        let network = [("AUTO_REGISTER_GROUP", "vms"), ("NETWORK", "n1")];
        assert_eq!(of(VM, &network).as_deref(), Some("vms-10.1.2.3-n1"));
        let six = "sidecar~fd00::1~vm-1.shop~shop.svc.cluster.local";
        assert_eq!(of(six, &network).as_deref(), Some("vms-fd00--1-n1"));
        let long = "g".repeat(300);
        let name = of(VM, &[("AUTO_REGISTER_GROUP", &long)]).unwrap();
        assert!(name.len() == LONGEST_NAME && name.ends_with("-10.1.2.3"));
    }

    #[test]
    fn what_a_proxy_says_goes_over_the_group_and_that_over_its_template() {
        let known = [("AUTO_REGISTER_GROUP", "vms"), ("SERVICE_ACCOUNT", "vm")];
        let entry = Wanted::of(&proxy(VM, &known)).unwrap().entry(&group(), "now").unwrap();
        let labels = json!({"app": "proxy", "tier": "group", "v": "1"});
        let spec = json!({"address": "10.1.2.3", "labels": &labels, "serviceAccount": "vm", "ports": {"http": 8080}});
        assert_eq!(entry["spec"], spec);
        let annotations = json!({
            "a": "b", "istio.io/autoRegistrationGroup": "vms", "istio.io/connectedAt": "now",
            "istio.io/workloadController": CONTROLLER,
        });
        assert_eq!(entry["metadata"]["annotations"], annotations);
        assert_eq!(entry["metadata"]["ownerReferences"][0]["name"], "vms");
        assert_eq!(entry["metadata"]["labels"], labels);
        let unsaid = json!({"metadata": {"uid": "u"}, "spec": {}});
        let bare = Wanted::of(&proxy(VM, &known)).unwrap().entry(&unsaid, "now").unwrap();
        assert_eq!(bare["spec"], json!({"address": "10.1.2.3", "labels": {"app": "proxy"}}));
    }

    #[test]
    fn a_machine_is_where_its_proxy_says_that_it_is() {
        use weft_proto::envoy::config::core::v3::Locality;
        let known = [("AUTO_REGISTER_GROUP", "vms"), ("SERVICE_ACCOUNT", "vm"), ("NETWORK", "n1")];
        let at = |region: &str, zone: &str, sub_zone: &str| {
            let mut proxy = proxy(VM, &known);
            let [region, zone, sub_zone] = [region, zone, sub_zone].map(str::to_owned);
            proxy.node.locality = Some(Locality { region, zone, sub_zone });
            Wanted::of(&proxy).unwrap().entry(&group(), "now").unwrap()["spec"].clone()
        };
        let whole = at("r", "z", "s");
        assert_eq!((&whole["locality"], &whole["network"]), (&json!("r/z/s"), &json!("n1")));
        assert_eq!(at("r", "", "")["locality"], "r");
        assert_eq!(at("", "", "").get("locality"), None);
    }

    #[test]
    fn a_proxy_of_another_service_account_is_refused() {
        let other = [("AUTO_REGISTER_GROUP", "vms"), ("SERVICE_ACCOUNT", "default")];
        let refused = Wanted::of(&proxy(VM, &other)).unwrap().entry(&group(), "now").unwrap_err();
        assert!(refused.message().contains("service account vm"), "{refused}");
    }
}
