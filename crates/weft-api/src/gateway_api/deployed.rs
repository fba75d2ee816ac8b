//! What is made for a gateway that says nothing else: by which name, and where it is called.
//!
//! In: a Gateway, and what stands in the cluster under the name. Out: names, and addresses for the Gateway's status.
//! Why here: who makes it (`ctl-gateways`) and who tells of it must mean the same objects.

use serde_json::{Value, json};

use super::Gateway;

/// Whose gateways are made.
pub const CONTROLLER: &str = "istio.io/gateway-controller";
/// Label of pods with the name of their gateway.
pub const NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";
const NAME_OVERRIDE: &str = "gateway.istio.io/name-override";
/// Names are labels and hosts, too.
const LONGEST: usize = 63;

/// Whether a Deployment and a Service are made for the gateway: it names no address of a Service, and no settings that are not read.
#[must_use]
pub fn is_deployed(gateway: &Gateway) -> bool {
    let is_ip = |kind: &Option<String>| kind.as_deref().is_none_or(|kind| kind == "IPAddress");
    let own =
        gateway.addresses.iter().all(|address| is_ip(&address.kind) && address.value.is_empty());
    let parameters = gateway.infrastructure.as_ref().and_then(|own| own.parameters_ref.as_ref());
    own && parameters.is_none()
}

/// Name of the Deployment and the Service: of the gateway and its class, as Istio has it.
#[must_use]
pub fn deployed_name(gateway: &Value, class: &str) -> String {
    let metadata = &gateway["metadata"];
    if let Some(name) = metadata["annotations"][NAME_OVERRIDE].as_str() {
        return name.to_owned();
    }
    let name = format!("{}-{class}", metadata["name"].as_str().unwrap_or_default());
    if name.len() <= LONGEST {
        return name;
    }
    let sum = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let kept: String = name.chars().take(LONGEST - 9).collect();
    format!("{}-{:08x}", kept.trim_end_matches(['-', '.']), sum & 0xffff_ffff)
}

/// Where a Service is called: at its load balancer when it has one, else by its name in the cluster.
#[must_use]
pub fn addresses(service: &Value) -> Vec<Value> {
    let given = service["status"]["loadBalancer"]["ingress"].as_array();
    let address = |one: &Value| match (one["ip"].as_str(), one["hostname"].as_str()) {
        (Some(ip), _) => Some(json!({"type": "IPAddress", "value": ip})),
        (None, Some(host)) => Some(json!({"type": "Hostname", "value": host})),
        (None, None) => None,
    };
    let given: Vec<Value> = given.into_iter().flatten().filter_map(address).collect();
    if !given.is_empty() {
        return given;
    }
    let part = |field: &str| service["metadata"][field].as_str().unwrap_or_default();
    let host = format!("{}.{}.svc.cluster.local", part("name"), part("namespace"));
    vec![json!({"type": "Hostname", "value": host})]
}

/// Whether a pod of a Deployment is ready for calls.
#[must_use]
pub fn is_up(deployment: &Value) -> bool {
    deployment["status"]["availableReplicas"].as_u64().is_some_and(|ready| ready > 0)
}
