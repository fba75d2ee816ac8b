//! TLS connections as axum takes them.
//! In: finished handshakes. Out: the next one. Never: an error of one connection that ends the others.

use std::io;
use std::pin::Pin;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_stream::{Stream, StreamExt as _};

/// Connections out of a stream.
pub(crate) struct Incoming<S>(pub(crate) S);

impl<S, C> Listener for Incoming<S>
where
    S: Stream<Item = io::Result<C>> + Send + Unpin + 'static,
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Io = C;
    type Addr = ();

    async fn accept(&mut self) -> (C, ()) {
        loop {
            match Pin::new(&mut self.0).next().await {
                Some(Ok(connection)) => return (connection, ()),
                Some(Err(error)) => tracing::debug!(%error, "a connection to 15017 failed"),
                // The listener has ended; whoever serves is told to stop by other means.
                None => std::future::pending().await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}
