//! Two workloads of one mesh speak over real TLS; rotation, foreign roots and wrong names.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use weft_identity::rustls::pki_types::ServerName;
use weft_identity::{
    CertificateSigner, ClientTls, Clients, IdentityStore, RotateOptions, SanMatch, ServerTls,
    SignError, SignedChain, client_config, peer_spiffe, rotate, server_config,
};
use weft_rt::Clock;
use weft_types::SpiffeId;

/// An authority that signs everything for `life`, and is away for the first `away` calls.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root_pem: String,
    life: Duration,
    away: std::sync::atomic::AtomicU32,
}

impl Authority {
    fn new(life: Duration) -> Arc<Self> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Arc::new(Self { issuer, root_pem, life, away: 0.into() })
    }
}

struct Signer(Arc<Authority>);

impl CertificateSigner for Signer {
    async fn sign(&self, csr: &str, _: Option<Duration>) -> Result<SignedChain, SignError> {
        let away = &self.0.away;
        if away.load(std::sync::atomic::Ordering::SeqCst) > 0 {
            away.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            return Err(SignError::Unavailable("away".into()));
        }
        let mut csr = CertificateSigningRequestParams::from_pem(csr).unwrap();
        let now = time::OffsetDateTime::now_utc();
        csr.params.not_before = now - Duration::from_secs(5);
        csr.params.not_after = now + self.0.life;
        let leaf = csr.signed_by(&self.0.issuer).unwrap();
        Ok(SignedChain {
            chain: vec![leaf.pem(), self.0.root_pem.clone()],
            roots: self.0.root_pem.clone(),
        })
    }
}

async fn workload(authority: &Arc<Authority>, account: &str) -> IdentityStore {
    let store = IdentityStore::new();
    let identity = SpiffeId::new("cluster.local".parse().unwrap(), "shop", account).unwrap();
    let options = RotateOptions { identity, ttl: None };
    tokio::spawn(rotate(store.clone(), Signer(authority.clone()), options, Clock::real()));
    store.ready().await;
    store
}

type ClientEnd = tokio_rustls::client::TlsStream<DuplexStream>;
type ServerEnd = tokio_rustls::server::TlsStream<DuplexStream>;

async fn connect(
    client: &IdentityStore,
    server: &IdentityStore,
    want: SanMatch,
) -> std::io::Result<(ClientEnd, ServerEnd)> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let domain = SanMatch::Prefix("spiffe://cluster.local/".into());
    let alpn = vec![b"istio".to_vec()];
    let (clients, sans) = (Clients::Required, vec![domain]);
    let tls = ServerTls { clients, sans, alpn: alpn.clone(), ..ServerTls::default() };
    let accept = tokio_rustls::TlsAcceptor::from(server_config(server, &tls).unwrap()).accept(far);
    let asked = ClientTls { sans: vec![want], alpn, ..ClientTls::default() };
    let config = client_config(client, &asked).unwrap();
    let name = ServerName::try_from("outbound_.80_.v1_.a.shop.svc.cluster.local").unwrap();
    let dial = tokio_rustls::TlsConnector::from(config).connect(name, near);
    let (client, server) = tokio::join!(dial, accept);
    Ok((client?, server?))
}

fn exactly(account: &str) -> SanMatch {
    SanMatch::Exact(format!("spiffe://cluster.local/ns/shop/sa/{account}"))
}

#[tokio::test]
async fn each_end_learns_the_other_ends_identity() {
    let authority = Authority::new(Duration::from_secs(3600));
    let (a, b) = (workload(&authority, "a").await, workload(&authority, "b").await);
    let (client, server) = connect(&a, &b, exactly("b")).await.unwrap();
    let seen = peer_spiffe(server.get_ref().1.peer_certificates()).unwrap();
    assert_eq!(seen.service_account(), "a");
    let seen = peer_spiffe(client.get_ref().1.peer_certificates()).unwrap();
    assert_eq!(seen.service_account(), "b");
    assert_eq!(server.get_ref().1.alpn_protocol(), Some(b"istio".as_slice()));
}

#[tokio::test]
async fn another_name_or_another_root_is_refused() {
    let authority = Authority::new(Duration::from_secs(3600));
    let (a, b) = (workload(&authority, "a").await, workload(&authority, "b").await);
    assert!(connect(&a, &b, exactly("c")).await.is_err());
    let stranger = workload(&Authority::new(Duration::from_secs(3600)), "a").await;
    assert!(connect(&stranger, &b, exactly("b")).await.is_err());
}

#[tokio::test]
async fn a_rotation_changes_new_connections_and_keeps_old_ones() {
    let authority = Authority::new(Duration::from_secs(4));
    let (a, b) = (workload(&authority, "a").await, workload(&authority, "b").await);
    let (mut client, mut server) = connect(&a, &b, exactly("b")).await.unwrap();
    let first = b.current().unwrap().serial().to_owned();

    authority.away.store(2, std::sync::atomic::Ordering::SeqCst);
    let mut rotations = b.subscribe();
    let renewed = rotations.wait_for(|c| c.as_ref().is_some_and(|c| c.serial() != first));
    drop(tokio::time::timeout(Duration::from_secs(10), renewed).await.unwrap().unwrap());

    client.write_all(b"still here").await.unwrap();
    let mut read = [0; 10];
    server.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"still here");
    connect(&a, &b, exactly("b")).await.unwrap();
}

/// Speaks over a connection, so that everything that follows a handshake has arrived.
async fn speak(mut client: ClientEnd, mut server: ServerEnd) {
    let mut read = [0; 2];
    server.write_all(b"hi").await.unwrap();
    client.read_exact(&mut read).await.unwrap();
    client.write_all(b"ho").await.unwrap();
    server.read_exact(&mut read).await.unwrap();
}

#[tokio::test]
async fn who_was_verified_once_is_verified_again_at_the_next_connection() {
    let authority = Authority::new(Duration::from_secs(3600));
    let (a, b) = (workload(&authority, "a").await, workload(&authority, "b").await);
    let alpn = vec![b"istio".to_vec()];
    let tls = ServerTls { clients: Clients::Required, alpn: alpn.clone(), ..ServerTls::default() };
    let server = server_config(&b, &tls).unwrap();
    let client = client_config(&a, &ClientTls { alpn, ..ClientTls::default() }).unwrap();
    let connect = async || {
        let (near, far) = tokio::io::duplex(1 << 16);
        let name = ServerName::try_from("b.shop").unwrap();
        let dial = tokio_rustls::TlsConnector::from(client.clone()).connect(name, near);
        let accept = tokio_rustls::TlsAcceptor::from(server.clone()).accept(far);
        let (client, server) = tokio::join!(dial, accept);
        Ok::<_, std::io::Error>((client?, server?))
    };
    for _ in 0..2 {
        let (near, far) = connect().await.unwrap();
        speak(near, far).await;
    }
    let other = Authority::new(Duration::from_secs(3600));
    let trusting = |store: &IdentityStore| store.current().unwrap().trusting(&other.root_pem);
    let (former, of_others) = (b.current().unwrap(), trusting(&b).unwrap());
    b.publish(Arc::new(of_others));
    assert!(connect().await.is_err(), "the server no longer trusts the client's root");
    b.publish(former);
    let (near, far) = connect().await.unwrap();
    speak(near, far).await;
    a.publish(Arc::new(trusting(&a).unwrap()));
    assert!(connect().await.is_err(), "the client no longer trusts the server's root");
}

/// Takes every request and never answers.
struct Silent;

impl CertificateSigner for Silent {
    async fn sign(&self, _: &str, _: Option<Duration>) -> Result<SignedChain, SignError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn an_authority_that_is_silent_is_asked_again_and_counted() {
    let store = IdentityStore::new();
    let identity = SpiffeId::new("cluster.local".parse().unwrap(), "shop", "a").unwrap();
    let (clock, time) = Clock::fake();
    let options = RotateOptions { identity, ttl: None };
    let asking = tokio::spawn(rotate(store.clone(), Silent, options, clock));
    while store.asked().all < 3 {
        time.advance(Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    asking.abort();
    let asked = store.asked();
    assert_eq!(asked.failed, asked.all);
}
