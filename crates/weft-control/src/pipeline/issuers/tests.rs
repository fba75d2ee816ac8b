//! Rules for tokens get keys, and say what they lack.

use std::sync::Mutex;

use async_trait::async_trait;
use ctl_keys::{Answer, Parts, Web};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;
use weft_model::Inventory;
use weft_rt::{Clock, FakeTime, Rng};

use super::*;

const SET: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// Answers every URI with the same.
struct Says(Mutex<Result<&'static str, &'static str>>);

#[async_trait]
impl Web for Says {
    async fn get(&self, at: &Url) -> Result<Answer, String> {
        if at.host_str() == Some("dead") {
            return Err("connection refused".to_owned());
        }
        let said = *self.0.lock().unwrap();
        said.map(|text| Answer::Body(text.into())).map_err(str::to_owned)
    }
}

struct Play {
    issuers: Issuers,
    inventory: Inventory,
    says: Arc<Says>,
    time: FakeTime,
    _running: DropGuard,
}

impl Play {
    fn new(rules: &Value) -> Self {
        let says = Arc::new(Says(Mutex::new(Ok(SET))));
        let (clock, time) = Clock::fake();
        let web = Arc::clone(&says) as Arc<dyn Web>;
        let (period, rng) = (Duration::from_secs(60), Rng::seeded(1));
        let stop = CancellationToken::new();
        let keys = Keys::start(Parts { web, period, file: None, clock, rng }, stop.clone());
        let mut inventory = Inventory::default();
        inventory.apply(&json!({ "apiVersion": "security.istio.io/v1", "kind": KIND,
            "metadata": { "name": "users", "namespace": "shop" }, "spec": { "jwtRules": rules } }));
        let issuers = Issuers::new(keys);
        Self { issuers, inventory, says, time, _running: stop.drop_guard() }
    }

    fn fill(&mut self) -> (Touched, Arc<Object<RequestAuthentication>>) {
        let mut model = self.inventory.model().0;
        let touched = self.issuers.fill(&mut model);
        (touched, model.request_authentications.remove(0))
    }

    fn lacks(&self) -> Option<Vec<Obstacle>> {
        self.issuers.obstacles().remove(&("shop".to_owned(), "users".to_owned())).flatten()
    }

    /// Lets fetches end until it fits.
    async fn until(&mut self, fits: impl Fn(&Option<Vec<Obstacle>>) -> bool) -> Vec<Obstacle> {
        while !fits(&self.lacks()) {
            tokio::task::yield_now().await;
        }
        self.lacks().unwrap()
    }
}

#[tokio::test]
async fn a_rule_gets_its_keys_and_the_object_stays_the_same_until_they_change() {
    let mut play = Play::new(&json!([{ "issuer": "a", "jwksUri": "http://a/jwks" },
        { "issuer": "b", "jwks": SET }]));
    let (touched, object) = play.fill();
    assert_eq!((touched, &object.spec.jwt_rules[0].jwks), (Touched::Config, &None));
    assert_eq!(play.lacks(), None, "nobody knows yet");
    assert_eq!(play.until(Option::is_some).await, []);
    let (touched, object) = play.fill();
    assert_eq!(touched, Touched::Config);
    assert_eq!(object.spec.jwt_rules[0].jwks.as_deref(), Some(SET));
    let (touched, same) = play.fill();
    assert!(touched == Touched::Nothing && Arc::ptr_eq(&object, &same));
}

#[tokio::test]
async fn missing_and_stale_keys_say_where_why_since_when_and_what_to_do() {
    let mut play = Play::new(&json!([{ "issuer": "a", "jwksUri": "http://a/jwks" },
        { "issuer": "http://dead/" }]));
    play.fill();
    let lacks = play.until(Option::is_some).await;
    let message = &lacks[0].message;
    assert_eq!((lacks[0].reason, lacks[0].whole), ("KeysMissing", false), "{message}");
    for part in [
        "spec.jwtRules[1].issuer: since 2027-01-15T08:00:00Z",
        "\"http://dead/\"",
        "http://dead/.well-known/openid-configuration: connection refused",
        "refused until then",
        "or write the keys as jwks",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    *play.says.0.lock().unwrap() = Err("it answers 500");
    while play.time.sleepers() < 2 {
        tokio::task::yield_now().await;
    }
    play.time.advance(Duration::from_secs(70));
    let lacks = play.until(|lacks| lacks.as_ref().is_some_and(|all| all.len() == 2)).await;
    assert_eq!((lacks[0].reason, lacks[0].whole), ("KeysStale", false));
    assert!(lacks[0].message.contains("those of 2027-01-15T08:00:00Z still count"));
    assert_eq!(play.fill().1.spec.jwt_rules[0].jwks.as_deref(), Some(SET), "still");
}

#[tokio::test]
async fn an_object_without_any_keys_does_nothing_but_refuse() {
    let mut play = Play::new(&json!([{ "issuer": "a", "jwksUri": "http://dead/jwks" }]));
    play.fill();
    let lacks = play.until(Option::is_some).await;
    assert!(lacks[0].whole);
}
