//! A server on a port of its own in a state folder of its own, and kubectl pointed at it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ctl_apiserver::tokens::TokenKey;
use ctl_apiserver::{Admission, AdmitAll, Registry, Server};
use ctl_store::Store;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use weft_rt::Clock;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Cluster {
    pub(crate) registry: Registry,
    pub(crate) address: SocketAddr,
    pub(crate) state: tempfile::TempDir,
    stop: CancellationToken,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Where the test peers are.
pub(crate) fn peer(name: &str) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "how the test runner tells where the peers are")]
    let told = std::env::var("WEFT_PEERS").map(PathBuf::from).ok();
    let repo = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.peers/bin");
    #[expect(clippy::disallowed_methods, reason = "the last place to look for a peer")]
    let path = std::env::var("PATH").unwrap_or_default();
    let places = told.into_iter().chain([repo]).chain(std::env::split_paths(&path));
    let found = places.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("no {name}: set WEFT_PEERS to a folder that has it, or run `make test`")
    })
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::with(Box::new(AdmitAll)).await
    }

    pub(crate) async fn with(admission: Box<dyn Admission>) -> Self {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path().join("store.redb")).unwrap();
        let tokens = TokenKey::open(state.path()).unwrap();
        let registry = Registry::new(
            store,
            admission,
            tokens,
            Clock::real(),
            ctl_apiserver::table_definitions(),
        );
        registry.bootstrap().await.unwrap();
        let stop = CancellationToken::new();
        let socket = state.path().join("node.sock");
        let server = Server::new(state.path(), registry.clone(), socket, stop.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        server.write_admin_kubeconfig(&state.path().join("kubeconfig"), address).unwrap();
        tokio::spawn(async move { server.serve(vec![listener]).await.unwrap() });
        let house = registry.clone();
        let end = stop.clone();
        tokio::spawn(async move { house.keep_house(end).await });
        Self { registry, address, state, stop }
    }

    /// A request by hand, over TLS but without a client certificate; the whole answer as text.
    pub(crate) async fn raw(&self, method: &str, path: &str, headers: &str) -> String {
        let mut stream = self.dial(None).await;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A server may close without a last word; what came before counts.
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A JSON request as the admin; the whole answer as text.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = self.dial(Some(&self.state.path().join("kubeconfig"))).await;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Upgrades a connection as the admin, sends `word` and returns what comes back.
    pub(crate) async fn upgraded(&self, path: &str, word: &[u8]) -> String {
        let mut stream = self.dial(Some(&self.state.path().join("kubeconfig"))).await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap();
            head.push(byte);
        }
        has(&String::from_utf8_lossy(&head), "101 Switching Protocols");
        stream.write_all(word).await.unwrap();
        let mut back = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut back)).await.unwrap().ok();
        String::from_utf8_lossy(&back).into_owned()
    }

    async fn dial(&self, kubeconfig: Option<&Path>) -> TlsStream<TcpStream> {
        let ca = self.state.path().join("apiserver/ca.crt");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match kubeconfig {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let text = std::fs::read_to_string(path).unwrap();
                let (cert, key) =
                    (data(&text, "client-certificate-data"), data(&text, "client-key-data"));
                let cert = CertificateDer::from_pem_slice(&cert).unwrap();
                let key = PrivateKeyDer::from_pem_slice(&key).unwrap();
                builder.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        let stream = TcpStream::connect(self.address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    }

    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = Command::new(peer("kubectl"));
        // An argument with spaces is written with underlines: 'a_b' stays as it is, so use ␣.
        command.args(args.split_whitespace().map(|a| a.replace('␣', " ")));
        command
            .env("KUBECONFIG", self.state.path().join("kubeconfig"))
            .env("HOME", self.state.path())
            .current_dir(self.state.path())
            .kill_on_drop(true);
        command
    }

    /// Runs kubectl with `input` and returns what it did.
    pub(crate) async fn run_with(&self, args: &str, input: &str) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.ok();
        drop(stdin);
        let done = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        done.unwrap_or_else(|_| panic!("kubectl {args} takes longer than {PATIENCE:?}")).unwrap()
    }

    /// Runs kubectl; it must succeed. Its output.
    #[track_caller]
    pub(crate) fn ok<'a>(&'a self, args: &'a str) -> impl Future<Output = String> + 'a {
        self.ok_with(args, "")
    }

    pub(crate) async fn ok_with(&self, args: &str, input: &str) -> String {
        let output = self.run_with(args, input).await;
        let (out, err) = texts(&output);
        assert!(output.status.success(), "kubectl {args}\n{out}\n{err}");
        out
    }

    /// Runs kubectl; it must fail. Its complaint.
    pub(crate) async fn fails(&self, args: &str, input: &str) -> String {
        let output = self.run_with(args, input).await;
        let (out, err) = texts(&output);
        assert!(!output.status.success(), "kubectl {args} should fail\n{out}\n{err}");
        err
    }
}

/// A base64 field of a kubeconfig.
fn data(text: &str, field: &str) -> Vec<u8> {
    use base64::Engine as _;
    let config: serde_json::Value = serde_yaml_ng::from_str(text).unwrap();
    let encoded = config["users"][0]["user"][field].as_str().unwrap();
    base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()
}

pub(crate) fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[track_caller]
pub(crate) fn has(text: &str, part: &str) {
    assert!(text.contains(part), "expected {part:?} in:\n{text}");
}
