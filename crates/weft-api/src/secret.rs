//! `Secret` and `ConfigMap` of Kubernetes, of which the mesh reads certificates, keys and authorities.
//!
//! In: JSON of the object. Out: the entries that a credential is made of. Holds: a key is never printed.
//! Why two names for each: Secrets of the type `kubernetes.io/tls` and older ones made by hand differ.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use weft_certificate::{Certificate, Name};

/// What of a Secret is PEM of use to a proxy; what is missing is empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credential {
    /// `tls.crt` or `cert`: a certificate, and those that vouch for it.
    pub certificate: Vec<u8>,
    /// `tls.key` or `key`; of the same pair as the certificate.
    pub key: Vec<u8>,
    /// `ca.crt` or `cacert`: authorities that vouch for the other side.
    pub authorities: Vec<u8>,
    /// `ca.crl` or `crl`: what they revoked.
    pub revoked: Vec<u8>,
    /// DNS names that the certificate is for, in small letters; none when it cannot be read.
    pub names: BTreeSet<String>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("certificate", &!self.certificate.is_empty())
            .field("authorities", &!self.authorities.is_empty())
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// Reads a Secret.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let entry = |name: &str| entry(object, name).unwrap_or_default();
        let pair = |certificate: &str, key: &str| {
            let found = (entry(certificate), entry(key));
            (!found.0.is_empty() && !found.1.is_empty()).then_some(found)
        };
        let (certificate, key) =
            pair("cert", "key").or_else(|| pair("tls.crt", "tls.key")).unwrap_or_default();
        let first = |one: &str, other: &str| {
            let found = entry(one);
            if found.is_empty() { entry(other) } else { found }
        };
        Self {
            names: dns_names(&certificate),
            certificate,
            key,
            authorities: first("cacert", "ca.crt"),
            revoked: first("crl", "ca.crl"),
        }
    }

    /// Reads a ConfigMap, which holds nothing that is to be kept from others.
    #[must_use]
    pub fn of_config_map(object: &Value) -> Self {
        let text = |name: &str| object["data"][name].as_str().unwrap_or_default();
        let revoked = [text("ca.crl"), text("crl")].into_iter().find(|text| !text.is_empty());
        Self {
            authorities: text("ca.crt").as_bytes().to_vec(),
            revoked: revoked.unwrap_or_default().as_bytes().to_vec(),
            ..Self::default()
        }
    }

    /// Whether it holds a certificate with its key, as far as the frame of PEM tells.
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        holds(&self.key, "PRIVATE KEY-----") && holds(&self.certificate, CERTIFICATE)
    }

    /// Whether it holds authorities, as far as the frame of PEM tells.
    #[must_use]
    pub fn has_authorities(&self) -> bool {
        holds(&self.authorities, CERTIFICATE)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Names of the first certificate of a chain, which is the one that is shown.
fn dns_names(chain: &[u8]) -> BTreeSet<String> {
    let Ok(all) = Certificate::all(chain) else { return BTreeSet::new() };
    let names = all.into_iter().next().map(|shown| shown.names).unwrap_or_default();
    let hosts = names.into_iter().filter_map(|name| match name {
        Name::Host(host) => Some(host.to_ascii_lowercase()),
        _ => None,
    });
    hosts.collect()
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

fn holds(text: &[u8], wanted: &str) -> bool {
    text.windows(wanted.len()).any(|part| part == wanted.as_bytes())
}

/// Manifests may have plain text, which a server packs.
fn entry(object: &Value, name: &str) -> Option<Vec<u8>> {
    if let Some(plain) = object["stringData"][name].as_str() {
        return Some(plain.as_bytes().to_vec());
    }
    let packed: String = object["data"][name].as_str()?.split_whitespace().collect();
    STANDARD.decode(packed).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pair_is_taken_whole_and_both_kinds_of_names_are_known() {
        let of = |data: Value| Credential::of(&json!({ "data": data }));
        let typed = of(json!({"tls.crt": "YQ==", "tls.key": "Yg==", "ca.crt": "Yw=="}));
        assert_eq!(
            (typed.certificate, typed.key, typed.authorities),
            (b"a".into(), b"b".into(), b"c".into())
        );
        let older = of(json!({"cert": "YQ==", "key": "Yg==", "cacert": "Yw==", "tls.crt": "eA=="}));
        assert_eq!((older.certificate, older.authorities), (b"a".to_vec(), b"c".to_vec()));
        assert!(of(json!({"tls.crt": "YQ=="})).is_empty(), "half a pair");
        assert!(of(json!({"tls.crt": "*", "tls.key": "Yg=="})).is_empty(), "no base64");
        let plain = Credential::of(&json!({"stringData": {"ca.crt": "x"}}));
        assert_eq!(plain.authorities, b"x");
    }

    #[test]
    fn names_are_those_of_the_certificate_that_is_shown() {
        let signed = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            rcgen::generate_simple_self_signed(names).unwrap().cert.pem()
        };
        let of = |chain: String| {
            Credential::of(&json!({"stringData": {"tls.crt": chain, "tls.key": "x"}})).names
        };
        let chain = signed(&["A.example", "*.b.example", "10.0.0.1"]) + &signed(&["ca.example"]);
        assert_eq!(of(chain), ["*.b.example", "a.example"].map(str::to_owned).into());
        assert_eq!(of("-----BEGIN CERTIFICATE-----\n".to_owned()), BTreeSet::new());
        assert_eq!(
            of("-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n".to_owned()),
            BTreeSet::new()
        );
    }

    #[test]
    fn a_key_is_not_printed() {
        let secret = Credential { key: b"private".to_vec(), ..Credential::default() };
        assert!(!format!("{secret:?}").contains("private"));
    }
}
