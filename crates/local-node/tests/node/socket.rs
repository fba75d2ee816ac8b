//! kubectl's side of the node's socket.

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::mesh::Mesh;

impl Mesh {
    /// `kubectl logs` with query parameters; the body without framing.
    pub async fn logs(&self, pod: &str, query: &str) -> String {
        let mut stream = UnixStream::connect(self.config.state.join("node.sock")).await.unwrap();
        let request = format!(
            "GET /api/v1/namespaces/default/pods/{pod}/log?{query} HTTP/1.0\r\nhost: node\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// `kubectl exec`: what came on stdout, and the status object.
    pub async fn exec(&self, pod: &str, query: &str, input: &str) -> (String, serde_json::Value) {
        let stream = UnixStream::connect(self.config.state.join("node.sock")).await.unwrap();
        let url = format!("ws://node/api/v1/namespaces/default/pods/{pod}/exec?{query}");
        let mut request = url.into_client_request().unwrap();
        let protocol = "v5.channel.k8s.io".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        // A program that reads nothing may be over, and its socket closed, before its input is sent.
        if !input.is_empty() {
            let frame = [&[0], input.as_bytes()].concat();
            socket.send(Message::Binary(frame.into())).await.unwrap();
            socket.send(Message::Binary(vec![255, 0].into())).await.unwrap();
        }
        let (mut text, mut status) = (String::new(), serde_json::Value::Null);
        while let Some(Ok(message)) = socket.next().await {
            match message.into_data().as_ref() {
                [1 | 2, data @ ..] => text.push_str(std::str::from_utf8(data).unwrap()),
                [3, data @ ..] => status = serde_json::from_slice(data).unwrap(),
                _ => {}
            }
        }
        (text, status)
    }
}
