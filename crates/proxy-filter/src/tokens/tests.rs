use std::borrow::Cow;

use serde_json::{Value, json};
use testkit::issuer::Issuer;
use weft_token::KeySet;

use super::*;

const NOW: u64 = 1_700_000_000;

/// A request of a few lines.
struct Asked {
    method: &'static str,
    path: String,
    fields: Vec<(&'static str, String)>,
}

impl RequestFacts for Asked {
    fn method(&self) -> &str {
        self.method
    }
    fn path(&self) -> &str {
        &self.path
    }
    fn authority(&self) -> &str {
        "api.example"
    }
    fn scheme(&self) -> &str {
        "http"
    }
    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let all = self.values(name);
        (!all.is_empty()).then(|| Cow::Owned(all.join(",")))
    }
    fn values(&self, name: &str) -> Vec<Cow<'_, str>> {
        let found = self.fields.iter().filter(|(known, _)| *known == name);
        found.map(|(_, value)| Cow::Borrowed(value.as_str())).collect()
    }
}

fn get(fields: &[(&'static str, &str)]) -> Asked {
    let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Asked { method: "GET", path: "/a".to_owned(), fields }
}

fn bearer(token: &str) -> Asked {
    get(&[("authorization", &format!("Bearer {token}"))])
}

fn header(name: &str, prefix: &str) -> Place {
    Place::Header { name: name.into(), prefix: prefix.into() }
}

/// The issuer `https://N` whose key has the seed N; tokens stand where RFC 6750 has them.
fn provider(seed: u8) -> Provider {
    Provider {
        issuer: format!("https://{seed}"),
        audiences: Vec::new(),
        keys: Some(KeySet::read(&Issuer::new(seed).keys()).unwrap()),
        places: vec![header("authorization", "Bearer "), Place::Param("access_token".into())],
        forward: false,
        payload_field: None,
        claim_fields: Vec::new(),
        spaced: BTreeSet::new(),
    }
}

fn token(seed: u8, more: &Value) -> String {
    let mut claims = json!({ "iss": format!("https://{seed}"), "sub": "ann", "exp": NOW + 60 });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Issuer::new(seed).token(&claims)
}

/// As Istio writes the needs: each issuer's token may be missing.
fn optional(providers: Vec<Provider>) -> Tokens {
    let one = |index| Need::Any(vec![Need::Provider(index), Need::Missing]);
    let needs = match providers.len() {
        1 => one(0),
        many => {
            let mut any: Vec<Need> = (0..many).map(Need::Provider).collect();
            any.push(Need::All((0..many).map(one).collect()));
            Need::Any(any)
        }
    };
    Tokens { providers, needs, passes_preflight: true, reroutes: false }
}

/// The principal, or the words of the refusal.
#[track_caller]
fn check(tokens: &Tokens, request: &Asked, expected: Result<Option<&str>, &str>) {
    let found = decide(tokens, request, NOW).verdict;
    let found = found.map(|claimed| claimed.and_then(|claimed| claimed.principal()));
    let expected = expected.map(|principal| principal.map(str::to_owned));
    assert_eq!(found.map_err(|denied| denied.why.words()), expected);
}

#[test]
fn a_token_is_believed_missing_or_refused() {
    let tokens = optional(vec![Provider { audiences: vec!["api".into()], ..provider(1) }]);
    let api = json!({ "aud": ["web", "api"] });
    let ours = token(1, &api);
    check(&tokens, &get(&[]), Ok(None));
    check(&tokens, &bearer(&ours), Ok(Some("https://1/ann")));
    check(&tokens, &bearer(&token(1, &json!({}))), Err("Audiences in Jwt are not allowed"));
    check(&tokens, &bearer(&token(2, &api)), Err("Jwt issuer is not configured"));
    let of = |changes: Value| {
        let mut claims = api.clone();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        bearer(&token(1, &claims))
    };
    check(&tokens, &of(json!({ "exp": NOW - 30 })), Ok(Some("https://1/ann")));
    check(&tokens, &of(json!({ "exp": NOW - 90 })), Err("Jwt is expired"));
    check(&tokens, &of(json!({ "nbf": NOW + 90 })), Err("Jwt not yet valid"));
    let claims = json!({ "iss": "https://1", "aud": "api" });
    check(
        &tokens,
        &bearer(&Issuer::new(9).token(&claims)),
        Err("Jwks doesn't have key to match kid or alg from Jwt"),
    );
    let (signed, _) = ours.rsplit_once('.').unwrap();
    let other = token(1, &json!({}));
    let (_, other) = other.rsplit_once('.').unwrap();
    check(&tokens, &bearer(&format!("{signed}.{other}")), Err("Jwt verification fails"));
    let malformed =
        "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
    for text in ["", "x", "a.b.c", "ö"] {
        check(&tokens, &bearer(text), Err(malformed));
    }
    let unsigned = "eyJhbGciOiJub25lIn0.e30.";
    check(&tokens, &bearer(unsigned), Err("Jwt header [alg] is not supported"));
    // Another scheme is no token, as with Envoy.
    check(&tokens, &get(&[("authorization", "Basic YTpi")]), Ok(None));
}

#[test]
fn an_issuer_without_keys_believes_nobody_and_stops_no_other() {
    let tokens = optional(vec![Provider { keys: None, ..provider(1) }, provider(2)]);
    let none = "Jwks doesn't have any valid public key";
    check(&tokens, &bearer(&token(1, &json!({}))), Err(none));
    check(&tokens, &bearer(&token(2, &json!({}))), Ok(Some("https://2/ann")));
    check(&tokens, &bearer(&token(3, &json!({}))), Err("Jwt issuer is not configured"));
    check(&tokens, &get(&[]), Ok(None));
}

#[test]
fn every_token_at_the_places_of_an_issuer_must_be_valid() {
    let tokens = optional(vec![provider(1)]);
    let (good, bad) = (token(1, &json!({})), token(1, &json!({ "exp": NOW - 600 })));
    let both = |path: &str, field: &str| Asked {
        path: format!("/a?access_token={path}"),
        ..bearer(field)
    };
    check(&tokens, &both(&good, &good), Ok(Some("https://1/ann")));
    check(&tokens, &both(&bad, &good), Err("Jwt is expired"));
    check(&tokens, &both(&good, &bad), Err("Jwt is expired"));
    let twice = get(&[
        ("authorization", &format!("Bearer {good}")),
        ("authorization", &format!("Bearer {bad}")),
    ]);
    check(&tokens, &twice, Err("Jwt is expired"));
    let query = Asked { path: format!("/a?access_token={good}&access_token={bad}"), ..get(&[]) };
    check(&tokens, &query, Err("Jwt is expired"));
}

#[test]
fn an_issuer_whose_key_is_not_known_is_named() {
    let tokens = optional(vec![provider(1), provider(2)]);
    let unknown = |request: &Asked| decide(&tokens, request, NOW).unknown;
    assert!(unknown(&get(&[])).is_empty() && unknown(&bearer("x")).is_empty());
    assert!(unknown(&bearer(&token(1, &json!({})))).is_empty());
    let rotated = |claims: &Value| bearer(&Issuer::new(9).token(claims));
    assert_eq!(unknown(&rotated(&json!({ "iss": "https://2" }))), ["https://2"]);
    assert!(unknown(&rotated(&json!({ "iss": "https://3" }))).is_empty(), "nobody's");
    let late = json!({ "iss": "https://2", "exp": NOW - 600 });
    assert!(unknown(&rotated(&late)).is_empty(), "a key would not help it");
}

#[test]
fn needs_are_met_as_they_are_nested() {
    let (one, two) = (token(1, &json!({})), token(2, &json!({})));
    let places = |seed, name| Provider { places: vec![header(name, "")], ..provider(seed) };
    let providers = || vec![places(1, "x-one"), places(2, "x-two")];
    let of = |needs| Tokens { needs, ..optional(providers()) };
    let requests = [
        get(&[]),
        get(&[("x-one", &one)]),
        get(&[("x-two", &two)]),
        get(&[("x-one", &one), ("x-two", &two)]),
    ];
    let told = |needs: Need| {
        let tokens = of(needs);
        requests.each_ref().map(|request| decide(&tokens, request, NOW).verdict.is_ok())
    };
    let both = || vec![Need::Provider(0), Need::Provider(1)];
    assert_eq!(told(Need::Nothing), [true; 4]);
    assert_eq!(told(Need::Provider(0)), [false, true, false, true]);
    assert_eq!(told(Need::Any(both())), [false, true, true, true]);
    assert_eq!(told(Need::All(both())), [false, false, false, true]);
    assert_eq!(told(Need::Missing), [true; 4]);
    assert_eq!(told(Need::Provider(7)), [false; 4], "nobody knows it");
    // A token that is refused is not a missing one.
    let wrong = [get(&[("x-one", &two)]), get(&[("x-one", &one), ("x-two", "x")])];
    let tokens = of(optional(providers()).needs);
    assert!(decide(&tokens, &wrong[0], NOW).verdict.is_err());
    check(
        &of(Need::All(both())),
        &wrong[1],
        Err("Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"),
    );
}

#[test]
fn a_token_is_found_where_it_may_stand() {
    let text = token(1, &json!({}));
    let places = vec![
        header("x-token", ""),
        header("x-prefixed", "Token: "),
        Place::Param("token".into()),
        Place::Cookie("session".into()),
    ];
    let tokens = optional(vec![Provider { places, ..provider(1) }]);
    let known = Ok(Some("https://1/ann"));
    check(&tokens, &get(&[("x-token", &text)]), known);
    check(&tokens, &get(&[("x-prefixed", &format!("my Token: {text}"))]), known);
    check(&tokens, &get(&[("x-prefixed", &text)]), Ok(None));
    check(&tokens, &get(&[("cookie", &format!("a=b; session={text}; c=d"))]), known);
    check(&tokens, &get(&[("cookie", &format!("session=\"{text}\""))]), known);
    let escaped = text.replace('.', "%2E");
    check(&tokens, &Asked { path: format!("/?a=b&token={escaped}"), ..get(&[]) }, known);
    check(&tokens, &bearer(&text), Ok(None));
}

#[test]
fn what_a_client_says_of_claims_is_removed_and_what_is_true_is_added() {
    let claims = vec![
        ("x-sub".into(), vec!["sub".into()]),
        ("x-role".into(), vec!["realm".into(), "role".into()]),
    ];
    let outputs = |forward| {
        let one = Provider {
            forward,
            payload_field: Some("x-payload".into()),
            claim_fields: claims.clone(),
            ..provider(1)
        };
        optional(vec![one])
    };
    let cleared = ["x-payload", "x-sub", "x-role"].map(Change::Remove);
    let tokens = outputs(false);
    assert_eq!(decide(&tokens, &get(&[]), NOW).changes, cleared, "without a token");
    assert_eq!(decide(&tokens, &bearer("x"), NOW).changes, cleared, "with one that is refused");
    let text = token(1, &json!({ "realm": { "role": "admin\r\nx: y" } }));
    let payload = text.split('.').nth(1).unwrap().to_owned();
    let added = [Change::Add("x-payload", payload), Change::Add("x-sub", "ann".to_owned())];
    let expected = [&cleared[..], &[Change::Remove("authorization")], &added].concat();
    assert_eq!(decide(&tokens, &bearer(&text), NOW).changes, expected);
    let tokens = outputs(true);
    let expected = [&cleared[..], &added].concat();
    assert_eq!(decide(&tokens, &bearer(&text), NOW).changes, expected, "it goes on");
    let tokens = outputs(false);
    let query = Asked { path: format!("/?access_token={text}"), ..get(&[]) };
    let found = decide(&tokens, &query, NOW).changes;
    assert!(found.contains(&Change::RemoveParameter("access_token")), "{found:?}");
}

#[test]
fn a_preflight_needs_no_token() {
    let tokens = Tokens { needs: Need::Provider(0), ..optional(vec![provider(1)]) };
    let fields = [("origin", "https://a"), ("access-control-request-method", "PUT")];
    let preflight = Asked { method: "OPTIONS", ..get(&fields) };
    check(&tokens, &preflight, Ok(None));
    check(&tokens, &get(&fields), Err("Jwt is missing"));
    check(&tokens, &Asked { method: "OPTIONS", ..get(&fields[..1]) }, Err("Jwt is missing"));
    check(&Tokens { passes_preflight: false, ..tokens }, &preflight, Err("Jwt is missing"));
}

#[test]
fn a_refusal_says_what_envoy_says() {
    let tokens = Tokens { needs: Need::Provider(0), ..optional(vec![provider(1)]) };
    let denied = |request: &Asked| decide(&tokens, request, NOW).verdict.unwrap_err();
    let missing = denied(&get(&[]));
    assert_eq!(
        (missing.status(), missing.details().as_str()),
        (401, "jwt_authn_access_denied{Jwt_is_missing}")
    );
    assert_eq!(missing.challenge, "Bearer realm=\"http://api.example/a\"");
    let expired = denied(&bearer(&token(1, &json!({ "exp": 1 }))));
    assert_eq!(expired.challenge, "Bearer realm=\"http://api.example/a\", error=\"invalid_token\"");
    let long = denied(&Asked { path: "/".to_owned() + &"ö".repeat(300), ..get(&[]) });
    assert!(long.challenge.len() < 300, "{}", long.challenge);
}

#[test]
fn other_parameters_stay_as_they_were() {
    let cases = [
        ("/a?t=x", "/a"),
        ("/a?t=x&b=%20", "/a?b=%20"),
        ("/a?b&t=x&c=&t=y#z", "/a?b&c=#z"),
        ("/a?%74=x&tt=1", "/a?tt=1"),
        ("/a", "/a"),
        ("/t=x", "/t=x"),
    ];
    for (path, expected) in cases {
        assert_eq!(without_parameter(path, "t"), expected);
    }
}

#[test]
fn claims_are_asked_by_path() {
    let spaced = BTreeSet::from(["groups".to_owned()]);
    let tokens = optional(vec![Provider { spaced, ..provider(1) }]);
    let more = json!({ "groups": "a b", "realm": { "roles": ["x", "y"] } });
    let request = bearer(&token(1, &more));
    let claimed = decide(&tokens, &request, NOW).verdict.unwrap().unwrap();
    assert_eq!(claimed.claim(&["groups".into()]), Some(Claim::List(vec!["a", "b"])));
    let nested = ["realm".into(), "roles".into()];
    assert_eq!(claimed.claim(&nested), Some(Claim::List(vec!["x", "y"])));
    assert_eq!(claimed.claim(&["sub".into()]), Some(Claim::Text("ann")));
    assert_eq!(claimed.claim(&["none".into()]), None);
}
