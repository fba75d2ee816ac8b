//! The gRPC side of the backend: HTTP/2 with prior knowledge.
//! In: any call, `POST /bench/NUMBER`. Out: that many messages of 1 KB (1 for another path), then the trailers of success.
//! Holds: windows are so large that the backend never waits for one on a measured connection.
//! Never: decoding of what was asked; the proxy's work is measured, not ours.

use anyhow::Result;
use bytes::Bytes;
use h2::server::{self, SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

const WINDOW: u32 = 8 * 1024 * 1024;
const MESSAGE: usize = 1024;
/// Most messages of one answer.
const MOST: usize = 1_000_000;

/// Answers every connection until the process ends.
pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A client that breaks off is nobody's concern here.
        tokio::task::spawn_local(async move { drop(connection(stream).await) });
    }
}

async fn connection(stream: TcpStream) -> Result<(), h2::Error> {
    let mut builder = server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let mut connection = builder.max_concurrent_streams(10_000).handshake(stream).await?;
    while let Some(asked) = connection.accept().await {
        let (request, answer) = asked?;
        tokio::task::spawn_local(async move { drop(call(&request, answer)) });
    }
    Ok(())
}

fn call(
    request: &Request<h2::RecvStream>,
    mut answer: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let mut body = answer.send_response(response, false)?;
    let message = message();
    for _ in 0..messages(request.uri().path()) {
        body.send_data(message.clone(), false)?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    body.send_trailers(trailers)
}

/// The number in `/bench/NUMBER`.
fn messages(path: &str) -> usize {
    path.strip_prefix("/bench/").and_then(|word| word.parse().ok()).unwrap_or(1).min(MOST)
}

/// One message: not compressed, its length, that many bytes.
fn message() -> Bytes {
    let mut message = vec![0];
    message.extend_from_slice(&u32::try_from(MESSAGE).unwrap_or(u32::MAX).to_be_bytes());
    message.resize(message.len() + MESSAGE, b'x');
    message.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_says_how_many_messages_are_wanted() {
        assert_eq!(messages("/bench/100"), 100);
        assert_eq!(messages("/1024"), 1);
        assert_eq!(message().len(), 5 + MESSAGE);
        assert_eq!(message()[..5], [0, 0, 0, 4, 0]);
    }
}
