//! A proxy's way to a certificate over real gRPC and TLS: proof by token, refusals, lifetimes, the state folder.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::time::Duration;

use support::{Mesh, id};
use tonic::Code;
use weft_identity::{Credential, SigningRequest};
use weft_types::SpiffeId;

#[tokio::test]
async fn a_proven_caller_gets_its_own_identity_for_as_long_as_it_asks() {
    let mesh = Mesh::new().await;
    let csr = SigningRequest::new(&id("web")).unwrap();
    let chain = mesh.ask(Some("good"), None, &csr, 20).await.unwrap();
    let credential =
        Credential::from_pem(&csr.key_pem, &chain.concat(), &mesh.ca.bundle_pem()).unwrap();
    assert_eq!(credential.spiffe_id(), Some(&id("web")));
    let life = credential.not_after().duration_since(credential.not_before()).unwrap();
    assert!(life >= Duration::from_secs(20) && life < Duration::from_secs(600), "{life:?}");
    assert_eq!(mesh.service.counters().issued, 1);
}

#[tokio::test]
async fn the_authority_says_what_the_trust_domain_is_called() {
    let mesh = Mesh::new().await;
    let earlier = SpiffeId::new("earlier.example".parse().unwrap(), "shop", "web").unwrap();
    let csr = SigningRequest::new(&earlier).unwrap();
    let chain = mesh.ask(Some("good"), None, &csr, 20).await.unwrap();
    let credential =
        Credential::from_pem(&csr.key_pem, &chain.concat(), &mesh.ca.bundle_pem()).unwrap();
    assert_eq!(credential.spiffe_id(), Some(&id("web")));
}

#[tokio::test]
async fn what_is_not_proven_is_refused_and_counted() {
    let mesh = Mesh::new().await;
    let own = SigningRequest::new(&id("web")).unwrap();
    assert_eq!(
        mesh.ask(Some("bad"), None, &own, 0).await.unwrap_err().code(),
        Code::Unauthenticated
    );
    let other = SigningRequest::new(&id("admin")).unwrap();
    let refused = mesh.ask(Some("good"), None, &other, 0).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("sa/admin"), "{refused}");
    let long = mesh.ask(Some("good"), None, &own, 91 * 24 * 3600).await.unwrap_err();
    assert_eq!(long.code(), Code::InvalidArgument);
    let broken = SigningRequest { key_pem: own.key_pem.clone(), csr_pem: "junk".into() };
    assert_eq!(
        mesh.ask(Some("good"), None, &broken, 0).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let counted = mesh.service.counters();
    assert_eq!((counted.requests, counted.issued, counted.unauthenticated), (4, 0, 1));
    assert_eq!((counted.unsigned, counted.unreadable), (2, 1));
    let each = [("unreadable_token", 1), ("csr", 1), ("other_identity", 1), ("lifetime", 1)];
    assert_eq!(mesh.refusals(), each);
}
