//! A proxy's way to a certificate over real gRPC and TLS: proof by token, refusals, lifetimes, the state folder.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ctl_ca::{Ca, CaService, Caller, ServerIdentity, TokenError, TokenVerifier, tls_incoming};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use weft_identity::{Credential, SigningRequest};
use weft_proto::ca::{CertificateServer, CreateCertificate, IstioCertificateRequest};
use weft_proto::grpc::call;
use weft_rt::Clock;
use weft_types::SpiffeId;

struct OneToken;

#[async_trait::async_trait]
impl TokenVerifier for OneToken {
    async fn verify(&self, token: &str, audience: &str) -> Result<Caller, TokenError> {
        match (token, audience) {
            ("good", "istio-ca") => Ok(Caller {
                namespace: "shop".into(),
                service_account: "web".into(),
                pod: Some("web-1".into()),
            }),
            _ => Err(TokenError::Unreadable("unknown token".into())),
        }
    }
}

struct Mesh {
    service: Arc<CaService>,
    endpoint: Endpoint,
    ca: Arc<Ca>,
    _state: tempfile::TempDir,
}

async fn mesh() -> Mesh {
    let state = tempfile::tempdir().unwrap();
    let ca = Arc::new(Ca::open_or_create(&state.path().join("ca"), Clock::real()).unwrap());
    let names = vec!["istiod.istio-system.svc".to_owned()];
    let own = ServerIdentity::new(ca.clone(), names).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let incoming = tls_incoming(listener, own.server_config(&["h2"]).unwrap(), Clock::real());
    let domain: weft_types::TrustDomain = "cluster.local".parse().unwrap();
    let service = Arc::new(CaService::new(ca.clone(), Arc::new(OneToken), move || domain.clone()));
    let router =
        tonic::transport::Server::builder().add_service(CertificateServer::new(service.clone()));
    tokio::spawn(router.serve_with_incoming(incoming));
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(ca.bundle_pem()))
        .domain_name("istiod.istio-system.svc");
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    Mesh { service, endpoint: endpoint.tls_config(tls).unwrap(), ca, _state: state }
}

fn id(account: &str) -> SpiffeId {
    SpiffeId::new("cluster.local".parse().unwrap(), "shop", account).unwrap()
}

async fn ask(
    mesh: &Mesh,
    token: &str,
    csr: &SigningRequest,
    seconds: i64,
) -> Result<Vec<String>, Status> {
    let channel = mesh.endpoint.connect().await.unwrap();
    let mut request = Request::new(IstioCertificateRequest {
        csr: csr.csr_pem.clone(),
        validity_duration: seconds,
        metadata: None,
    });
    let header = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", header);
    Ok(call::<CreateCertificate>(channel, request).await?.into_inner().cert_chain)
}

#[tokio::test]
async fn a_proven_caller_gets_its_own_identity_for_as_long_as_it_asks() {
    let mesh = mesh().await;
    let csr = SigningRequest::new(&id("web")).unwrap();
    let chain = ask(&mesh, "good", &csr, 20).await.unwrap();
    let credential =
        Credential::from_pem(&csr.key_pem, &chain.concat(), &mesh.ca.bundle_pem()).unwrap();
    assert_eq!(credential.spiffe_id(), Some(&id("web")));
    #[allow(clippy::disallowed_methods, reason = "compared with a certificate made just now")]
    let left = credential.not_after().duration_since(SystemTime::now()).unwrap();
    assert!(left <= Duration::from_secs(20) && left > Duration::from_secs(10), "{left:?}");
    assert_eq!(mesh.service.counters().issued, 1);
}

#[tokio::test]
async fn the_authority_says_what_the_trust_domain_is_called() {
    let mesh = mesh().await;
    let earlier = SpiffeId::new("earlier.example".parse().unwrap(), "shop", "web").unwrap();
    let csr = SigningRequest::new(&earlier).unwrap();
    let chain = ask(&mesh, "good", &csr, 20).await.unwrap();
    let credential =
        Credential::from_pem(&csr.key_pem, &chain.concat(), &mesh.ca.bundle_pem()).unwrap();
    assert_eq!(credential.spiffe_id(), Some(&id("web")));
}

#[tokio::test]
async fn what_is_not_proven_is_refused_and_counted() {
    let mesh = mesh().await;
    let own = SigningRequest::new(&id("web")).unwrap();
    assert_eq!(ask(&mesh, "bad", &own, 0).await.unwrap_err().code(), Code::Unauthenticated);
    let other = SigningRequest::new(&id("admin")).unwrap();
    let refused = ask(&mesh, "good", &other, 0).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("sa/admin"), "{refused}");
    let long = ask(&mesh, "good", &own, 91 * 24 * 3600).await.unwrap_err();
    assert_eq!(long.code(), Code::InvalidArgument);
    let broken = SigningRequest { key_pem: own.key_pem.clone(), csr_pem: "junk".into() };
    assert_eq!(ask(&mesh, "good", &broken, 0).await.unwrap_err().code(), Code::InvalidArgument);
    let counted = mesh.service.counters();
    assert_eq!((counted.requests, counted.issued, counted.unauthenticated), (4, 0, 1));
    assert_eq!((counted.unsigned, counted.unreadable), (2, 1));
    let told: Vec<_> = counted.refusals.iter().filter(|(_, count)| *count > 0).collect();
    let each = [("unreadable_token", 1), ("csr", 1), ("other_identity", 1), ("lifetime", 1)];
    assert_eq!(told, each.iter().collect::<Vec<_>>());
}
