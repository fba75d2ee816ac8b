//! What a change does, told before it is made.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use serde_json::{Value, json};
use weft_explain::Mesh;
use weft_plan::{What, plan};

fn mesh(more: &[Value]) -> Mesh {
    let pod = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"serviceAccountName": name},
            "metadata": {"name": name, "namespace": "default", "labels": {"app": name}}})
    };
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}});
    let objects = [pod("client"), pod("web"), service].into_iter().chain(more.iter().cloned());
    Mesh::new(objects.collect(), <_>::default(), <_>::default()).0
}

fn policy(method: &str) -> Value {
    json!({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": "guard", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "action": "DENY",
            "rules": [{"to": [{"operation": {"methods": [method]}}]}]}})
}

#[test]
fn objects_are_told_by_what_becomes_of_them() {
    let (none, get, put) = (mesh(&[]), mesh(&[policy("GET")]), mesh(&[policy("PUT")]));
    let told = |before, after| plan(before, after).objects;
    assert_eq!(told(&none, &get), ["adding AuthorizationPolicy default/guard"]);
    assert_eq!(told(&get, &put), ["changing AuthorizationPolicy default/guard"]);
    assert_eq!(told(&put, &none), ["removing AuthorizationPolicy default/guard"]);
    assert!(told(&get, &get).is_empty());
}

#[test]
fn only_the_proxies_and_calls_that_a_policy_is_for_are_told() {
    let found = plan(&mesh(&[]), &mesh(&[policy("GET")]));
    assert_eq!((found.proxies.len(), found.proxies_asked), (1, 2), "{found:#?}");
    assert_eq!(found.proxies[0].proxy, "web.default");
    let resources = &found.proxies[0].resources;
    assert!(
        resources.iter().all(|one| (one.kind.as_str(), one.what) == ("listener", What::Changed))
    );
    assert!(!found.calls.is_empty() && found.calls.len() <= found.calls_asked, "{found:#?}");
    for call in &found.calls {
        assert!(call.call.contains(": GET "), "{call:#?}");
        assert_eq!(call.fields[0].after, "denied");
        assert_eq!(call.because, ["AuthorizationPolicy default/guard"]);
    }
}
