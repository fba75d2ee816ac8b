//! Rules of `RequestAuthentication`.

use serde_json::Value;
use weft_api::meta::Metadata;
use weft_api::request_authentication::{JwtRule, Presence, RequestAuthentication};
use weft_api::{Read as _, Reader};

use super::findings::code;
use super::{Findings, header, target, values};
use crate::Severity;

pub(crate) fn check(_: &Metadata, spec: &RequestAuthentication, findings: &mut Findings) {
    let RequestAuthentication { selector, target_ref, target_refs, jwt_rules } = spec;
    target::check(selector.as_ref(), target_ref.as_ref(), target_refs, findings);
    findings.each("jwtRules", jwt_rules, rule);
}

fn rule(rule: &JwtRule, findings: &mut Findings) {
    let JwtRule {
        issuer,
        audiences,
        jwks_uri,
        jwks_uri_old,
        jwks,
        from_headers,
        from_params,
        from_cookies,
        output_payload_to_header: _,
        output_claim_to_headers,
        forward_original_token: _,
        timeout,
        space_delimited_claims,
        presence: _,
    } = rule;
    let addresses = [("jwksUri", jwks_uri), ("jwks_uri", jwks_uri_old)];
    let given = addresses.iter().filter(|(_, uri)| uri.is_some()).count();
    if issuer.is_empty() && given == 0 {
        findings.error_in("issuer", "is missing", "name the issuer of the tokens");
    }
    if given + usize::from(jwks.is_some()) > 1 {
        findings.error("says more than once where the keys are", "keep one of jwksUri and jwks");
    }
    for (field, uri) in addresses {
        findings.given(field, uri.as_ref(), |uri, findings| {
            if let Err(why) = values::url(uri, &["http", "https"]) {
                findings.error(why, "write https://HOST/PATH");
            }
        });
    }
    findings.given("jwks", jwks.as_ref(), |text, findings| match key_set(text) {
        Err(why) => findings.error(why, "write a JSON web key set: {\"keys\": [...]}"),
        Ok(Secrecy::Public) => {}
        Ok(Secrecy::Private) => {
            let what = "holds a private key, which everybody who reads this object can now use";
            let fix = "keep the public part only, and change the key";
            findings.add(Severity::Warning, code::SUSPICIOUS, what, fix);
        }
    });
    for (field, list) in [
        ("audiences", audiences),
        ("fromParams", from_params),
        ("fromCookies", from_cookies),
        ("spaceDelimitedClaims", space_delimited_claims),
    ] {
        findings.each(field, list, |text, findings| {
            if text.is_empty() {
                findings.error("is empty", "write a value, or remove it");
            }
        });
    }
    findings.each("fromHeaders", from_headers, |from, findings| {
        if from.name.is_empty() {
            findings.error_in("name", "is missing", "name the header field");
        }
    });
    findings.each("outputClaimToHeaders", output_claim_to_headers, |output, findings| {
        for (field, text) in [("header", &output.header), ("claim", &output.claim)] {
            if text.is_empty() {
                findings.error_in(field, "is missing", "name header field and claim");
            }
        }
        if !output.header.is_empty() && !output.claim.is_empty() {
            findings.within("header", |findings| header::strict_name(&output.header, findings));
        }
    });
    findings.given("timeout", timeout.as_ref(), |span, f| values::duration(*span, f));
}

/// Stands for a policy that cannot be read: no request passes that it could apply to, since nobody issues such tokens.
pub(crate) fn denying(spec: &Value) -> RequestAuthentication {
    let mut reader = Reader::default();
    let selector = spec.get("selector").map(|value| <_>::read(value, &mut reader));
    let readable = reader.into_issues().is_empty();
    let nobody = JwtRule { presence: Presence::Required, ..JwtRule::default() };
    RequestAuthentication {
        selector: selector.filter(|_| readable),
        jwt_rules: vec![nobody],
        ..RequestAuthentication::default()
    }
}

/// Whether a set of keys may be shown.
enum Secrecy {
    Public,
    Private,
}

/// Keys as RFC 7517 writes them: a set, or one key alone.
fn key_set(text: &str) -> Result<Secrecy, String> {
    let set: Value = serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"))?;
    let listed = set.get("keys").and_then(Value::as_array).filter(|keys| !keys.is_empty());
    let keys = listed.map_or(std::slice::from_ref(&set), Vec::as_slice);
    for (index, key) in keys.iter().enumerate() {
        key_of_set(key).map_err(|why| match listed {
            Some(_) => format!("key {index} {why}"),
            None => format!("has no list `keys`, and as one key {why}"),
        })?;
    }
    let private = keys.iter().any(|key| key.get("d").is_some());
    Ok(if private { Secrecy::Private } else { Secrecy::Public })
}

fn key_of_set(key: &Value) -> Result<(), String> {
    let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    let needed: &[&str] = match text("kty") {
        "RSA" => &["n", "e"],
        "EC" => &["crv", "x", "y"],
        "OKP" => &["crv", "x"],
        "oct" => &["k"],
        "" => return Err("has no `kty`".to_owned()),
        other => return Err(format!("is of the unknown type {other:?}")),
    };
    match needed.iter().find(|name| text(name).is_empty()) {
        Some(name) => Err(format!("has no `{name}`")),
        None => match needed.iter().find(|name| !is_base64(text(name)) && **name != "crv") {
            Some(name) => Err(format!("has a `{name}` that is not base64")),
            None => Ok(()),
        },
    }
}

/// Base64 of either alphabet, with or without its end.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+/-_".contains(&b);
    body.bytes().all(plain) && body.len() % 4 != 1
}
