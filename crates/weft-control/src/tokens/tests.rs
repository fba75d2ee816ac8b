//! What a token proves to the authority, and until when.

use std::time::Duration;

use ctl_apiserver::admission::AdmitAll;
use ctl_apiserver::tokens::TokenKey;
use ctl_source::{ObjectKey, ResourceType, Source as _, kinds};
use ctl_store::Store;
use serde_json::{Value, json};
use weft_rt::{Clock, FakeTime};

use super::*;

struct World {
    tokens: Tokens,
    time: FakeTime,
    _folder: tempfile::TempDir,
}

fn resource(kind: &str) -> ResourceType {
    kinds::find("", kind).unwrap().resource()
}

impl World {
    /// A namespace with an account and a pod of it.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store.redb")).unwrap();
        let (clock, time) = Clock::fake();
        let key = TokenKey::open(folder.path()).unwrap();
        let registry = Registry::new(store, Box::new(AdmitAll), key, clock, Vec::new());
        let objects = [
            ("Namespace", json!({"metadata": {"name": "shop"}})),
            ("ServiceAccount", json!({"metadata": {"name": "web", "namespace": "shop"}})),
            (
                "Pod",
                json!({"metadata": {"name": "web-1", "namespace": "shop"},
                "spec": {"serviceAccountName": "web", "containers": [{"name": "app", "image": "weft/echo"}]}}),
            ),
        ];
        for (kind, mut object) in objects {
            object["apiVersion"] = json!("v1");
            object["kind"] = json!(kind);
            registry.create(&resource(kind), object).await.unwrap();
        }
        Self { tokens: Tokens(registry), time, _folder: folder }
    }

    fn token(&self, audience: &str) -> String {
        let request = json!({"spec": {"audiences": [audience], "expirationSeconds": 600,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "web-1"}}});
        let issued: Value = self.tokens.0.issue_token("shop", "web", request).unwrap();
        issued["status"]["token"].as_str().unwrap().to_owned()
    }

    async fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        TokenVerifier::verify(&self.tokens, token, AUDIENCE).await
    }
}

#[tokio::test]
async fn a_token_proves_the_account_and_the_pod_that_it_was_made_for() {
    let world = World::new().await;
    let caller = world.verify(&world.token(AUDIENCE)).await.unwrap();
    assert_eq!((caller.namespace.as_str(), caller.service_account.as_str()), ("shop", "web"));
    assert_eq!(caller.pod.as_deref(), Some("web-1"));
}

#[tokio::test]
async fn a_token_for_somebody_else_or_one_that_was_changed_proves_nothing() {
    let world = World::new().await;
    let other = world.token("https://kubernetes.default.svc.cluster.local");
    assert!(matches!(world.verify(&other).await, Err(TokenError::Audience(_))));
    let changed = world.token(AUDIENCE).replacen('.', "x.", 1);
    assert!(matches!(world.verify(&changed).await, Err(TokenError::Unreadable(_))));
    assert!(matches!(world.verify("junk").await, Err(TokenError::Unreadable(_))));
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let world = World::new().await;
    let token = world.token(AUDIENCE);
    world.time.advance(Duration::from_secs(599));
    world.verify(&token).await.unwrap();
    world.time.advance(Duration::from_secs(1));
    assert!(matches!(world.verify(&token).await, Err(TokenError::Expired(_))));
}

#[tokio::test]
async fn a_token_ends_with_its_pod() {
    let world = World::new().await;
    let token = world.token(AUDIENCE);
    let (namespace, name) = (Some("shop".to_owned()), "web-1".to_owned());
    let pod = ObjectKey { resource: resource("Pod"), namespace, name };
    world.tokens.0.delete(&pod, Some(0)).await.unwrap();
    assert!(matches!(world.verify(&token).await, Err(TokenError::Gone(_))));
}
