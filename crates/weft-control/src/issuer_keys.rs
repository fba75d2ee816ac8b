//! Fetched keys for those who look at a mesh from outside: told by the control plane, put into objects by whoever asks.
//!
//! In: what was fetched; objects as they are stored. Out: the report, and objects whose rules have these keys as their own.
//! Holds: a rule that has keys of its own, or whose place has none yet, stays as it is: then its tokens are refused here as there.

use ctl_keys::{Found, Place};
use serde_json::Value;
use weft_admin_api::issuers::{IssuerKeys, IssuersReport, Origin};
use weft_model::ObjectRef;
use weft_model::api::request_authentication::JwtRule;
use weft_model::api::{Read as _, Reader};

use crate::pipeline::issuers::{KIND, place};

/// What counts now.
pub(crate) fn report(found: &Found) -> IssuersReport {
    let told = |place: &Place| IssuerKeys {
        from: origin(place),
        jwks: found.keys(place).map(ToString::to_string),
    };
    IssuersReport { places: found.places.keys().map(told).collect() }
}

fn origin(place: &Place) -> Origin {
    match place {
        Place::Uri(uri) => Origin::Uri(uri.clone()),
        Place::Issuer(issuer) => Origin::Issuer(issuer.clone()),
    }
}

/// Writes the keys that a control plane tells of into the rules of objects, in place of where they are fetched.
pub fn put_keys(objects: &mut [Value], known: &IssuersReport) {
    let ours = |object: &&mut Value| {
        let ObjectRef { group, kind, .. } = ObjectRef::of(object);
        group == "security.istio.io" && kind == KIND
    };
    for object in objects.iter_mut().filter(ours) {
        let rules = object.pointer_mut("/spec/jwtRules").and_then(Value::as_array_mut);
        rules.into_iter().flatten().for_each(|rule| put(rule, known));
    }
}

fn put(rule: &mut Value, known: &IssuersReport) {
    let Some(from) = place(&JwtRule::read(rule, &mut Reader::at(""))) else { return };
    let from = origin(&from);
    let keys = known.places.iter().find(|one| one.from == from).and_then(|one| one.jwks.clone());
    if let (Some(keys), Some(rule)) = (keys, rule.as_object_mut()) {
        ["jwksUri", "jwks_uri"].iter().for_each(|field| drop(rule.remove(*field)));
        rule.insert("jwks".to_owned(), keys.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_get_the_keys_of_their_place_and_keep_their_own() {
        let object = |kind: &str, rules: &Value| {
            json!({"apiVersion": "security.istio.io/v1", "kind": kind,
                "metadata": {"name": "tokens", "namespace": "shop"}, "spec": {"jwtRules": rules}})
        };
        let rules = json!([
            {"issuer": "a", "jwksUri": "https://a/keys"}, {"issuer": "b"}, {"issuer": "c", "jwks": "own"},
            {"issuer": "d", "jwksUri": "https://d/keys"}, 5
        ]);
        let one =
            |from: Origin, jwks: Option<&str>| IssuerKeys { from, jwks: jwks.map(str::to_owned) };
        let known = IssuersReport {
            places: vec![
                one(Origin::Uri("https://a/keys".to_owned()), Some("of a")),
                one(Origin::Issuer("b".to_owned()), Some("of b")),
                one(Origin::Issuer("c".to_owned()), Some("of c")),
                one(Origin::Uri("https://d/keys".to_owned()), None),
            ],
        };
        let mut objects =
            vec![object("RequestAuthentication", &rules), object("Other", &rules), json!(null)];
        put_keys(&mut objects, &known);
        let filled = json!([
            {"issuer": "a", "jwks": "of a"}, {"issuer": "b", "jwks": "of b"}, {"issuer": "c", "jwks": "own"},
            {"issuer": "d", "jwksUri": "https://d/keys"}, 5
        ]);
        let expected =
            [object("RequestAuthentication", &filled), object("Other", &rules), json!(null)];
        assert_eq!(objects, expected);
    }
}
