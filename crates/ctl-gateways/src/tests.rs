use std::sync::Arc;

use ctl_source::Batch;
use serde_json::{Value, json};

use crate::merge::WRITTEN;
use crate::reconcile::{Action, reconcile};
use crate::wanted::MANAGED;
use crate::world::{World, resource, watched};

/// A cluster that does what it is told, as far as these tests need one.
#[derive(Default)]
struct Cluster {
    world: World,
    version: u64,
}

impl Cluster {
    fn put(&mut self, mut object: Value) {
        let kind = object["kind"].as_str().unwrap().to_owned();
        self.version += 1;
        let uid = format!("{kind}-{}", object["metadata"]["name"]);
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object["metadata"]["uid"] = json!(uid);
        self.world.put(&kind, Arc::new(object));
    }

    fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.world.get(kind, "shop", name).map(|object| Value::clone(object))
    }

    /// Does what is due until nothing is; answers how many writes that took.
    #[track_caller]
    fn settle(&mut self) -> usize {
        for written in 0..20 {
            let Some(action) = reconcile(&self.world).into_iter().next() else { return written };
            match action {
                Action::Create(_, object) => self.put(object),
                Action::Patch(key, patch) => {
                    let mut object = self.get(&key.resource.kind, &key.name).unwrap();
                    merge(&mut object, &patch);
                    self.put(object);
                }
                Action::Delete(key) => {
                    let kind = resource(&key.resource.kind).unwrap();
                    let gone = Arc::new(self.get(&kind.kind, &key.name).unwrap());
                    self.world.take(Batch::Changes(kind, vec![ctl_source::Change::Deleted(gone)]));
                }
            }
        }
        panic!("it never settles: {:?}", reconcile(&self.world));
    }
}

fn merge(object: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else { return *object = patch.clone() };
    if !object.is_object() {
        *object = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut object[key], value);
        }
    }
}

fn gateway(spec: Value) -> Value {
    let mut gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "front", "namespace": "shop"},
        "spec": {"gatewayClassName": "weft", "listeners": [
            {"name": "web", "port": 80, "protocol": "HTTP"},
            {"name": "also", "port": 80, "protocol": "HTTP", "hostname": "a.com"},
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "tls", "port": 443, "protocol": "HTTPS"}]}});
    merge(&mut gateway["spec"], &spec);
    gateway
}

fn cluster(objects: impl IntoIterator<Item = Value>) -> Cluster {
    let mut cluster = Cluster::default();
    objects.into_iter().for_each(|object| cluster.put(object));
    cluster.settle();
    assert_eq!(cluster.settle(), 0, "doing it again does nothing");
    cluster
}

#[track_caller]
fn ports(cluster: &Cluster) -> Vec<u64> {
    let service = cluster.get("Service", "front-weft").unwrap();
    let ports = service["spec"]["ports"].as_array().unwrap();
    ports.iter().map(|port| port["port"].as_u64().unwrap()).collect()
}

#[test]
fn a_gateway_gets_an_account_a_service_and_a_deployment_that_go_with_it() {
    let cluster = cluster([gateway(json!({}))]);
    assert!(cluster.world.get("GatewayClass", "", "weft").is_some());
    assert_eq!(ports(&cluster), [15021, 80, 443]);
    for kind in ["ServiceAccount", "Service", "Deployment"] {
        let object = cluster.get(kind, "front-weft").unwrap();
        assert_eq!(object["metadata"]["labels"][MANAGED.0], MANAGED.1, "{kind}");
        assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "Gateway-\"front\"", "{kind}");
    }
    let name = "gateway.networking.k8s.io/gateway-name";
    let service = cluster.get("Service", "front-weft").unwrap();
    assert_eq!(service["spec"]["type"], "LoadBalancer");
    assert_eq!(service["spec"]["selector"], json!({ name: "front" }));
    assert_eq!(service["spec"]["ports"][1]["targetPort"], 80);
    let template = cluster.get("Deployment", "front-weft").unwrap()["spec"]["template"].clone();
    assert_eq!(template["metadata"]["labels"][name], "front");
    assert_eq!(template["metadata"]["annotations"]["inject.istio.io/templates"], "gateway");
    assert_eq!(template["spec"]["serviceAccountName"], "front-weft");
}

#[test]
fn labels_annotations_and_the_kind_of_service_are_asked_for_by_the_gateway() {
    let infrastructure = json!({"labels": {"team": "a"}, "annotations": {"note": "b"}});
    let mut cluster = cluster([gateway(json!({"infrastructure": infrastructure}))]);
    let deployment = cluster.get("Deployment", "front-weft").unwrap();
    for metadata in [&deployment["metadata"], &deployment["spec"]["template"]["metadata"]] {
        assert_eq!(
            (&metadata["labels"]["team"], &metadata["annotations"]["note"]),
            (&json!("a"), &json!("b"))
        );
    }
    // What is not asked for any more goes; the kind of the Service changes.
    let mut changed = gateway(json!({}));
    changed["metadata"]["annotations"] = json!({"networking.istio.io/service-type": "ClusterIP"});
    cluster.put(changed);
    cluster.settle();
    let service = cluster.get("Service", "front-weft").unwrap();
    assert_eq!(service["spec"]["type"], "ClusterIP");
    assert!(service["metadata"]["labels"].get("team").is_none());
    assert!(service["metadata"]["annotations"].get("note").is_none());
}

#[test]
fn what_others_write_into_our_objects_stays_and_what_we_wrote_is_restored() {
    let mut cluster = cluster([gateway(json!({}))]);
    let mut deployment = cluster.get("Deployment", "front-weft").unwrap();
    deployment["spec"]["replicas"] = json!(3);
    deployment["metadata"]["labels"]["theirs"] = json!("x");
    deployment["spec"]["template"]["spec"]["serviceAccountName"] = json!("other");
    cluster.put(deployment);
    let mut service = cluster.get("Service", "front-weft").unwrap();
    service["spec"]["clusterIP"] = json!("10.96.0.9");
    service["spec"]["ports"][1]["nodePort"] = json!(30080);
    cluster.put(service);
    assert_eq!(cluster.settle(), 1);
    let deployment = cluster.get("Deployment", "front-weft").unwrap();
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(deployment["metadata"]["labels"]["theirs"], "x");
    assert_eq!(deployment["spec"]["template"]["spec"]["serviceAccountName"], "front-weft");
    assert!(deployment["metadata"]["annotations"][WRITTEN].is_string());
    // Another listener: the port that stays keeps what the cluster gave it.
    let listeners = json!([{"name": "web", "port": 80, "protocol": "HTTP"}, {"name": "b", "port": 81, "protocol": "TCP"}]);
    cluster.put(gateway(json!({"listeners": listeners})));
    cluster.settle();
    assert_eq!(ports(&cluster), [15021, 80, 81]);
    assert_eq!(
        cluster.get("Service", "front-weft").unwrap()["spec"]["ports"][1]["nodePort"],
        30080
    );
}

#[track_caller]
fn makes(objects: impl IntoIterator<Item = Value>, name: &str, yes: bool) {
    assert_eq!(cluster(objects).get("Service", name).is_some(), yes);
}

#[test]
fn only_gateways_of_our_classes_that_name_no_service_are_made() {
    let class = |name: &str, controller: &str| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": {"name": name}, "spec": {"controllerName": controller}})
    };
    let of = |class: &str| gateway(json!({"gatewayClassName": class}));
    makes([of("istio")], "front-istio", true);
    makes([of("istio"), class("istio", "example.com/c")], "front-istio", false);
    makes([of("ours"), class("ours", "istio.io/gateway-controller")], "front-ours", true);
    makes([of("ours")], "front-ours", false);
    let to =
        |kind: &str, value: &str| gateway(json!({"addresses": [{"type": kind, "value": value}]}));
    makes([to("Hostname", "ingress.shop")], "front-weft", false);
    let parameters = json!({"group": "", "kind": "ConfigMap", "name": "more"});
    makes([gateway(json!({"infrastructure": {"parametersRef": parameters}}))], "front-weft", false);
}

#[test]
fn a_gateway_that_becomes_manual_or_of_another_class_loses_what_was_made() {
    let mut cluster = cluster([gateway(json!({}))]);
    cluster.put(gateway(json!({"gatewayClassName": "istio"})));
    cluster.settle();
    assert!(cluster.get("Deployment", "front-weft").is_none());
    assert!(cluster.get("Deployment", "front-istio").is_some());
    cluster.put(gateway(json!({"addresses": [{"type": "Hostname", "value": "a"}]})));
    cluster.settle();
    assert!(cluster.get("ServiceAccount", "front-istio").is_none());
}

#[test]
fn what_we_did_not_make_is_not_touched() {
    let theirs = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "front-weft", "namespace": "shop"}, "spec": {}});
    let mut cluster = Cluster::default();
    cluster.put(theirs);
    assert!(cluster.get("Service", "front-weft").is_none(), "it is not even known");
    // One with our label, of a gateway that we do not know, is left alone as well.
    let mut labelled = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "front-weft", "namespace": "shop", "labels": {},
            "ownerReferences": [{"uid": "somebody"}]}, "spec": {}});
    labelled["metadata"]["labels"][MANAGED.0] = json!(MANAGED.1);
    cluster.put(labelled);
    cluster.put(gateway(json!({})));
    cluster.settle();
    let kept = cluster.get("Service", "front-weft").unwrap();
    assert_eq!(kept["spec"], json!({}));
}

#[test]
fn ports_of_listener_sets_are_opened_when_the_gateway_takes_them() {
    let set = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
        "metadata": {"name": "set", "namespace": "shop"},
        "spec": {"parentRef": {"name": "front"}, "listeners": [{"name": "more", "port": 8443, "protocol": "TLS"}]}});
    assert_eq!(ports(&cluster([gateway(json!({})), set.clone()])), [15021, 80, 443]);
    let open = gateway(json!({"allowedListeners": {"namespaces": {"from": "Same"}}}));
    assert_eq!(ports(&cluster([open, set])), [15021, 80, 443, 8443]);
}

#[test]
fn nothing_is_due_before_everything_is_known() {
    let mut world = World::new();
    for kind in watched() {
        assert!(!world.is_whole());
        world.take(Batch::Snapshot(kind, Vec::new()));
    }
    assert!(world.is_whole());
}
