//! The ways to write, and to be refused.

use serde_json::json;

use crate::harness::{Cluster, has};

pub(crate) const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
      - { name: main, image: "weft/echo:1", env: [{ name: A, value: "1" }] }
      - { name: side, image: "weft/echo:1" }
"#;

const ROUTE: &str = r#"
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: { name: payments }
spec: { hosts: [payments], http: [{ route: [{ destination: { host: payments } }] }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_credentials_gets_401() {
    let cluster = Cluster::start().await;
    let answer = cluster.raw("GET", "/api/v1/pods", "").await;
    has(&answer, "401 Unauthorized");
    has(&answer, r#""reason":"Unauthorized""#);
    has(&cluster.raw("GET", "/nothing", "").await, "401 Unauthorized");
    has(&cluster.raw("GET", "/readyz", "").await, "200 OK");
    let bad = cluster.raw("GET", "/api/v1/pods", "authorization: Bearer a.b.c\r\n").await;
    has(&bad, "401 Unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_sees_what_kubectl_writes_and_the_other_way_round() {
    use ctl_source::{Batch, Change, Source as _, kinds};
    let cluster = Cluster::start().await;
    let pods = kinds::find("", "Pod").unwrap().resource();
    let mut watch = cluster.registry.watch(std::slice::from_ref(&pods)).await.unwrap();
    assert!(matches!(watch.recv().await, Some(Batch::Snapshot(_, none)) if none.is_empty()));
    let pod = json!({ "metadata": { "generateName": "own-", "namespace": "default" },
        "spec": { "containers": [{ "name": "a", "image": "weft/echo" }] } });
    let made = cluster.registry.create(&pods, pod).await.unwrap();
    let name = made["metadata"]["name"].as_str().unwrap().to_owned();
    has(&cluster.ok("get pods -o name").await, &format!("pod/{name}"));
    cluster.ok(&format!("label pod {name} tier=web")).await;
    let listed = cluster.registry.list(&pods, Some("default")).await.unwrap();
    assert_eq!(listed[0]["metadata"]["labels"]["tier"], "web");
    let mut labelled = false;
    while !labelled {
        let Some(Batch::Changes(_, changes)) = watch.recv().await else { panic!("no changes") };
        labelled = changes
            .iter()
            .any(|c| matches!(c, Change::Applied(o) if o["metadata"]["labels"]["tier"] == "web"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_annotations_and_three_kinds_of_patches_change_objects() {
    let cluster = Cluster::start().await;
    cluster.ok_with("apply -f -", DEPLOYMENT).await;
    cluster.ok("label deploy web tier=front").await;
    cluster.ok("annotate deploy web note=hello").await;
    cluster.ok(r#"patch deploy web -p {"spec":{"template":{"spec":{"containers":[{"name":"main","image":"weft/echo:2"}]}}}}"#).await;
    cluster.ok(r#"patch deploy web --type=merge -p {"spec":{"replicas":3}}"#).await;
    cluster.ok(r#"patch deploy web --type=json -p [{"op":"add","path":"/metadata/labels/x","value":"y"}]"#).await;
    let shown = cluster.ok("get deploy web -o jsonpath={.metadata.labels}{.metadata.annotations.note}{.spec.replicas}{.spec.template.spec.containers[*].image}{.metadata.generation}").await;
    assert_eq!(shown, r#"{"tier":"front","x":"y"}hello3weft/echo:2 weft/echo:13"#);
    cluster.ok("set image deploy/web side=weft/echo:9").await;
    has(&cluster.ok("get deploy -o wide").await, "weft/echo:2,weft/echo:9");
    let warned = cluster.run_with(r#"patch deploy web -p {"spec":{"replicaz":3}}"#, "").await;
    has(&String::from_utf8_lossy(&warned.stderr), "Warning: unknown field \"spec.replicaz\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_changes_what_the_file_changes_and_keeps_the_rest() {
    let cluster = Cluster::start().await;
    cluster.ok_with("apply -f -", DEPLOYMENT).await;
    cluster.ok("scale deploy web --replicas=4").await;
    let next =
        DEPLOYMENT.replace("env: [{ name: A, value: \"1\" }]", "env: [{ name: B, value: \"2\" }]");
    has(&cluster.ok_with("apply -f -", &next).await, "configured");
    let env = cluster
        .ok("get deploy web -o jsonpath={.spec.template.spec.containers[0].env}{.spec.replicas}")
        .await;
    assert_eq!(env, r#"[{"name":"B","value":"2"}]4"#);
    has(&cluster.ok_with("apply -f -", ROUTE).await, "created");
    let next = ROUTE.replace("hosts: [payments]", "hosts: [payments, pay]");
    has(&cluster.ok_with("apply -f -", &next).await, "configured");
    let strategic = r#"patch vs payments --type=strategic -p {"spec":{"hosts":["x"]}}"#;
    has(&cluster.fails(strategic, "").await, "use --type=merge");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_and_wrong_types_are_refused_by_name() {
    let cluster = Cluster::start().await;
    let typo = DEPLOYMENT.replace("selector:", "replicaz: 2\n  selector:");
    has(&cluster.fails("apply -f -", &typo).await, "unknown field \"spec.replicaz\"");
    let wrong = DEPLOYMENT.replace("selector:", "replicas: many\n  selector:");
    has(&cluster.fails("apply -f -", &wrong).await, "spec.replicas must be a whole number");
    let missing = DEPLOYMENT.replace("app: web } }\n    spec", "app: other } }\n    spec");
    has(&cluster.fails("apply -f -", &missing).await, "must carry app=web");
    has(
        &cluster.fails("apply -n nowhere -f -", DEPLOYMENT).await,
        "namespaces \"nowhere\" not found",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_there_twice_is_met_as_the_request_asks() {
    let cluster = Cluster::start().await;
    let path = "/api/v1/namespaces/default/configmaps?fieldValidation=";
    let body =
        |name: &str| format!(r#"{{"metadata":{{"name":"{name}"}},"data":{{"a":"1","a":"2"}}}}"#);
    let strict = cluster.send("POST", &format!("{path}Strict"), &body("a")).await;
    has(&strict, "400 Bad Request");
    has(&strict, r#"duplicate field \"data.a\""#);
    let warned = cluster.send("POST", &format!("{path}Warn"), &body("a")).await;
    has(&warned, "201 Created");
    has(&warned.to_lowercase(), r#"warning: 299 - "duplicate field \"data.a\"""#);
    let ignored = cluster.send("POST", &format!("{path}Ignore"), &body("b")).await;
    assert!(!ignored.to_lowercase().contains("warning:"), "{ignored}");
    assert_eq!(cluster.ok("get configmap b -o jsonpath={.data.a}").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_supported_says_so() {
    let cluster = Cluster::start().await;
    let version = cluster.fails("get --raw /apis/apps/v1beta1/deployments", "").await;
    has(&version, "(NotFound)");
    has(
        &cluster.ok_with("create --dry-run=client -o yaml -f -", DEPLOYMENT).await,
        "kind: Deployment",
    );
    has(&cluster.fails("get deploy web", "").await, "(NotFound)");
}

#[tokio::test(flavor = "multi_thread")]
async fn create_makes_each_kind_that_it_has_a_command_for() {
    let cluster = Cluster::start().await;
    cluster.ok("create namespace shop").await;
    cluster.ok("create secret generic s -n shop --from-literal=k=v").await;
    cluster.ok("create configmap c -n shop --from-literal=k=v").await;
    cluster.ok("create serviceaccount a -n shop").await;
    cluster.ok("create service clusterip svc -n shop --tcp=80:8080").await;
    cluster.ok("create deployment d -n shop --image=weft/echo --replicas=2 -- run it").await;
    cluster.ok("create job j -n shop --image=weft/echo -- run it").await;
    cluster.ok("expose deploy d -n shop --port=80 --target-port=8080").await;
    cluster.ok("run r -n shop --image=weft/sleep").await;
    has(&cluster.ok("get secret s -n shop -o jsonpath={.data.k}").await, "dg==");
    has(&cluster.ok("get svc -n shop").await, "10.96.");
    has(&cluster.ok("get deploy d -n shop -o jsonpath={.spec.replicas}{.spec.template.spec.containers[0].command}").await, r#"2["run","it"]"#);
    has(&cluster.ok("get sa -n shop").await, "default");
    has(&cluster.ok("auth whoami").await, "weft-admin");
    has(&cluster.ok("auth can-i delete pods").await, "yes");
    has(&cluster.ok("get job -n shop").await, "0/1");
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_replace_and_scale_write_back() {
    let cluster = Cluster::start().await;
    cluster.ok_with("create -f -", DEPLOYMENT).await;
    let mut edit = cluster.command("edit deploy web");
    edit.env("EDITOR", "sed -i s/weft.echo:1/weft.echo:7/");
    let edited = tokio::time::timeout(std::time::Duration::from_secs(30), edit.output());
    let edited = edited.await.unwrap().unwrap();
    assert!(edited.status.success(), "{edited:?}");
    has(&cluster.ok("get deploy web -o wide").await, "weft.echo:7");
    cluster.ok("scale deploy web --replicas=5 --current-replicas=1").await;
    has(&cluster.ok("get deploy").await, "0/5");
    has(&cluster.fails("scale deploy web --replicas=6 --current-replicas=1", "").await, "5");
    let stored = cluster.ok("get deploy web -o json").await;
    cluster.ok_with("replace -f -", &stored).await;
    cluster.ok("label deploy web a=b").await;
    let stale = stored.replace("\"replicas\": 5", "\"replicas\": 6");
    has(&cluster.fails("replace -f -", &stale).await, "(Conflict)");
}
