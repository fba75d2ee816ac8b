use ctl_status::Manner;
use serde_json::{Value, json};

use super::*;

fn walk() -> (Walk, watch::Receiver<Arc<Observed>>) {
    let (push, _settling) = PushServer::new(Debounce::default(), Clock::real());
    let (told, observed) = watch::channel(Arc::new(Observed::default()));
    let walk = Walk {
        feedback: Feedback::Full,
        looked_at: watch::Sender::new(advice::Objects::default()),
        advice: watch::channel(None).1,
        problems: Vec::new(),
        news: News::default(),
        building: watch::Sender::new(Built::default()),
        raw: Raw::default(),
        inventory: Inventory::default(),
        version: 0,
        settings: Arc::default(),
        issuers: Issuers::new(Keys::none()),
        gateways: Gateways::default(),
        push,
        published: None,
        told,
    };
    (walk, observed)
}

fn resource(kind: &str) -> ResourceType {
    kinds::all().find(|(_, known)| known.kind == kind).unwrap().1
}

fn object(kind: &str, name: &str, more: &Value) -> Object {
    let resource = resource(kind);
    let version =
        if resource.group.is_empty() { "v1".into() } else { format!("{}/v1", resource.group) };
    let mut object = json!({ "apiVersion": version, "kind": kind,
        "metadata": { "name": name, "namespace": "shop", "generation": 1 } });
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    Arc::new(object)
}

fn route(weight: u32) -> Value {
    json!({ "spec": { "hosts": ["web"], "http": [{ "route": [
        { "destination": { "host": "web" }, "weight": weight } ] }] } })
}

fn service() -> Object {
    let ports = json!([{ "name": "http", "port": 80 }]);
    object("Service", "web", &json!({ "spec": { "clusterIP": "10.96.0.1", "ports": ports } }))
}

impl Walk {
    fn applied(&mut self, object: &Object) -> u64 {
        let kind = resource(object["kind"].as_str().unwrap());
        let touched = self.take(Batch::Changes(kind, vec![Change::Applied(Arc::clone(object))]));
        self.publish(touched);
        self.published.as_ref().unwrap().1
    }
}

#[test]
fn a_status_makes_no_new_revision_and_a_spec_does() {
    let (mut walk, observed) = walk();
    walk.applied(&service());
    let first = walk.applied(&object("VirtualService", "web", &route(100)));
    let mut said = route(100);
    said["status"] = json!({ "observedGeneration": 1 });
    assert_eq!(walk.applied(&object("VirtualService", "web", &said)), first);
    let seen = observed.borrow().clone();
    assert_eq!(
        (seen.revision, &seen.objects[0].status),
        (first, &said["status"]),
        "but it is told"
    );
    assert_eq!(walk.applied(&object("VirtualService", "web", &route(50))), first + 1);
}

#[test]
fn a_fresh_list_takes_away_what_it_does_not_have() {
    let (mut walk, observed) = walk();
    walk.applied(&service());
    for name in ["a", "b"] {
        walk.applied(&object("VirtualService", name, &route(100)));
    }
    let list = vec![object("VirtualService", "b", &route(100))];
    let touched = walk.take(Batch::Snapshot(resource("VirtualService"), list));
    assert_eq!(touched, Touched::Config);
    walk.publish(touched);
    let seen = observed.borrow().clone();
    let names: Vec<&str> = seen.objects.iter().map(|facts| facts.key.name.as_str()).collect();
    assert_eq!(names, ["b"]);
    let config = Arc::clone(walk.published.as_ref().unwrap().0.snapshot().config());
    assert_eq!(config.virtual_services_for("shop").count(), 1);
}

#[test]
fn findings_stand_at_their_object() {
    let (mut walk, observed) = walk();
    walk.applied(&service());
    let mut wrong = route(100);
    wrong["spec"]["http"][0]["rout"] = json!([]);
    walk.applied(&object("VirtualService", "wrong", &wrong));
    walk.applied(&object("VirtualService", "right", &route(100)));
    let seen = observed.borrow().clone();
    let found: Vec<(&str, usize)> =
        seen.objects.iter().map(|facts| (facts.key.name.as_str(), facts.findings.len())).collect();
    assert_eq!(found, [("right", 0), ("wrong", 1)], "{:?}", seen.objects);
    assert!(seen.objects[1].findings.iter().any(|f| f.message.contains("did you mean")));
}

#[test]
fn a_change_of_endpoints_keeps_the_configuration() {
    let (mut walk, _observed) = walk();
    walk.applied(&service());
    let config = |walk: &Walk| Arc::clone(walk.published.as_ref().unwrap().0.snapshot().config());
    let before = config(&walk);
    let slice = json!({ "metadata": { "name": "web", "namespace": "shop",
        "labels": { "kubernetes.io/service-name": "web" } },
        "ports": [{ "name": "http", "port": 80 }], "endpoints": [{ "addresses": ["10.1.1.1"] }] });
    walk.applied(&object("EndpointSlice", "web", &slice));
    assert!(Arc::ptr_eq(&before, &config(&walk)));
    walk.applied(&object("VirtualService", "web", &route(100)));
    assert!(!Arc::ptr_eq(&before, &config(&walk)));
}

fn config_map(mesh: &str) -> Object {
    let meta = json!({ "name": "istio", "namespace": "istio-system" });
    object("ConfigMap", "istio", &json!({ "metadata": meta, "data": { "mesh": mesh } }))
}

#[test]
fn the_config_map_istio_changes_the_mesh_and_a_wrong_one_does_not() {
    let (mut walk, _observed) = walk();
    let first = walk.applied(&service());
    let log =
        |walk: &Walk| walk.published.as_ref().unwrap().0.snapshot().settings().access_log.clone();
    assert_eq!(log(&walk), None);
    let second = walk.applied(&config_map("accessLogFile: /dev/stdout"));
    assert!(second > first);
    assert_eq!(log(&walk).as_deref(), Some("/dev/stdout"));
    assert_eq!(walk.applied(&config_map("connectTimeout: 0s")), second);
    assert_eq!(log(&walk).as_deref(), Some("/dev/stdout"));
    let other = json!({ "data": { "mesh": "accessLogFile: other" } });
    assert_eq!(walk.applied(&object("ConfigMap", "istio", &other)), second, "of another namespace");
    let gone = vec![Change::Deleted(config_map(""))];
    let touched = walk.take(Batch::Changes(resource("ConfigMap"), gone));
    walk.publish(touched);
    assert_eq!(log(&walk), None);
}

#[tokio::test]
async fn an_object_that_another_one_shadows_says_so() {
    let (mut walk, observed) = walk();
    let (told, advice) = watch::channel(None);
    walk.advice = advice;
    tokio::spawn(advice::run(walk.looked_at.subscribe(), told, Clock::real()));
    walk.applied(&service());
    walk.applied(&object("VirtualService", "one", &route(100)));
    walk.applied(&object("VirtualService", "two", &route(100)));
    walk.advice.changed().await.unwrap();
    walk.tell();
    let facts = &observed.borrow().objects;
    let obstacles: Vec<_> = facts.iter().flat_map(|f| f.obstacles.clone().unwrap()).collect();
    assert!(obstacles.iter().any(|o| o.reason == "ShadowedBy"), "{obstacles:?}");
}

#[test]
fn the_two_kinds_that_are_called_gateway_are_told_apart() {
    let (mut walk, observed) = walk();
    let istio = object(
        "Gateway",
        "front",
        &json!({ "spec": { "selector": { "app": "front" },
        "servers": [{ "port": { "number": 80, "name": "http", "protocol": "HTTP" }, "hosts": ["*"] }] } }),
    );
    walk.applied(&istio);
    let other = Arc::new(json!({ "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": { "name": "front", "namespace": "shop", "generation": 7 },
        "spec": { "gatewayClassName": "istio", "listeners": [{ "name": "a", "port": 80, "protocol": "HTTP" }] } }));
    let kind =
        kinds::all().find(|(role, known)| *role == Role::GatewayApi && known.kind == "Gateway");
    let batch = Batch::Changes(kind.unwrap().1, vec![Change::Applied(other)]);
    let touched = walk.take(batch);
    walk.publish(touched);
    let seen = observed.borrow().clone();
    let groups: Vec<(&str, i64, bool)> = seen
        .objects
        .iter()
        .map(|o| (o.key.resource.group.as_str(), o.generation, matches!(o.manner, Manner::Mesh)))
        .collect();
    let told = [("networking.istio.io", 1, true), ("gateway.networking.k8s.io", 7, false)];
    assert_eq!(groups, told);
}

#[test]
fn the_first_world_does_not_wait_for_kinds_that_a_cluster_may_lack() {
    let (mut walk, _observed) = walk();
    for resource in kinds::needed() {
        assert!(!walk.raw.is_whole());
        walk.take(Batch::Snapshot(resource, Vec::new()));
    }
    assert!(walk.raw.is_whole());
}

#[tokio::test]
async fn a_reference_that_dangles_is_no_refusal() {
    let (mut walk, observed) = walk();
    let (told, advice) = watch::channel(None);
    walk.advice = advice;
    tokio::spawn(advice::run(walk.looked_at.subscribe(), told, Clock::real()));
    walk.applied(&service());
    let mut lost = route(100);
    lost["spec"]["http"][0]["route"][0]["destination"]["host"] = json!("nobody");
    walk.applied(&object("VirtualService", "lost", &lost));
    walk.advice.changed().await.unwrap();
    walk.tell();
    let facts = observed.borrow().objects[0].clone();
    assert_eq!(facts.findings, []);
    let obstacles = facts.obstacles.unwrap();
    let first = obstacles.first().map(|o| (o.reason, o.whole));
    assert_eq!(first, Some(("NoEffectBecause", true)), "{obstacles:?}");
    assert!(obstacles[0].message.starts_with("spec.http[0].route[0]"), "{obstacles:?}");
}
