//! How one authority takes the place of another, and what is refused: on a folder and a clock that the test owns.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ctl_ca::{Ca, CaError, Holder, Material, Seen};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SignatureAlgorithm,
};
use weft_admin_api::ca::{Phase, RootUse};
use weft_identity::{Credential, SigningRequest, x509};
use weft_rt::{Clock, FakeTime};
use weft_types::SpiffeId;

const SETTLED: Duration = Duration::from_secs(6);
const FILES: [&str; 4] = ["root-cert.pem", "ca-cert.pem", "ca-key.pem", "cert-chain.pem"];

struct World {
    ca: Ca,
    clock: Clock,
    time: FakeTime,
    folder: PathBuf,
    _state: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let (clock, time) = Clock::fake();
        let folder = state.path().join("ca");
        let ca = Ca::open_or_create(&folder, clock.clone()).unwrap();
        Self { ca, clock, time, folder, _state: state }
    }

    fn restart(&mut self) {
        self.ca = Ca::open_or_create(&self.folder, self.clock.clone()).unwrap();
    }

    fn issue(&self, pod: &str) -> Vec<String> {
        let id = SpiffeId::new("cluster.local".parse().unwrap(), "shop", "web").unwrap();
        let csr = SigningRequest::new(&id).unwrap();
        let ttl = Some(Duration::from_secs(3600));
        let chain = self
            .ca
            .sign(&csr.csr_pem, &id, Some(&Holder { name: pod.to_owned(), uid: None }), ttl)
            .unwrap();
        let (roots, shown) = chain.split_last().unwrap();
        Credential::from_pem(&csr.key_pem, &shown.concat(), roots).unwrap();
        chain
    }

    /// The world as the folder has it, after everybody could settle.
    fn settle(&self) -> Phase {
        self.ca.step(Seen::default());
        self.time.advance(SETTLED);
        self.ca.step(Seen::default());
        self.ca.report().phase
    }

    fn rotate(&self, order: &str) {
        self.ca.step(Seen { rotate: order.to_owned(), ..Seen::default() });
    }

    fn secret(&self, user: &User) {
        self.ca.step(Seen { secret: Some(user.material()), ..Seen::default() });
    }
}

/// An authority of a user: a root, an intermediate, and its key.
struct User {
    root: String,
    cert: String,
    chain: String,
    key: String,
}

impl User {
    fn new(now: SystemTime, algorithm: &'static SignatureAlgorithm) -> Self {
        let root_key = KeyPair::generate().unwrap();
        let params = |name: &str, days: u64| {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params.not_before = (now - Duration::from_secs(60)).into();
            params.not_after = (now + Duration::from_secs(days * 86_400)).into();
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let root = params("the user's root", 3650);
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let issuer = Issuer::new(root, root_key);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let cert = params("the user's intermediate", 365).signed_by(&key, &issuer).unwrap().pem();
        let chain = format!("{cert}{root_pem}");
        Self { root: root_pem, cert, chain, key: key.serialize_pem() }
    }

    fn material(&self) -> Result<Material, CaError> {
        let Self { root, cert, chain, key } = self;
        Material::gather("Secret istio-system/cacerts", |file| {
            let text = match file {
                "root-cert.pem" => root,
                "ca-cert.pem" => cert,
                "ca-key.pem" => key,
                _ => chain,
            };
            Ok(Some(text.clone()))
        })
    }
}

fn leads_to(chain: &[String], root: &str, now: SystemTime) -> bool {
    let (_, shown) = chain.split_last().unwrap();
    x509::verify(&shown.concat(), root, now).is_ok()
}

#[test]
fn a_rotation_waits_for_trust_then_for_renewal_and_then_forgets_the_old_root() {
    let mut world = World::new();
    let old = world.ca.bundle_pem();
    let first = world.issue("web.shop");
    world.rotate("one");
    let report = world.ca.report();
    assert_eq!((report.phase, report.waits_for, report.behind), (Phase::Trusting, 1, 1));
    assert_eq!(world.settle(), Phase::Trusting, "nobody has said that it trusts the new root");
    assert!(leads_to(&world.issue("other.shop"), &old, world.clock.wall()), "the old root signs");

    world.ca.step(Seen::default());
    world.restart();
    // The pod has a certificate with both roots by now.
    let both = world.issue("web.shop");
    assert!(both.last().unwrap().contains(old.trim()) && both.last() != first.last());
    assert_eq!(world.settle(), Phase::Renewing);
    assert_eq!(world.settle(), Phase::Renewing, "certificates of the old root live");
    let new = world.issue("web.shop");
    assert!(!leads_to(&new, &old, world.clock.wall()));
    assert_eq!(world.settle(), Phase::Renewing, "one is left");
    world.restart();
    world.time.advance(Duration::from_secs(3601));
    assert_eq!(world.settle(), Phase::Steady, "it has expired");
    assert!(!world.ca.bundle_pem().contains(old.trim()));
    let files = std::fs::read_to_string(world.folder.join("root-cert.pem")).unwrap();
    assert_eq!(files, world.ca.bundle_pem());
    assert_eq!(world.ca.report().roots[0].usage, RootUse::Signing);
}

#[test]
fn an_order_is_obeyed_once_and_a_second_one_meanwhile_is_refused_with_its_reason() {
    let mut world = World::new();
    world.rotate("one");
    world.rotate("two");
    let report = world.ca.report();
    assert_eq!((report.order.as_str(), report.phase), ("two", Phase::Trusting));
    assert!(report.refused.unwrap().contains("under way"));
    world.settle();
    assert_eq!(world.settle(), Phase::Steady);
    let bundle = world.ca.bundle_pem();
    world.restart();
    world.rotate("two");
    assert_eq!((world.ca.report().phase, world.ca.bundle_pem()), (Phase::Steady, bundle));
}

#[test]
fn an_order_to_finish_ends_any_phase_whoever_is_left_behind() {
    let world = World::new();
    let old = world.ca.bundle_pem();
    world.issue("web.shop");
    world.rotate("one");
    world.ca.step(Seen { finish: "now".to_owned(), ..Seen::default() });
    let report = world.ca.report();
    assert_eq!((report.phase, report.finished.as_str()), (Phase::Steady, "now"));
    assert!(!world.ca.bundle_pem().contains(old.trim()));
}

#[test]
fn pods_that_are_gone_are_not_waited_for() {
    let world = World::new();
    world.issue("web.shop");
    world.rotate("one");
    let none = || Seen { pods: Some(std::collections::BTreeSet::new()), ..Seen::default() };
    world.ca.step(none());
    assert_eq!(world.ca.report().waits_for, 0);
}

#[test]
fn a_given_authority_is_taken_over_and_its_chain_is_sent() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let world = World::new();
        let old = world.ca.bundle_pem();
        let user = User::new(world.clock.wall(), algorithm);
        let step = || {
            world.secret(&user);
            world.time.advance(SETTLED);
            world.secret(&user);
        };
        world.secret(&user);
        assert_eq!(world.ca.report().phase, Phase::Trusting);
        step();
        assert_eq!(world.ca.report().phase, Phase::Renewing);
        step();
        assert_eq!(world.ca.report().phase, Phase::Steady);
        let chain = world.issue("web.shop");
        assert_eq!(chain.len(), 3, "leaf, intermediate, roots");
        assert!(leads_to(&chain, &user.root, world.clock.wall()));
        assert!(!leads_to(&chain, &old, world.clock.wall()));
        let report = world.ca.report();
        assert_eq!(report.source, "Secret istio-system/cacerts");
        assert!(report.cannot_rotate.unwrap().contains("replace Secret"));
        assert!(report.horizon < report.now + 366 * 86_400, "the intermediate ends first");
    }
}

#[track_caller]
fn refused(spoil: impl Fn(&mut User), why: &str) {
    let world = World::new();
    let before = world.ca.bundle_pem();
    let mut user = User::new(world.clock.wall(), &rcgen::PKCS_ECDSA_P256_SHA256);
    spoil(&mut user);
    world.secret(&user);
    let report = world.ca.report();
    let problem = report.problem.unwrap();
    assert!(
        problem.starts_with("Secret istio-system/cacerts: ") && problem.contains(why),
        "{problem}"
    );
    assert_eq!((report.phase, report.source.as_str()), (Phase::Steady, "self-made"));
    assert_eq!(world.ca.bundle_pem(), before);
    world.issue("web.shop");
    world.ca.step(Seen::default());
    assert_eq!(world.ca.report().problem, None, "gone with its cause");
}

#[test]
fn an_authority_that_cannot_be_used_is_refused_with_its_reason_and_the_last_good_one_signs() {
    let now = Clock::fake().0.wall();
    let other = || User::new(now, &rcgen::PKCS_ECDSA_P256_SHA256);
    refused(|user| user.key = other().key, "ca-key.pem: is not the key of ca-cert.pem");
    refused(
        |user| user.root = other().root,
        "cert-chain.pem: ca-cert.pem does not lead to root-cert.pem",
    );
    refused(|user| user.key = "junk".into(), "ca-key.pem: no private key that can be read");
    refused(|user| user.cert = "junk".into(), "ca-cert.pem: unreadable certificate");
    refused(|user| user.chain = String::new(), "cert-chain.pem: unreadable certificate");
    let ended = now - Duration::from_secs(400 * 86_400);
    refused(|user| *user = User::new(ended, &rcgen::PKCS_ECDSA_P256_SHA256), "expired 35 days ago");
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::default().self_signed(&key).unwrap().pem();
    refused(|user| user.cert.clone_from(&leaf), "ca-cert.pem: is not a CA certificate");
}

#[test]
fn files_put_into_the_folder_are_taken_over_and_half_of_them_is_told() {
    let mut world = World::new();
    let user = User::new(world.clock.wall(), &rcgen::PKCS_ECDSA_P256_SHA256);
    let put = |file: &str, text: &str| std::fs::write(world.folder.join(file), text).unwrap();
    put("ca-key.pem", &user.key);
    world.ca.step(Seen::default());
    assert!(world.ca.report().problem.unwrap().contains("is not the key of ca-cert.pem"));
    put("root-cert.pem", &user.root);
    put("ca-cert.pem", &user.cert);
    put("cert-chain.pem", &user.chain);
    world.ca.step(Seen::default());
    assert_eq!((world.ca.report().problem, world.ca.report().phase), (None, Phase::Trusting));
    std::fs::remove_file(world.folder.join("ca-key.pem")).unwrap();
    world.restart();
    world.ca.step(Seen::default());
    assert!(world.ca.report().problem.unwrap().contains("ca-key.pem is missing"));
    world.issue("web.shop");
}

#[test]
fn the_authority_survives_a_restart_and_its_keys_are_private() {
    let mut world = World::new();
    let first = world.ca.bundle_pem();
    world.restart();
    assert_eq!(world.ca.bundle_pem(), first);
    for file in ["ca-key.pem", "serving.json"] {
        let mode = std::fs::metadata(world.folder.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[track_caller]
fn not_opened(spoil: impl Fn(&Path)) -> String {
    let world = World::new();
    std::fs::remove_file(world.folder.join("serving.json")).unwrap();
    spoil(&world.folder);
    Ca::open_or_create(&world.folder, world.clock.clone()).unwrap_err().to_string()
}

#[test]
fn a_folder_that_holds_no_whole_authority_and_never_did_is_an_error() {
    for file in FILES {
        let told = not_opened(|folder| std::fs::remove_file(folder.join(file)).unwrap());
        assert!(told.contains(&format!("{file} is missing")), "{told}");
    }
    let other = World::new();
    let told = not_opened(|folder| {
        std::fs::copy(other.folder.join("ca-key.pem"), folder.join("ca-key.pem")).unwrap();
    });
    assert!(told.contains("ca-key.pem") && told.contains("not the key"), "{told}");
}
