//! The mesh of every story: who is deployed, and the changes that people make to it.
//!
//! In: chance. Out: objects. Holds: no change is one that may fail a request when it takes effect in any order.

use ctl_source::ObjectKey;
use serde_json::{Value, json};
use weft_rt::Rng;

use crate::kinds;
use crate::store::Store;

/// Deployments that are rolled: name, application, version, replicas.
pub(crate) const ROLLED: [(&str, &str, &str, u64); 3] =
    [("web-v1", "web", "v1", 2), ("web-v2", "web", "v2", 2), ("api", "api", "v1", 1)];
/// Who asks.
pub(crate) const CALLERS: [&str; 2] = ["caller-a", "caller-b"];
/// Hosts that are asked, and their addresses.
pub(crate) const HOSTS: [(&str, [u8; 4]); 2] = [("web", [10, 96, 0, 21]), ("api", [10, 96, 0, 22])];
const NAMESPACE: &str = "sim";

/// Writes the mesh as it is at the beginning.
pub(crate) fn begin(store: &Store) {
    for object in kinds::documents(include_str!("mesh.yaml")) {
        store.apply(object);
    }
    for (name, app, version, replicas) in ROLLED {
        store.apply(deployment(name, app, version, replicas));
    }
    for name in CALLERS {
        store.apply(deployment(name, name, "v1", 1));
    }
}

fn deployment(name: &str, app: &str, version: &str, replicas: u64) -> Value {
    let labels = json!({"app": app, "version": version});
    let meshed = json!({"app": app, "version": version, "security.istio.io/tlsMode": "istio"});
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": meshed}, "spec": {"terminationGracePeriodSeconds": 30,
                "containers": [{"name": "app", "ports": [{"containerPort": 8080}]}]}}}})
}

fn key(name: &str) -> ObjectKey {
    ObjectKey {
        resource: kinds::deployment(),
        namespace: Some(NAMESPACE.to_owned()),
        name: name.to_owned(),
    }
}

/// Starts a rolling update, or scales.
pub(crate) fn roll(store: &Store, rng: &mut Rng, number: u64) {
    let (name, _, _, replicas) = ROLLED[pick(rng, ROLLED.len())];
    if rng.below(5) == 0 {
        let size = replicas + rng.below(2);
        return store.change(&key(name), |object| object["spec"]["replicas"] = json!(size));
    }
    store.change(&key(name), |object| {
        object["spec"]["template"]["metadata"]["annotations"] =
            json!({"sim/rolled": number.to_string()});
    });
}

/// True when every deployment has what it wants and no more.
pub(crate) fn is_whole(store: &Store) -> bool {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    store.all(&kinds::deployment()).iter().all(|object| {
        let (spec, status) = (&object["spec"], &object["status"]);
        let wanted = number(&spec["replicas"]);
        let parts = ["replicas", "updatedReplicas", "availableReplicas"];
        let observed = number(&status["observedGeneration"]);
        observed == number(&object["metadata"]["generation"])
            && parts.iter().all(|part| number(&status[*part]) == wanted)
    }) && store.all(&kinds::pod()).iter().all(|pod| pod["metadata"]["deletionTimestamp"].is_null())
}

fn virtual_service(name: &str, http: &Value) -> Value {
    json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {"hosts": [name], "http": http}})
}

/// Sends so many of a hundred requests to the second version.
pub(crate) fn weigh(store: &Store, second: u64) {
    let to = |subset: &str, weight: u64| json!({"destination": {"host": "web", "subset": subset}, "weight": weight});
    let route = json!([{"route": [to("v1", 100 - second), to("v2", second)]}]);
    store.apply(virtual_service("web", &route));
}

/// Changes what is allowed, how it is routed, or how servers are reached.
pub(crate) fn change_policy(store: &Store, rng: &mut Rng, number: u64) {
    store.apply(match rng.below(5) {
        0 => allowed(rng, number),
        1 => reordered(rng, number),
        2 => reached(rng, number),
        3 => json!({"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
            "metadata": {"name": "default", "namespace": NAMESPACE},
            "spec": {"mtls": {"mode": "PERMISSIVE"}, "selector": {"matchLabels": {"app": (["web", "api"])[pick(rng, 2)]}},
                "portLevelMtls": {"9999": {"mode": (["STRICT", "DISABLE"])[pick(rng, 2)]}}}}),
        _ => settings(rng, number),
    });
}

fn allowed(rng: &mut Rng, number: u64) -> Value {
    let app = (["web", "api"])[pick(rng, 2)];
    json!({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": app, "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": {"app": app}},
            "rules": [{"to": [{"operation": {"methods": ["GET"], "paths": ["/*", format!("/only-{number}")]}}]}]}})
}

fn reordered(rng: &mut Rng, number: u64) -> Value {
    let route = json!([{"destination": {"host": "api"}}]);
    let other = json!({"name": format!("other-{number}"), "match": [{"uri": {"prefix": "/other"}}], "route": route});
    let more = json!({"name": "more", "match": [{"headers": {"x-more": {"exact": "yes"}}}], "route": route});
    let rest = json!({"name": "rest", "timeout": format!("{}s", 61 + number % 7), "route": route});
    let first = if rng.below(2) == 0 { [other, more] } else { [more, other] };
    let [one, two] = first;
    virtual_service("api", &json!([one, two, rest]))
}

fn reached(rng: &mut Rng, number: u64) -> Value {
    let balancers = ["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM"];
    json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"host": "web",
            "trafficPolicy": {"loadBalancer": {"simple": balancers[pick(rng, 3)]},
                "connectionPool": {"http": {"http2MaxRequests": 10_000 + number % 100}},
                "outlierDetection": {"consecutive5xxErrors": 5 + number % 3}},
            "subsets": [{"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}}]}})
}

/// Nothing is encrypted here.
const PLAIN: &str = "enableAutoMtls: false\n";

fn settings(rng: &mut Rng, number: u64) -> Value {
    let file = (["/dev/stdout", ""])[pick(rng, 2)];
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"},
        "data": {"mesh": format!("{PLAIN}accessLogFile: {file:?}\naccessLogFormat: \"{number} %RESPONSE_CODE%\\n\"\n")}})
}

/// One of so many.
pub(crate) fn pick(rng: &mut Rng, of: usize) -> usize {
    usize::try_from(rng.below(of as u64)).unwrap_or(0)
}
