//! The certificate that the mesh gave before as proof, over real gRPC and TLS: what it brings, and each way in which it brings nothing.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::sync::atomic::Ordering::SeqCst;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use support::{Mesh, Shown, id};
use tonic::Code;
use weft_identity::{Credential, SigningRequest};

fn csr(account: &str) -> SigningRequest {
    SigningRequest::new(&id(account)).unwrap()
}

/// An answer that says no, and why.
#[track_caller]
fn refused(answer: Result<Vec<String>, tonic::Status>, code: Code, why: &str) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(why), "{status}");
}

#[tokio::test]
async fn a_certificate_of_the_mesh_renews_itself_and_brings_nobody_elses() {
    let mesh = Mesh::new().await;
    let mut shown = mesh.issued("good", "web").await;
    for _ in 0..3 {
        let own = csr("web");
        let chain = mesh.ask(None, Some(&shown), &own, 3600).await.unwrap();
        shown = Shown::new(&chain, &own);
        let credential = Credential::from_pem(&shown.key, &shown.chain, &mesh.ca.bundle_pem());
        assert_eq!(credential.unwrap().spiffe_id(), Some(&id("web")));
    }
    let other = mesh.ask(None, Some(&shown), &csr("admin"), 3600).await;
    refused(other, Code::PermissionDenied, "sa/admin");
    assert_eq!(mesh.refusals(), [("other_identity", 1)]);
    assert_eq!(mesh.ca.report().holders, 1, "it is still the certificate of the same pod");
}

#[tokio::test]
async fn one_that_no_pod_holds_renews_itself_too() {
    let mesh = Mesh::new().await;
    let shown = mesh.issued("loose", "web").await;
    mesh.ask(None, Some(&shown), &csr("web"), 3600).await.unwrap();
}

#[tokio::test]
async fn one_that_has_ended_brings_nothing_and_spoils_no_token() {
    let mesh = Mesh::new().await;
    let shown = mesh.made("web", time::Duration::minutes(-5));
    let answer = mesh.ask(None, Some(&shown), &csr("web"), 3600).await;
    refused(answer, Code::Unauthenticated, "not valid now");
    assert_eq!(mesh.refusals(), [("expired_certificate", 1)]);
    mesh.ask(Some("good"), Some(&shown), &csr("web"), 3600).await.unwrap();
}

#[tokio::test]
async fn one_of_another_root_brings_nothing() {
    let mesh = Mesh::new().await;
    let other = Mesh::new().await;
    let foreign = other.issued("good", "web").await;
    let answer = mesh.ask(None, Some(&foreign), &csr("web"), 3600).await;
    refused(answer, Code::Unauthenticated, "not of this mesh");
    assert_eq!(mesh.refusals(), [("foreign_certificate", 1)]);
}

#[tokio::test]
async fn one_with_the_same_names_made_by_ourselves_brings_nothing() {
    let mesh = Mesh::new().await;
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::default();
    leaf.subject_alt_names = vec![SanType::URI(id("admin").to_string().try_into().unwrap())];
    let chain = leaf.signed_by(&key, &issuer).unwrap().pem();
    let forged = Shown { chain, key: key.serialize_pem() };
    let answer = mesh.ask(None, Some(&forged), &csr("admin"), 3600).await;
    refused(answer, Code::Unauthenticated, "not of this mesh");
}

#[tokio::test]
async fn one_that_the_authority_does_not_remember_brings_nothing() {
    let mesh = Mesh::new().await;
    let shown = mesh.made("admin", time::Duration::hours(1));
    let answer = mesh.ask(None, Some(&shown), &csr("admin"), 3600).await;
    refused(answer, Code::Unauthenticated, "not one of the last two");
    assert_eq!(mesh.refusals(), [("unknown_certificate", 1)]);
}

#[tokio::test]
async fn one_of_another_trust_domain_brings_nothing() {
    let mesh = Mesh::new().await;
    let shown = mesh.issued("good", "web").await;
    *mesh.domain.lock().unwrap() = "later.example".parse().unwrap();
    let answer = mesh.ask(None, Some(&shown), &csr("web"), 3600).await;
    refused(answer, Code::Unauthenticated, "not of the trust domain later.example");
    assert_eq!(mesh.refusals(), [("other_trust_domain", 1)]);
}

#[tokio::test]
async fn one_of_a_pod_that_is_gone_brings_nothing() {
    let mesh = Mesh::new().await;
    let shown = mesh.issued("good", "web").await;
    mesh.tokens.gone.store(true, SeqCst);
    let answer = mesh.ask(None, Some(&shown), &csr("web"), 3600).await;
    refused(answer, Code::Unauthenticated, "pod Some(\"web-1\")");
    assert_eq!(mesh.refusals(), [("holder_gone", 1)]);
}

#[tokio::test]
async fn one_that_was_replaced_twice_brings_nothing() {
    let mesh = Mesh::new().await;
    let first = mesh.issued("good", "web").await;
    let second = mesh.issued("good", "web").await;
    mesh.issued("good", "web").await;
    let answer = mesh.ask(None, Some(&first), &csr("web"), 3600).await;
    refused(answer, Code::Unauthenticated, "not one of the last two");
    assert_eq!(mesh.refusals(), [("unknown_certificate", 1)]);
    mesh.ask(None, Some(&second), &csr("web"), 3600).await.unwrap();
}

#[tokio::test]
async fn a_token_decides_and_may_not_differ_from_the_certificate() {
    let mesh = Mesh::new().await;
    let shown = mesh.issued("good", "web").await;
    mesh.ask(Some("good"), Some(&shown), &csr("web"), 3600).await.unwrap();
    let bad = mesh.ask(Some("bad"), Some(&shown), &csr("web"), 3600).await;
    refused(bad, Code::Unauthenticated, "unknown token");
    let differ = mesh.ask(Some("admin"), Some(&shown), &csr("admin"), 3600).await;
    refused(differ, Code::PermissionDenied, "shop/admin (pod admin-1), but the certificate");
    let nothing = mesh.ask(None, None, &csr("web"), 3600).await;
    refused(nothing, Code::Unauthenticated, "or show a certificate");
    assert_eq!(mesh.refusals(), [("no_token", 1), ("unreadable_token", 1), ("proofs_differ", 1)]);
}
