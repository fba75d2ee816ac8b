use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use serde_json::json;

use super::*;
use crate::Claim;

const NOW: u64 = 1_700_000_000;
const ISSUER: &str = "https://issuer.example";

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// Signs what it is given, and the entry of its public key.
struct Signer {
    sign: Sign,
    key: Value,
}

fn rsa(form: &'static dyn RsaEncoding) -> Signer {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let key = json!({ "kty": "RSA", "n": text(public.modulus().big_endian_without_leading_zero()),
        "e": text(public.exponent().big_endian_without_leading_zero()) });
    let sign = move |message: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(form, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    };
    Signer { sign: Box::new(sign), key }
}

fn curve(name: &str, algorithm: &'static EcdsaSigningAlgorithm) -> Signer {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let (_form, point) = pair.public_key().as_ref().split_first().unwrap();
    let (x, y) = point.split_at(point.len() / 2);
    let key = json!({ "kty": "EC", "crv": name, "x": text(x), "y": text(y) });
    let sign =
        move |message: &[u8]| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
    Signer { sign: Box::new(sign), key }
}

fn edwards() -> Signer {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) });
    Signer { sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()), key }
}

impl Signer {
    fn set(&self, more: &Value) -> KeySet {
        let mut key = self.key.clone();
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        KeySet::read(&json!({ "keys": [key] }).to_string()).unwrap()
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            text(header.to_string().as_bytes()),
            text(claims.to_string().as_bytes())
        );
        let signature = text(&(self.sign)(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": "a", "aud": ["one", "two"], "exp": NOW + 600 })
}

fn judge(token: &str, keys: &KeySet, audiences: &[&str]) -> Result<Claims, Refusal> {
    let audiences: Vec<String> = audiences.iter().map(|one| (*one).to_owned()).collect();
    Token::read(token)?.verify(keys, Accepted { issuer: ISSUER, audiences: &audiences }, NOW)
}

#[test]
fn every_algorithm_verifies_its_own_signatures_alone() {
    let signers = [
        ("RS256", rsa(&RSA_PKCS1_SHA256)),
        ("RS384", rsa(&RSA_PKCS1_SHA384)),
        ("RS512", rsa(&RSA_PKCS1_SHA512)),
        ("PS256", rsa(&RSA_PSS_SHA256)),
        ("PS384", rsa(&RSA_PSS_SHA384)),
        ("PS512", rsa(&RSA_PSS_SHA512)),
        ("ES256", curve("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING)),
        ("ES384", curve("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING)),
        ("ES512", curve("P-521", &ECDSA_P521_SHA512_FIXED_SIGNING)),
        ("EdDSA", edwards()),
    ];
    for (name, signer) in &signers {
        let keys = signer.set(&json!({ "kid": "k", "alg": name, "use": "sig" }));
        let token = signer.token(&json!({ "alg": name, "kid": "k" }), &claims());
        assert_eq!(
            judge(&token, &keys, &["two"]).unwrap().principal().unwrap(),
            format!("{ISSUER}/a")
        );
        for (other, _) in signers.iter().filter(|(other, _)| other != name) {
            let lying = signer.token(&json!({ "alg": other, "kid": "k" }), &claims());
            assert_eq!(judge(&lying, &keys, &[]), Err(Refusal::NoKey), "{name} said to be {other}");
            // A key that says not what it is for still fits its own kind alone, and its form.
            let lying = judge(&lying, &signer.set(&json!({})), &[]);
            assert!(matches!(lying, Err(Refusal::NoKey | Refusal::Signature)), "{name} as {other}");
        }
    }
}

#[test]
fn what_needs_no_public_key_is_refused_unread() {
    let signer = rsa(&RSA_PKCS1_SHA256);
    let keys = signer.set(&json!({}));
    for name in ["none", "None", "NONE", "HS256", "HS384", "HS512", "rs256", "", "ES256K"] {
        let token = signer.token(&json!({ "alg": name }), &claims());
        assert_eq!(judge(&token, &keys, &[]), Err(Refusal::Algorithm), "{name}");
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert_eq!(judge(&format!("{signed}."), &keys, &[]), Err(Refusal::Algorithm), "{name}");
    }
    let bare = signer.token(&json!({ "alg": "RS256" }), &claims());
    let (signed, _) = bare.rsplit_once('.').unwrap();
    assert_eq!(judge(&format!("{signed}."), &keys, &[]), Err(Refusal::Signature));
    let crit = signer.token(&json!({ "alg": "RS256", "crit": ["b64"], "b64": false }), &claims());
    assert_eq!(judge(&crit, &keys, &[]), Err(Refusal::Extension));
}

#[test]
fn issuer_audience_and_time_are_judged() {
    let signer = edwards();
    let keys = signer.set(&json!({ "kid": "k" }));
    let told = |changes: Value, audiences: &[&str]| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        judge(&signer.token(&json!({ "alg": "EdDSA" }), &claims), &keys, audiences).err()
    };
    assert_eq!(told(json!({}), &[]), None);
    assert_eq!(told(json!({ "iss": "https://other.example" }), &[]), Some(Refusal::Issuer));
    assert_eq!(told(json!({ "iss": null }), &[]), Some(Refusal::Issuer));
    assert_eq!(told(json!({}), &["three"]), Some(Refusal::Audience));
    assert_eq!(told(json!({ "aud": "https://api/" }), &["api"]), None);
    assert_eq!(told(json!({ "aud": null }), &["api"]), Some(Refusal::Audience));
    assert_eq!(told(json!({ "exp": NOW - 59 }), &[]), None, "clocks differ");
    assert_eq!(told(json!({ "exp": NOW - 60 }), &[]), Some(Refusal::Expired));
    assert_eq!(told(json!({ "exp": "tomorrow" }), &[]), Some(Refusal::Expired));
    assert_eq!(told(json!({ "nbf": NOW + 60 }), &[]), None);
    assert_eq!(told(json!({ "nbf": NOW + 61 }), &[]), Some(Refusal::NotYet));
}

#[test]
fn keys_are_chosen_by_name_and_purpose() {
    let signer = curve("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING);
    let token = signer.token(&json!({ "alg": "ES256", "kid": "k" }), &claims());
    assert!(judge(&token, &signer.set(&json!({ "kid": "k" })), &[]).is_ok());
    assert!(judge(&token, &signer.set(&json!({})), &[]).is_ok(), "a key without a name");
    assert_eq!(judge(&token, &signer.set(&json!({ "kid": "other" })), &[]), Err(Refusal::NoKey));
    let unnamed = signer.token(&json!({ "alg": "ES256" }), &claims());
    assert!(judge(&unnamed, &signer.set(&json!({ "kid": "any" })), &[]).is_ok());
    let alone = KeySet::read(&signer.key.to_string()).unwrap();
    assert!(judge(&token, &alone, &[]).is_ok(), "a key without a set around it");
    let useless = |more: Value| {
        let mut key = signer.key.clone();
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        KeySet::read(&json!({ "keys": [key] }).to_string()).unwrap_err()
    };
    for more in [
        json!({ "use": "enc" }),
        json!({ "key_ops": ["sign"] }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "RS256" }),
        json!({ "crv": "P-384", "x": "" , "y": "AAAA" , "kty": "oct" }),
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
    ] {
        assert_eq!(useless(more.clone()), crate::BadKeySet::Useless(1), "{more}");
    }
}

#[test]
fn a_key_that_no_proxy_takes_is_none() {
    let useless = |key: Value| {
        let set = json!({ "keys": [key] }).to_string();
        assert_eq!(KeySet::read(&set), Err(crate::BadKeySet::Useless(1)), "{key}");
        assert_eq!(KeySet::usable(&set), Err(crate::BadKeySet::Useless(1)), "{key}");
    };
    let modulus = |bytes: usize, first: u8, last: u8| {
        let mut n = vec![0x5a; bytes];
        (n[0], n[bytes - 1]) = (first, last);
        text(&n)
    };
    let rsa_of = |n: String, e: &str| json!({ "kty": "RSA", "n": n, "e": e });
    assert!(KeySet::read(&rsa_of(modulus(256, 0x80, 1), "AQAB").to_string()).is_ok());
    useless(rsa_of(modulus(256, 0x7f, 1), "AQAB"));
    useless(rsa_of(modulus(1025, 1, 1), "AQAB"));
    useless(rsa_of(modulus(256, 0x80, 2), "AQAB"));
    for e in ["", "AA", "AQ", "Iw", "AQAC"] {
        useless(rsa_of(modulus(256, 0x80, 1), e));
    }
    let point = curve("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING).key;
    useless(json!({ "kty": "EC", "crv": "P-256", "x": point["x"], "y": point["x"] }));
    useless(json!({ "kty": "EC", "crv": "P-384", "x": point["x"], "y": point["y"] }));
    let zeros = text(&[0; 32]);
    useless(json!({ "kty": "EC", "crv": "P-256", "x": zeros, "y": zeros }));
}

#[test]
fn zeros_before_the_numbers_of_a_key_do_not_count() {
    let signer = rsa(&RSA_PKCS1_SHA256);
    let mut key = signer.key.clone();
    let mut n = vec![0];
    n.extend(URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap());
    (key["n"], key["e"]) = (text(&n).into(), "AAEAAQ".into());
    let token = signer.token(&json!({ "alg": "RS256" }), &claims());
    let keys = KeySet::read(&json!({ "keys": [key] }).to_string()).unwrap();
    assert!(judge(&token, &keys, &[]).is_ok());
}

#[test]
fn the_usable_keys_of_a_set_stand_alone() {
    let key = edwards().key;
    let set = format!("{{\"keys\": [ {key} ]}}");
    assert_eq!(KeySet::usable(&set).unwrap(), set, "as its issuer wrote it");
    let one = json!({ "keys": [key] }).to_string();
    assert_eq!(KeySet::usable(&key.to_string()).unwrap(), one);
    let mixed = json!({ "keys": [7, key, { "kty": "oct", "k": "c2VjcmV0" }], "more": 1 });
    assert_eq!(KeySet::usable(&mixed.to_string()).unwrap(), one);
}

#[test]
fn tokens_and_sets_that_are_none_are_told() {
    for token in ["", "a", "a.b", "a.b.c", "..", "e30.e30.", "e30.e30.e30", "W10.W10.W10"] {
        assert_eq!(Token::read(token).err(), Some(Refusal::Malformed), "{token}");
    }
    let long = "a".repeat(LONGEST + 1);
    assert_eq!(Token::read(&long).err(), Some(Refusal::TooLong));
    for set in ["", "[]", "{}", "{\"keys\": 1}", "garbage"] {
        assert_eq!(KeySet::read(set), Err(crate::BadKeySet::Malformed), "{set}");
    }
    assert_eq!(KeySet::read("{\"keys\": []}"), Err(crate::BadKeySet::Useless(0)));
    let large = " ".repeat((1 << 20) + 1);
    assert_eq!(KeySet::read(&large), Err(crate::BadKeySet::TooLarge((1 << 20) + 1)));
}

#[test]
fn claims_are_found_by_path_and_taken_apart() {
    let claims = json!({ "scope": "a b  c", "roles": ["x", 1, "y"], "groups": "p q", "realm": { "roles": ["admin"] }, "n": 1 });
    let Value::Object(all) = claims else { unreachable!() };
    let (claims, spaced) =
        (Claims::new(all), std::collections::BTreeSet::from(["groups".to_owned()]));
    let claim = |path: &[&str]| claims.claim(path, &spaced);
    let list = |words: &[&'static str]| Some(Claim::List(words.to_vec()));
    assert_eq!(claim(&["scope"]), list(&["a", "b", "c"]));
    assert_eq!(claim(&["roles"]), list(&["x", "y"]));
    assert_eq!(claim(&["groups"]), list(&["p", "q"]));
    assert_eq!(claim(&["realm", "roles"]), list(&["admin"]));
    assert_eq!((claim(&["n"]), claim(&["realm"])), (Some(Claim::Other), Some(Claim::Other)));
    assert_eq!((claim(&[]), claim(&["none"]), claim(&["n", "x"])), (None, None, None));
    let plain = claims.claim(&["groups"], &std::collections::BTreeSet::new());
    assert_eq!(plain, Some(Claim::Text("p q")), "no list where nobody says so");
}

#[test]
fn a_claim_that_would_end_a_header_field_is_not_written() {
    let claims = json!({ "name": "a", "admin": true, "age": 7, "ratio": 0.5, "no": null, "empty": "", "bad": "a\r\nx-admin: yes",
        "roles": ["x"], "realm": { "name": "r", "deep": { "n": -1 } } });
    let Value::Object(all) = claims else { unreachable!() };
    let claims = Claims::new(all);
    let written = |path: &[&str]| claims.written(path);
    assert_eq!(written(&["name"]).as_deref(), Some("a"));
    assert_eq!(written(&["admin"]).as_deref(), Some("true"));
    assert_eq!(written(&["age"]).as_deref(), Some("7"));
    assert_eq!(written(&["ratio"]).as_deref(), Some("0.5"));
    assert_eq!(written(&["realm", "name"]).as_deref(), Some("r"));
    assert_eq!(written(&["realm", "deep", "n"]).as_deref(), Some("-1"));
    assert_eq!(written(&["roles"]).as_deref(), Some("WyJ4Il0="));
    for path in [&["no"][..], &["empty"], &["bad"], &["other"], &["name", "x"], &[]] {
        assert_eq!(written(path), None, "{path:?}");
    }
}

#[test]
fn an_issuer_that_is_not_named_may_be_any() {
    let signer = edwards();
    let keys = signer.set(&json!({}));
    let token = signer.token(&json!({ "alg": "EdDSA" }), &claims());
    let verify = |issuer| {
        Token::read(&token).unwrap().verify(&keys, Accepted { issuer, audiences: &[] }, NOW).err()
    };
    assert_eq!(verify(""), None);
    assert_eq!(verify("https://other.example"), Some(Refusal::Issuer));
}

#[test]
fn a_changed_byte_is_noticed() {
    let signer = edwards();
    let keys = signer.set(&json!({}));
    let token = signer.token(&json!({ "alg": "EdDSA" }), &claims());
    for at in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(judge(&other, &keys, &[]).is_err(), "{at}: {other}");
    }
}
