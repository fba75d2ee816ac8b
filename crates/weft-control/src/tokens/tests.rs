//! What a token proves to the authority, and until when.

use std::time::Duration;

use ctl_apiserver::admission::AdmitAll;
use ctl_apiserver::tokens::TokenKey;
use ctl_source::{ObjectKey, ResourceType, Source as _, kinds};
use ctl_store::Store;
use proptest::prelude::*;
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
    /// A namespace with two accounts, and two pods of one of them.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store.redb")).unwrap();
        let (clock, time) = Clock::fake();
        let key = TokenKey::open(folder.path()).unwrap();
        let registry = Registry::new(store, Box::new(AdmitAll), key, clock, Vec::new());
        let objects = [
            ("Namespace", json!({"metadata": {"name": "shop"}})),
            ("ServiceAccount", json!({"metadata": {"name": "web", "namespace": "shop"}})),
            ("ServiceAccount", json!({"metadata": {"name": "admin", "namespace": "shop"}})),
        ];
        let world = Self { tokens: Tokens(registry), time, _folder: folder };
        for (kind, object) in objects {
            world.create(kind, object).await;
        }
        for pod in ["web-1", "web-2"] {
            world.pod(pod).await;
        }
        world
    }

    async fn create(&self, kind: &str, mut object: Value) {
        object["apiVersion"] = json!("v1");
        object["kind"] = json!(kind);
        self.tokens.0.create(&resource(kind), object).await.unwrap();
    }

    /// A pod of the account `web`.
    async fn pod(&self, name: &str) {
        let containers = json!([{"name": "app", "image": "weft/echo"}]);
        let spec = json!({"serviceAccountName": "web", "containers": containers});
        let meta = json!({"name": name, "namespace": "shop"});
        self.create("Pod", json!({"metadata": meta, "spec": spec})).await;
    }

    async fn delete(&self, kind: &str, name: &str) {
        let (namespace, name) = (Some("shop".to_owned()), name.to_owned());
        let key = ObjectKey { resource: resource(kind), namespace, name };
        self.tokens.0.delete(&key, Some(0)).await.unwrap();
    }

    fn token(&self, audience: &str) -> String {
        self.token_of("web-1", &[audience], 600)
    }

    fn token_of(&self, pod: &str, audiences: &[&str], seconds: u64) -> String {
        let request = json!({"spec": {"audiences": audiences, "expirationSeconds": seconds,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod}}});
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
    world.delete("Pod", "web-1").await;
    assert!(matches!(world.verify(&token).await, Err(TokenError::Gone(_))));
    world.pod("web-1").await;
    let told = world.verify(&token).await;
    assert!(matches!(told, Err(TokenError::Gone(_))), "another pod has the name: {told:?}");
}

#[tokio::test]
async fn a_token_ends_with_its_account() {
    let world = World::new().await;
    let token = world.token(AUDIENCE);
    world.delete("ServiceAccount", "web").await;
    assert!(matches!(world.verify(&token).await, Err(TokenError::Gone(_))));
    world.create("ServiceAccount", json!({"metadata": {"name": "web", "namespace": "shop"}})).await;
    let told = world.verify(&token).await;
    assert!(matches!(told, Err(TokenError::Gone(_))), "another account has the name: {told:?}");
}

#[tokio::test]
async fn the_holder_of_a_certificate_lives_while_that_pod_and_its_account_do() {
    let world = World::new().await;
    let caller = world.verify(&world.token(AUDIENCE)).await.unwrap();
    let lives = async |caller: &Caller| TokenVerifier::lives(&world.tokens, caller).await;
    lives(&caller).await.unwrap();
    let gone = |answer| matches!(answer, Err(TokenError::Gone(_)));
    assert!(gone(lives(&Caller { pod_uid: None, ..caller.clone() }).await));
    let other = Caller { service_account: "admin".to_owned(), ..caller.clone() };
    assert!(gone(lives(&other).await), "the pod runs as web");
    world.delete("Pod", "web-1").await;
    world.pod("web-1").await;
    assert!(gone(lives(&caller).await), "another pod has the name");
}

/// The text with one byte of it for another; nothing when that is the same.
fn bent(token: &str, at: prop::sample::Index, by: u8) -> Option<String> {
    let mut bytes = token.as_bytes().to_vec();
    let at = at.index(bytes.len());
    bytes[at] = by;
    String::from_utf8(bytes).ok().filter(|text| text != token)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_changed_of_a_token_proves_nothing_else(
        at in any::<prop::sample::Index>(),
        by in prop::sample::select(b"ABCXYZabcxyz0189-_.=+/ {}\"".to_vec()),
        cut in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let token = world.token(AUDIENCE);
            let own = world.verify(&token).await.unwrap();
            let shorter = token[..cut.index(token.len())].to_owned();
            for changed in bent(&token, at, by).into_iter().chain([shorter]) {
                let found = world.verify(&changed).await;
                // The last bits of a base64 text may mean nothing; who it is stays the same then.
                prop_assert!(found.is_err() || found.as_ref() == Ok(&own), "{changed}: {found:?}");
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_token_is_good_for_its_audiences_until_its_end_and_for_its_own_pod(
        audiences in prop::collection::vec(prop::sample::select(vec!["istio-ca", "istio-ca ", "Istio-CA", "vault", ""]), 1..4),
        pod in prop::sample::select(vec!["web-1", "web-2"]),
        life in 600_u64..7200,
        later in 0_u64..9000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let token = world.token_of(pod, &audiences, life);
            world.time.advance(Duration::from_secs(later));
            let found = world.verify(&token).await;
            let good = audiences.contains(&AUDIENCE) && later < life;
            prop_assert_eq!(found.is_ok(), good, "{:?}", found);
            if let Ok(caller) = found {
                prop_assert_eq!(caller.pod.as_deref(), Some(pod));
            }
            Ok(())
        })?;
    }
}
