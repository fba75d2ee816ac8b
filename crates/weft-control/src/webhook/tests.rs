//! What port 15017 answers, asked without a socket.

use ctl_admission::MeshSettings;
use ctl_apiserver::Registry;
use ctl_apiserver::admission::AdmitAll;
use ctl_apiserver::tokens::TokenKey;
use ctl_store::Store;
use serde_json::json;

use super::*;
use crate::mesh_settings::LiveMesh;

/// A folder that lives as long as the test, and the hooks of a mesh without objects.
fn hooks() -> (tempfile::TempDir, Hooks) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store.redb")).unwrap();
    let mesh = Arc::new(LiveMesh::new(store.clone(), MeshSettings::default()).unwrap());
    let (clock, _) = Clock::fake();
    let tokens = TokenKey::open(folder.path()).unwrap();
    let registry = Registry::new(store, Box::new(AdmitAll), tokens, clock.clone(), Vec::new());
    (folder, Hooks { admission: MeshAdmission { mesh }, source: Arc::new(registry), clock })
}

fn question(operation: &str, kind: [&str; 3], object: &Value) -> Vec<u8> {
    let [group, kind, plural] = kind;
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "operation": operation, "namespace": "shop", "name": object["metadata"]["name"],
        "kind": {"group": group, "version": "v1", "kind": kind},
        "resource": {"group": group, "version": "v1", "resource": plural}, "object": object}})
    .to_string()
    .into_bytes()
}

const ROUTE: [&str; 3] = ["networking.istio.io", "VirtualService", "virtualservices"];

fn route(weights: [i32; 2]) -> Value {
    let to = |weight: i32| json!({"destination": {"host": "web"}, "weight": weight});
    json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"hosts": ["web"], "http": [{"route": weights.map(to)}]}})
}

async fn asked(hooks: Hooks, kind: &str, body: Vec<u8>) -> Reply {
    let shared = Shared { hooks, room: Semaphore::new(1) };
    let request = axum::http::Request::post("/validate").header("content-type", kind);
    let request = request.body(Body::from(body)).unwrap();
    answer(&shared, request, async |question| shared.hooks.validate(question)).await
}

#[tokio::test]
async fn a_wrong_object_is_refused_in_the_words_of_the_embedded_server() {
    let (_folder, hooks) = hooks();
    let body = question("CREATE", ROUTE, &route([-3, 100]));
    let told: Value =
        serde_json::from_str(&asked(hooks, "application/json", body).await.unwrap()).unwrap();
    let status = &told["response"]["status"];
    assert_eq!((&told["response"]["allowed"], &status["code"]), (&json!(false), &json!(422)));
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with("VirtualService \"web\" is invalid: "), "{message}");
    assert!(message.contains("spec.http[0].route[0].weight: "), "{message}");
}

#[tokio::test]
async fn right_objects_deletions_and_kinds_of_others_are_allowed() {
    let (_folder, hooks) = hooks();
    let allowed = |body: Vec<u8>| {
        let question = Question::parse(&body).unwrap();
        question.answered(hooks.validate(&question))["response"]["allowed"] == true
    };
    assert!(allowed(question("CREATE", ROUTE, &route([20, 80]))));
    assert!(allowed(question("DELETE", ROUTE, &Value::Null)));
    assert!(allowed(question("CREATE", ["cert-manager.io", "Issuer", "issuers"], &json!({}))));
}

#[tokio::test]
async fn a_question_that_cannot_be_read_is_an_error_of_the_asker() {
    let code = async |kind: &str, body: Vec<u8>| {
        let (_folder, hooks) = hooks();
        asked(hooks, kind, body).await.unwrap_err().0.as_u16()
    };
    assert_eq!(code("application/json", b"{".to_vec()).await, 400);
    assert_eq!(code("text/plain", b"{}".to_vec()).await, 415);
    assert_eq!(code("application/json", vec![b' '; MOST_BYTES + 1]).await, 413);
}

#[tokio::test]
async fn a_pod_that_asks_for_a_proxy_is_answered_with_a_patch() {
    let (_folder, hooks) = hooks();
    let mut pod = json!({"metadata": {"name": "a", "labels": {"sidecar.istio.io/inject": "true"}},
        "spec": {"containers": [{"name": "app", "image": "x"}]}});
    let ask = |pod: &Value| Question::parse(&question("CREATE", ["", "Pod", "pods"], pod)).unwrap();
    let told = hooks.inject(&ask(&pod)).await;
    let Answer::Allowed { changed: Some(injected), .. } = told else { panic!("{told:?}") };
    assert_eq!(injected["spec"]["initContainers"][0]["name"], "istio-proxy");
    pod["metadata"]["labels"] = json!({});
    let told = hooks.inject(&ask(&pod)).await;
    assert_eq!(told, Answer::Allowed { warnings: Vec::new(), changed: Some(pod) });
}
