//! What goes wrong at issuers, played without a network.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;
use weft_rt::{Clock, FakeTime, Rng};

use super::*;

const PERIOD: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any wait for the next fetch.
const LATER: Duration = Duration::from_secs(70);

/// Seconds, of which a little more than ten pass between two fetches that tokens ask for.
const WAITS: u64 = 12;

/// What is answered at a URI.
#[derive(Debug, Clone)]
enum Said {
    Body(String),
    Moved(&'static str),
    Fails(&'static str),
    Never,
}

#[derive(Debug, Default)]
struct Script {
    said: Mutex<HashMap<String, Said>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn say(&self, uri: &str, said: Said) {
        self.said.lock().unwrap().insert(uri.to_owned(), said);
    }

    fn asked(&self, uri: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == uri).count()
    }
}

#[async_trait]
impl Web for Script {
    async fn get(&self, at: &Url) -> Result<Answer, String> {
        self.asked.lock().unwrap().push(at.to_string());
        let said = self.said.lock().unwrap().get(at.as_str()).cloned();
        match said {
            Some(Said::Body(text)) => Ok(Answer::Body(text.into())),
            Some(Said::Moved(to)) => Ok(Answer::Moved(to.to_owned())),
            Some(Said::Fails(why)) => Err(why.to_owned()),
            Some(Said::Never) => std::future::pending().await,
            None => Err("it answers 404 Not Found".to_owned()),
        }
    }
}

/// A set of one key; `kid` tells sets apart.
fn set(kid: &str) -> String {
    let point = "A".repeat(43);
    format!(r#"{{"keys":[{{"crv":"Ed25519","kid":"{kid}","kty":"OKP","x":"{point}"}}]}}"#)
}

fn uri(uri: &str) -> Place {
    Place::Uri(uri.to_owned())
}

struct Play {
    script: Arc<Script>,
    time: FakeTime,
    clock: Clock,
    keys: Keys,
    _running: DropGuard,
}

impl Play {
    fn new(said: &[(&str, Said)]) -> Self {
        Self::with(said, None)
    }

    fn with(said: &[(&str, Said)], file: Option<PathBuf>) -> Self {
        let script = Arc::new(Script::default());
        said.iter().for_each(|(uri, said)| script.say(uri, said.clone()));
        let (clock, time) = Clock::fake();
        let web = Arc::clone(&script) as Arc<dyn Web>;
        let stop = CancellationToken::new();
        let rng = Rng::seeded(1);
        let parts = Parts { web, period: PERIOD, file, clock: clock.clone(), rng };
        let keys = Keys::start(parts, stop.clone());
        Self { script, time, clock, keys, _running: stop.drop_guard() }
    }

    fn ask(&self, places: &[&Place]) {
        let wish = || Wish { patience: PATIENCE, issuers: BTreeSet::from(["i".to_owned()]) };
        self.keys.ask(places.iter().map(|place| ((*place).clone(), wish())).collect());
    }

    /// What is known as soon as it fits.
    async fn known(&mut self, fits: impl Fn(&Found) -> bool) -> Found {
        loop {
            let found = self.keys.found();
            if fits(&found) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Lets time pass once `sleepers` wait for it.
    async fn pass(&self, sleepers: usize, by: Duration) {
        while self.time.sleepers() < sleepers {
            tokio::task::yield_now().await;
        }
        self.time.advance(by);
    }
}

fn has(found: &Found, place: &Place, kid: &str) -> bool {
    found.keys(place).is_some_and(|keys| **keys == set(kid))
}

fn why(found: &Found, place: &Place) -> Option<String> {
    Some(found.places.get(place)?.failure.as_ref()?.why.clone())
}

#[tokio::test]
async fn a_rotated_key_arrives_with_the_next_look() {
    let at = uri("http://a/jwks");
    let mut play = Play::new(&[("http://a/jwks", Said::Body(set("1")))]);
    play.ask(&[&at]);
    play.known(|found| has(found, &at, "1")).await;
    play.script.say("http://a/jwks", Said::Body(set("2")));
    play.pass(1, PERIOD / 2).await;
    assert_eq!(play.script.asked("http://a/jwks"), 1, "not before the period has passed");
    play.pass(1, LATER).await;
    let found = play.known(|found| has(found, &at, "2")).await;
    assert_eq!((found.fetched, found.failed), (2, 0));
    let confirmed = found.places[&at].keys.as_ref().unwrap().confirmed;
    assert_eq!(confirmed, play.clock.wall());
}

#[tokio::test]
async fn the_last_good_keys_stay_while_an_issuer_is_gone_and_it_is_asked_sooner() {
    let at = uri("http://a/jwks");
    let mut play = Play::new(&[("http://a/jwks", Said::Body(set("1")))]);
    play.ask(&[&at]);
    play.known(|found| has(found, &at, "1")).await;
    play.script.say("http://a/jwks", Said::Fails("it answers 500"));
    play.pass(1, LATER).await;
    let found = play.known(|found| found.failed == 1).await;
    let since = found.places[&at].failure.as_ref().unwrap().since;
    assert_eq!(why(&found, &at).as_deref(), Some("it answers 500"));
    play.script.say("http://a/jwks", Said::Body("{}".to_owned()));
    play.pass(1, Duration::from_secs(1)).await;
    let found = play.known(|found| found.failed == 2).await;
    assert!(has(&found, &at, "1"), "garbage does not replace keys");
    assert_eq!(found.places[&at].failure.as_ref().unwrap().since, since, "of the first failure");
    play.script.say("http://a/jwks", Said::Body(set("2")));
    play.pass(1, Duration::from_secs(2)).await;
    let found = play.known(|found| has(found, &at, "2")).await;
    assert_eq!(found.places[&at].failure, None);
}

#[tokio::test]
async fn a_hostile_issuer_is_refused_and_harms_no_other() {
    let (good, slow) = (uri("http://good/jwks"), uri("http://slow/jwks"));
    let (garbage, large) = (uri("http://garbage/jwks"), uri("http://large/jwks"));
    let (circle, broken) = (uri("http://circle/jwks"), uri("http://broken/jwks"));
    let mut play = Play::new(&[
        ("http://slow/jwks", Said::Never),
        ("http://garbage/jwks", Said::Body("<html>".to_owned())),
        ("http://large/jwks", Said::Body(" ".repeat(50 << 20))),
        ("http://circle/jwks", Said::Moved("/jwks")),
        ("http://broken/jwks", Said::Fails("it answers 500 Internal Server Error")),
        ("http://good/jwks", Said::Body(set("1"))),
    ]);
    play.ask(&[&slow, &garbage, &large, &circle, &broken, &good]);
    let found = play.known(|found| found.fetched == 1 && found.failed == 4).await;
    assert!(has(&found, &good, "1"));
    assert_eq!(found.places[&slow], Held::default(), "nobody knows yet");
    assert!(why(&found, &garbage).unwrap().contains("not JSON"), "{found:?}");
    assert!(why(&found, &large).unwrap().contains("52428800 bytes"), "{found:?}");
    assert!(why(&found, &circle).unwrap().contains("more than 5 times"), "{found:?}");
    assert_eq!(play.script.asked("http://circle/jwks"), 6);
    play.pass(6, PATIENCE).await;
    let found = play.known(|found| why(found, &slow).is_some()).await;
    assert_eq!(why(&found, &slow).as_deref(), Some("no answer within 5s"));
}

#[tokio::test]
async fn what_nobody_names_is_asked_no_more_and_forgotten() {
    let (at, other) = (uri("http://a/jwks"), uri("http://b/jwks"));
    let said = |kid| Said::Body(set(kid));
    let mut play = Play::new(&[("http://a/jwks", said("1")), ("http://b/jwks", said("2"))]);
    play.ask(&[&at, &other]);
    play.known(|found| found.fetched == 2).await;
    play.ask(&[&other]);
    play.known(|found| found.places.len() == 1).await;
    play.pass(1, LATER).await;
    play.known(|found| found.fetched == 3).await;
    assert_eq!(play.script.asked("http://a/jwks"), 1);
    play.ask(&[]);
    let found = play.known(|found| found.places.is_empty()).await;
    assert_eq!(found.fetched, 3);
}

#[tokio::test]
async fn an_issuer_tells_where_its_keys_are() {
    let (issuer, none) = (Place::Issuer("https://a/".into()), Place::Issuer("me@example".into()));
    let document = r#"{"issuer":"https://a/","jwks_uri":"https://keys/jwks"}"#;
    let mut play = Play::new(&[
        ("https://a/.well-known/openid-configuration", Said::Body(document.to_owned())),
        ("https://keys/jwks", Said::Moved("/v2/jwks")),
        ("https://keys/v2/jwks", Said::Body(set("1"))),
    ]);
    play.ask(&[&issuer, &none]);
    let found = play.known(|found| found.fetched + found.failed == 2).await;
    assert!(has(&found, &issuer, "1"), "{found:?}");
    assert!(why(&found, &none).unwrap().contains("cannot be discovered"), "{found:?}");
}

#[tokio::test]
async fn no_redirect_leaves_tls_and_no_password_is_sent() {
    let (down, secret) = (uri("https://down/jwks"), uri("http://me:pw@a/jwks"));
    let mut play = Play::new(&[("https://down/jwks", Said::Moved("http://down/jwks"))]);
    play.ask(&[&down, &secret]);
    let found = play.known(|found| found.failed == 2).await;
    assert!(why(&found, &down).unwrap().contains("redirected from TLS"), "{found:?}");
    let said = why(&found, &secret).unwrap();
    assert!(said.contains("never sent") && !said.contains("pw@"), "{said}");
}

#[tokio::test]
async fn keys_outlive_the_control_plane_while_their_issuer_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let file = || Some(folder.path().join("keys.json"));
    let at = uri("http://a/jwks");
    let mut first = Play::with(&[("http://a/jwks", Said::Body(set("1")))], file());
    first.ask(&[&at]);
    first.known(|found| has(found, &at, "1")).await;
    while !folder.path().join("keys.json").exists() {
        tokio::task::yield_now().await;
    }
    drop(first);
    let mut second = Play::with(&[], file());
    second.ask(&[&at]);
    let found = second.known(|found| found.failed == 1).await;
    assert!(has(&found, &at, "1") && why(&found, &at).is_some());
}

#[tokio::test]
async fn a_broken_file_counts_as_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, "{").unwrap();
    let at = uri("http://a/jwks");
    let mut play = Play::with(&[("http://a/jwks", Said::Body(set("1")))], Some(file));
    play.ask(&[&at]);
    play.known(|found| has(found, &at, "1")).await;
}

#[tokio::test]
async fn what_is_no_key_in_a_set_reaches_no_proxy() {
    let at = uri("http://a/jwks");
    let mixed = set("1").replace('[', r#"[7,{"kty":"oct","k":"c2VjcmV0"},"#);
    let mut play = Play::new(&[("http://a/jwks", Said::Body(mixed))]);
    play.ask(&[&at]);
    let found = play.known(|found| found.fetched == 1).await;
    let keys = found.keys(&at).unwrap();
    assert!(
        keys.contains(r#""kid":"1""#) && !keys.contains("oct") && !keys.contains('7'),
        "{keys}"
    );
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_at_once_and_not_over_and_over() {
    let at = uri("http://a/jwks");
    let mut play = Play::new(&[("http://a/jwks", Said::Body(set("1")))]);
    play.ask(&[&at]);
    play.known(|found| has(found, &at, "1")).await;
    play.script.say("http://a/jwks", Said::Body(set("2")));
    play.pass(1, Duration::from_secs(11)).await;
    play.keys.look_again("somebody else".to_owned());
    play.keys.look_again("i".to_owned());
    play.known(|found| has(found, &at, "2")).await;
    assert_eq!(play.script.asked("http://a/jwks"), 2, "for its own issuer");
    // Whoever sends such tokens all the time makes the control plane ask once in a while.
    for _ in 0..WAITS {
        play.keys.look_again("i".to_owned());
        play.pass(1, Duration::from_secs(1)).await;
    }
    play.known(|found| found.fetched == 3).await;
    assert_eq!(play.script.asked("http://a/jwks"), 3);
}
