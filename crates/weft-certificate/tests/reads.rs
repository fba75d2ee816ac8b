//! Certificates that OpenSSL made (`pem/`), as they are read.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use weft_certificate::{Certificate, Chain, Revoked, covers, fits, has_key};

const LEAF: &str = include_str!("pem/leaf.pem");
const KEY: &str = include_str!("pem/leaf.key");
const OTHER: &str = include_str!("pem/other.key");
const MIDDLE: &str = include_str!("pem/intermediate.pem");
const ROOT: &str = include_str!("pem/root.pem");
const ED25519: &str = include_str!("pem/ed25519.pem");
const REVOKED: &str = include_str!("pem/revoked.pem");

fn all(texts: &[&str]) -> Vec<Certificate> {
    Certificate::all(texts.concat().as_bytes()).unwrap()
}

#[track_caller]
fn chain(texts: &[&str], authorities: &[&str]) -> (Vec<usize>, Vec<usize>, bool, bool) {
    let authorities = if authorities.is_empty() { Vec::new() } else { all(authorities) };
    let Chain { path, strays, ordered, rooted, .. } = Chain::of(&all(texts), &authorities).unwrap();
    (path, strays, ordered, rooted)
}

#[test]
fn a_certificate_says_whose_it_is_and_for_what() {
    let leaf = all(&[LEAF, KEY]).remove(0);
    assert_eq!((leaf.subject.as_str(), leaf.issuer.as_str()), ("CN=shop", "CN=intermediate"));
    assert_eq!((leaf.serial.as_str(), leaf.key.as_str()), ("0a:1b:2c", "EC P-256"));
    let names: Vec<String> = leaf.names.iter().map(ToString::to_string).collect();
    let expected =
        ["shop.example", "*.shop.example", "10.0.0.1", "spiffe://a/ns/b/sa/c", "a@b.example"];
    assert_eq!(names, expected);
    assert!(covers(&leaf.names, "a.shop.example") && !covers(&leaf.names, "a@b.example"));
    assert!(!leaf.authority && leaf.not_after - leaf.not_before == 3650 * 24 * 60 * 60);
    assert_eq!(all(&[MIDDLE])[0].key, "RSA 2048");
    assert_eq!(all(&[ROOT])[0].key, "EC P-384");
    assert_eq!(all(&[ED25519])[0].key, "Ed25519");
    assert!(all(&[ROOT])[0].is_root() && all(&[MIDDLE])[0].authority);
}

#[test]
fn a_chain_is_followed_whatever_its_order() {
    assert_eq!(chain(&[LEAF, MIDDLE, ROOT], &[]), (vec![0, 1, 2], vec![], true, true));
    assert_eq!(chain(&[LEAF, ROOT, MIDDLE], &[]), (vec![0, 2, 1], vec![], false, true));
    assert_eq!(chain(&[LEAF, MIDDLE], &[]), (vec![0, 1], vec![], true, false));
    assert_eq!(chain(&[LEAF, MIDDLE], &[ROOT]), (vec![0, 1], vec![], true, true));
    assert_eq!(chain(&[LEAF, ED25519], &[ROOT]), (vec![0], vec![1], true, false));
    assert_eq!(Chain::of(&all(&[LEAF]), &[]).unwrap().anchor, "CN=intermediate");
    assert_eq!(Chain::of(&[], &[]), None);
}

#[test]
fn a_key_is_that_of_its_certificate_or_not_or_does_not_tell() {
    let fits = |certificate: &str, key: &str| fits(certificate.as_bytes(), key.as_bytes());
    assert_eq!(fits(LEAF, KEY), Some(true));
    assert_eq!(fits(LEAF, OTHER), Some(false));
    assert_eq!(fits(ED25519, include_str!("pem/ed25519.key")), None);
    assert_eq!(fits("", KEY), None);
    assert!(has_key(KEY.as_bytes()) && !has_key(LEAF.as_bytes()));
}

#[test]
fn a_revocation_list_names_certificates_of_its_issuer_only() {
    let list = Revoked::all(REVOKED.as_bytes()).unwrap().remove(0);
    assert_eq!((list.issuer.as_str(), list.serials.len()), ("CN=intermediate", 1));
    assert!(list.next.unwrap() > list.made);
    assert!(list.names(&all(&[LEAF])[0]) && !list.names(&all(&[MIDDLE])[0]));
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let fault = Certificate::all([LEAF, broken].concat().as_bytes()).unwrap_err();
    assert_eq!(fault.block, 2);
    let fault = Certificate::all(KEY.as_bytes()).unwrap_err();
    assert_eq!(fault.to_string(), "it holds no certificate");
    assert_eq!(Revoked::all(b"").unwrap_err().to_string(), "it holds no revocation list");
    let cut = LEAF.get(..LEAF.len() / 2).unwrap();
    assert!(Certificate::all(cut.as_bytes()).is_err());
}
