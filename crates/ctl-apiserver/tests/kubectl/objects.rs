//! Objects come, are shown and go.

use crate::harness::{Cluster, has};

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  containers: [{ name: main, image: weft/echo, ports: [{ containerPort: 80 }] }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_applied_shown_and_deleted() {
    let cluster = Cluster::start().await;
    has(&cluster.ok_with("apply -f -", POD).await, "pod/web created");
    has(&cluster.ok_with("apply -f -", POD).await, "pod/web unchanged");
    let table = cluster.ok("get pods -o wide").await;
    has(&table, "NOMINATED NODE");
    has(&table, "0/1     Pending");
    has(&cluster.ok("get pod web -o yaml").await, "restartPolicy: Always");
    has(&cluster.ok("get pod web -o jsonpath={.spec.containers[0].image}").await, "weft/echo");
    has(&cluster.ok("get pods -A -l app=web -o name").await, "pod/web");
    has(&cluster.ok("describe pod web").await, "Image:        weft/echo");
    has(&cluster.ok("get all").await, "service/kubernetes");
    has(&cluster.ok("delete pod web").await, "deleted");
    has(&cluster.fails("get pod web", "").await, "(NotFound)");
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_listed() {
    let cluster = Cluster::start().await;
    let listed = cluster.ok("api-resources").await;
    has(&listed, "virtualservices");
    has(&listed, "deployments");
    let lease = r#"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"leader"},"spec":{"holderIdentity":"me","leaseDurationSeconds":15,"renewTime":"2026-01-01T00:00:00.000001Z"}}"#;
    cluster.ok_with("apply -f -", lease).await;
    has(&cluster.ok("get lease leader").await, "HOLDER");
    has(&cluster.ok("get lease leader").await, "me");
    has(&cluster.ok("version").await, "Server Version: v1.37");
    has(&cluster.ok("get ns").await, "istio-system");
    has(&cluster.ok("get crd").await, "virtualservices.networking.istio.io");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_what_it_made_and_old_credentials_stay_good() {
    let cluster = Cluster::start().await;
    let before = cluster.ok("get ns,svc,crd,sa -A -o jsonpath={.items[*].metadata.uid}").await;
    cluster.registry.bootstrap().await.unwrap();
    let after = cluster.ok("get ns,svc,crd,sa -A -o jsonpath={.items[*].metadata.uid}").await;
    assert_eq!(before, after);
    let ca = || std::fs::read_to_string(cluster.state.path().join("apiserver/ca.crt")).unwrap();
    let first = ca();
    ctl_apiserver::Pki::open(cluster.state.path(), weft_rt::Clock::real()).unwrap();
    assert_eq!(first, ca());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(cluster.state.path().join("kubeconfig")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}
