//! Certificates and roots that are not the mesh's: chains, names, revocation, versions.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use weft_identity::rustls::pki_types::{CertificateDer, ServerName};
use weft_identity::{
    Certificate, ClientTls, Clients, IdentityStore, Own, Pin, SanMatch, ServerTls, TlsLimits,
    Trust, TrustBundle, client_config, server_config,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, host: &str, serial: u64) -> Arc<Certificate> {
        self.signed(host, serial).0
    }

    /// A certificate with its key, and the certificate alone.
    fn signed(&self, host: &str, serial: u64) -> (Arc<Certificate>, CertificateDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let (chain, key) = (leaf.pem(), key.serialize_pem());
        let own = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        (Arc::new(own), leaf.der().clone())
    }

    fn bundle(&self) -> TrustBundle {
        TrustBundle::from_pem(&self.pem).unwrap()
    }

    fn revoking(&self, serial: u64) -> Vec<u8> {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2099, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: date_time_ymd(2020, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap().into_bytes()
    }
}

fn server(own: &Arc<Certificate>) -> ServerTls {
    ServerTls { own: Own::Given(vec![Arc::clone(own)]), ..ServerTls::default() }
}

fn client(trust: TrustBundle) -> ClientTls {
    ClientTls {
        own: Own::Nothing,
        trust: Trust::Given(Arc::new(trust)),
        named: true,
        ..ClientTls::default()
    }
}

/// Whether both ends agree on a handshake for `a.example`.
async fn agree(client: ClientTls, server: ServerTls) -> bool {
    let store = IdentityStore::new();
    let (near, far) = tokio::io::duplex(1 << 16);
    let accept =
        tokio_rustls::TlsAcceptor::from(server_config(&store, &server).unwrap()).accept(far);
    let config = client_config(&store, &client).unwrap();
    let name = ServerName::try_from("a.example").unwrap();
    let dial = tokio_rustls::TlsConnector::from(config).connect(name, near);
    let (client, server) = tokio::join!(dial, accept);
    client.is_ok() && server.is_ok()
}

#[tokio::test]
async fn the_chain_and_the_name_that_is_asked_for_count() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (own, wild, wrong) = (
        authority.sign("a.example", 1),
        authority.sign("*.example", 2),
        authority.sign("b.example", 3),
    );
    assert!(agree(client(authority.bundle()), server(&own)).await);
    assert!(agree(client(authority.bundle()), server(&wild)).await);
    assert!(!agree(client(authority.bundle()), server(&wrong)).await);
    assert!(!agree(client(other.bundle()), server(&own)).await);
    let unnamed = ClientTls { named: false, ..client(authority.bundle()) };
    assert!(agree(unnamed.clone(), server(&wrong)).await);
    let sans = vec![SanMatch::Named("c.example".to_owned())];
    assert!(!agree(ClientTls { sans, ..unnamed.clone() }, server(&wrong)).await);
    assert!(agree(ClientTls { trust: Trust::Anyone, ..unnamed }, server(&wrong)).await);
}

#[tokio::test]
async fn what_was_revoked_is_refused() {
    let authority = Authority::new();
    let (good, bad) = (authority.sign("a.example", 1), authority.sign("a.example", 2));
    let trust = || authority.bundle().without(&authority.revoking(2)).unwrap();
    assert!(agree(client(trust()), server(&good)).await);
    assert!(!agree(client(trust()), server(&bad)).await);
}

/// The key of a pair is the same in each certificate over it.
#[tokio::test]
async fn a_peer_may_be_known_by_its_certificate_or_its_key() {
    let authority = Authority::new();
    let own = authority.sign("a.example", 1);
    let (theirs, leaf) = authority.signed("client.example", 2);
    let hash = |bytes: &[u8]| <[u8; 32]>::try_from(digest(&SHA256, bytes).as_ref()).unwrap();
    let key = X509Certificate::from_der(&leaf).unwrap().1.public_key().raw.to_vec();
    for trust in [Trust::Given(Arc::new(authority.bundle())), Trust::Anyone] {
        let asking = |pins| ServerTls {
            clients: Clients::Required,
            trust: trust.clone(),
            pins,
            ..server(&own)
        };
        let known = || {
            let own = Own::Given(vec![Arc::clone(&theirs)]);
            ClientTls { own, limits: tls_12(), ..client(authority.bundle()) }
        };
        let other = Pin::Key([0; 32]);
        assert!(agree(known(), asking(vec![other, Pin::Certificate(hash(&leaf))])).await);
        assert!(agree(known(), asking(vec![Pin::Key(hash(&key))])).await);
        assert!(!agree(known(), asking(vec![other, Pin::Certificate(hash(&key))])).await);
    }
}

#[tokio::test]
async fn a_certificate_that_is_itself_trusted_needs_no_authority() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    let own = Certificate::from_pem(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    assert!(agree(client(TrustBundle::from_pem(&pem).unwrap()), server(&Arc::new(own))).await);
}

#[tokio::test]
async fn a_client_is_asked_required_or_left_alone() {
    let authority = Authority::new();
    let (own, theirs) = (authority.sign("a.example", 1), authority.sign("client.example", 2));
    let asking = |clients| ServerTls {
        clients,
        trust: Trust::Given(Arc::new(authority.bundle())),
        ..server(&own)
    };
    let shown = |own| ClientTls { own, limits: tls_12(), ..client(authority.bundle()) };
    let with = || shown(Own::Given(vec![Arc::clone(&theirs)]));
    let stranger = || shown(Own::Given(vec![Authority::new().sign("client.example", 3)]));
    assert!(agree(with(), asking(Clients::Required)).await);
    assert!(!agree(shown(Own::Nothing), asking(Clients::Required)).await);
    assert!(agree(shown(Own::Nothing), asking(Clients::Asked)).await);
    assert!(!agree(stranger(), asking(Clients::Asked)).await);
    assert!(agree(stranger(), asking(Clients::Unasked)).await);
}

/// In TLS 1.3 a client is done before it hears that it was refused.
fn tls_12() -> TlsLimits {
    TlsLimits { only_12: true, ..TlsLimits::default() }
}

#[tokio::test]
async fn versions_and_suites_limit_what_is_agreed_on() {
    let authority = Authority::new();
    let own = authority.sign("a.example", 1);
    let limited = |limits| ServerTls { limits, ..server(&own) };
    let old = || ClientTls { limits: tls_12(), ..client(authority.bundle()) };
    assert!(!agree(old(), limited(TlsLimits { only_13: true, ..TlsLimits::default() })).await);
    let suite = |name: &str| TlsLimits { suites: vec![name.to_owned()], ..TlsLimits::default() };
    assert!(agree(old(), limited(suite("ECDHE-ECDSA-AES256-GCM-SHA384"))).await);
    assert!(
        !agree(old(), limited(suite("ECDHE-RSA-AES256-GCM-SHA384"))).await,
        "another kind of key"
    );
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (one, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let chain = CertificateParams::default().self_signed(&one).unwrap().pem();
    let pair =
        |key: &KeyPair| Certificate::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes());
    assert!(pair(&one).is_ok());
    assert!(pair(&other).unwrap_err().to_string().contains("not the key"));
    assert!(Certificate::from_pem(b"", b"").is_err());
}

#[test]
fn a_list_that_cannot_be_followed_is_no_list() {
    let authority = Authority::new();
    let broken = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
    assert!(authority.bundle().without(broken.as_bytes()).is_err());
    assert!(authority.bundle().without(b"").is_err());
}
