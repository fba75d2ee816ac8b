//! The real kubectl against the node's socket, behind as much of an API server as it asks for.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use ctl_source::Source;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::process::Command;

use crate::fake::Fake;
use crate::mesh::Mesh;

/// `kubectl` from `WEFT_PEERS`, the repository's `.peers/bin`, or PATH.
fn program() -> PathBuf {
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.peers/bin"));
    let named = std::env::var("WEFT_PEERS").map_or(own, PathBuf::from).join("kubectl");
    if named.exists() { named } else { "kubectl".into() }
}

impl Mesh {
    /// Starts the front that `kubectl` talks to, inside the mesh namespace.
    pub async fn serve_kubectl(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (api, socket) = (Arc::clone(&self.api), self.config.state.join("node.sock"));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(front(stream, Arc::clone(&api), socket.clone()));
            }
        });
        port
    }

    /// What kubectl prints, and its exit code.
    pub async fn kubectl(&self, port: u16, arguments: &[&str], input: &str) -> (String, i32) {
        let mut command = Command::new(program());
        command.args(["--server", &format!("http://127.0.0.1:{port}")]).args(arguments);
        command.env("HOME", &self.config.state).env_remove("KUBECONFIG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.reaped(command);
        child.pipes.0.write_all(input.as_bytes()).await.unwrap();
        drop(child.pipes.0);
        let (mut out, mut err) = (String::new(), String::new());
        let both = (child.pipes.1.read_to_string(&mut out), child.pipes.2.read_to_string(&mut err));
        let (one, two) = tokio::join!(both.0, both.1);
        one.unwrap();
        two.unwrap();
        let code = child.end.await.unwrap().code();
        (out + &err, code)
    }

    /// A child of pid 1 is waited for by the reaper alone.
    fn reaped(&self, mut command: Command) -> Kubectl {
        let missing = "kubectl cannot be started; set WEFT_PEERS to the folder that has it";
        let mut started = self.reaper.spawn(command.as_std_mut()).expect(missing);
        let stdin = started.pipes.stdin.take().unwrap();
        let stdout = started.pipes.stdout.take().unwrap();
        let stderr = started.pipes.stderr.take().unwrap();
        Kubectl {
            pipes: (
                tokio::process::ChildStdin::from_std(stdin).unwrap(),
                tokio::process::ChildStdout::from_std(stdout).unwrap(),
                tokio::process::ChildStderr::from_std(stderr).unwrap(),
            ),
            end: started.end,
        }
    }
}

struct Kubectl {
    pipes: (tokio::process::ChildStdin, tokio::process::ChildStdout, tokio::process::ChildStderr),
    end: tokio::sync::oneshot::Receiver<local_node::reaper::Exit>,
}

async fn front(mut stream: TcpStream, api: Arc<Fake>, socket: PathBuf) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let path = text.split(' ').nth(1).unwrap().split('?').next().unwrap();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let body = match parts.as_slice() {
        ["api"] => json!({"kind": "APIVersions", "versions": ["v1"]}),
        ["apis"] => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}),
        ["api", "v1"] => json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": ["get"]}]}),
        ["api", "v1", "namespaces", _, "pods", name] => {
            let pod = api.get(&Mesh::key(name)).await.unwrap().unwrap();
            let mut pod = Value::clone(&pod);
            (pod["apiVersion"], pod["kind"]) = (json!("v1"), json!("Pod"));
            pod
        }
        [.., "log" | "exec" | "attach" | "portforward"] => {
            let mut node = UnixStream::connect(socket).await.unwrap();
            // As a proxy does it: one request per connection, so that the end is seen.
            let head = text.replace("\r\n\r\n", "\r\nx-forwarded: yes\r\n\r\n");
            node.write_all(head.as_bytes()).await.unwrap();
            tokio::io::copy_bidirectional(&mut stream, &mut node).await.ok();
            return;
        }
        _ => json!({"kind": "Status", "status": "Failure", "code": 404}),
    };
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.ok();
}
