//! The certificate service on a port of the loopback, and a judge of tokens that knows three.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of it")]

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use ctl_ca::{Ca, CaService, Caller, ServerIdentity, TokenError, TokenVerifier, tls_incoming};
use rcgen::{CertificateParams, Issuer, KeyPair, SanType};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};
use weft_identity::SigningRequest;
use weft_proto::ca::{CertificateServer, CreateCertificate, IstioCertificateRequest};
use weft_proto::grpc::call;
use weft_rt::Clock;
use weft_types::{SpiffeId, TrustDomain};

/// Knows the tokens `good` (web in pod web-1), `admin` (admin in pod admin-1) and `loose` (web, of no pod).
#[derive(Default)]
pub struct Tokens {
    /// The pods are gone.
    pub gone: AtomicBool,
}

#[async_trait::async_trait]
impl TokenVerifier for Tokens {
    async fn verify(&self, token: &str, audience: &str) -> Result<Caller, TokenError> {
        let (account, pod) = match (token, audience) {
            ("good", "istio-ca") => ("web", Some("web-1")),
            ("admin", "istio-ca") => ("admin", Some("admin-1")),
            ("loose", "istio-ca") => ("web", None),
            _ => return Err(TokenError::Unreadable("unknown token".into())),
        };
        Ok(Caller {
            namespace: "shop".into(),
            service_account: account.into(),
            pod: pod.map(str::to_owned),
            pod_uid: pod.map(|pod| format!("uid of {pod}")),
        })
    }

    async fn lives(&self, caller: &Caller) -> Result<(), TokenError> {
        let own = caller.pod.as_ref().map(|pod| format!("uid of {pod}"));
        if self.gone.load(SeqCst) || own != caller.pod_uid {
            return Err(TokenError::Gone(format!("pod {:?}", caller.pod)));
        }
        Ok(())
    }
}

pub struct Mesh {
    pub service: Arc<CaService>,
    pub ca: Arc<Ca>,
    pub tokens: Arc<Tokens>,
    /// What the trust domain is called now.
    pub domain: Arc<Mutex<TrustDomain>>,
    address: String,
    state: tempfile::TempDir,
}

impl Mesh {
    pub async fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let ca = Arc::new(Ca::open_or_create(&state.path().join("ca"), Clock::real()).unwrap());
        let names = vec!["istiod.istio-system.svc".to_owned()];
        let own = ServerIdentity::new(ca.clone(), names).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let incoming = tls_incoming(listener, own.proving_config().unwrap(), Clock::real());
        let domain: Arc<Mutex<TrustDomain>> =
            Arc::new(Mutex::new("cluster.local".parse().unwrap()));
        let (tokens, named) = (Arc::new(Tokens::default()), domain.clone());
        let named = move || named.lock().unwrap().clone();
        let service = Arc::new(CaService::new(ca.clone(), tokens.clone(), named));
        let router = tonic::transport::Server::builder()
            .add_service(CertificateServer::new(service.clone()));
        tokio::spawn(router.serve_with_incoming(incoming));
        Self { service, ca, tokens, domain, address, state }
    }

    /// Asks with a token, a certificate and its key, both or nothing.
    pub async fn ask(
        &self,
        token: Option<&str>,
        shown: Option<&Shown>,
        csr: &SigningRequest,
        seconds: i64,
    ) -> Result<Vec<String>, Status> {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.ca.bundle_pem()))
            .domain_name("istiod.istio-system.svc");
        if let Some(Shown { chain, key }) = shown {
            tls = tls.identity(Identity::from_pem(chain, key));
        }
        let endpoint = Endpoint::from_shared(format!("https://{}", self.address)).unwrap();
        let channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
        let mut request = Request::new(IstioCertificateRequest {
            csr: csr.csr_pem.clone(),
            validity_duration: seconds,
            metadata: None,
        });
        if let Some(token) = token {
            let header = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", header);
        }
        Ok(call::<CreateCertificate>(channel, request).await?.into_inner().cert_chain)
    }

    /// The certificate that a token brings.
    pub async fn issued(&self, token: &str, account: &str) -> Shown {
        let csr = SigningRequest::new(&id(account)).unwrap();
        let chain = self.ask(Some(token), None, &csr, 3600).await.unwrap();
        Shown::new(&chain, &csr)
    }

    /// A certificate of this authority that it knows nothing of, which ended or ends at that time from now.
    pub fn made(&self, account: &str, ends_in: time::Duration) -> Shown {
        let read = |file: &str| std::fs::read_to_string(self.state.path().join("ca").join(file));
        let key = KeyPair::from_pem(&read("ca-key.pem").unwrap()).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&read("ca-cert.pem").unwrap(), key).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::default();
        let now = time::OffsetDateTime::now_utc();
        leaf.not_before = now - time::Duration::minutes(50);
        leaf.not_after = now + ends_in;
        leaf.subject_alt_names = vec![SanType::URI(id(account).to_string().try_into().unwrap())];
        let chain = leaf.signed_by(&key, &issuer).unwrap().pem();
        Shown { chain, key: key.serialize_pem() }
    }

    /// Reasons for which somebody was refused so far.
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        self.service.counters().refusals.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

/// A certificate with its key.
pub struct Shown {
    pub chain: String,
    pub key: String,
}

impl Shown {
    pub fn new(answer: &[String], csr: &SigningRequest) -> Self {
        let (_, chain) = answer.split_last().unwrap();
        Self { chain: chain.concat(), key: csr.key_pem.to_string() }
    }
}

pub fn id(account: &str) -> SpiffeId {
    SpiffeId::new("cluster.local".parse().unwrap(), "shop", account).unwrap()
}
