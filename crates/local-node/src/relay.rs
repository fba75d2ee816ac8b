//! Host ports that lead into the mesh: a listener bound outside, spliced to a service inside.
//!
//! In: inherited listeners. Out: bytes, both ways.
//! Holds: a connection ends at once, with a log line, when no endpoint is ready.
//! Never: HTTP; the ingress gateway has it.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use weft_netns::Transport;

use crate::node::Shared;

const CONNECT: Duration = Duration::from_secs(3);
const MOST_CONNECTIONS: usize = 4096;

/// One host port.
#[derive(Debug)]
pub struct Relay {
    /// The listener of the host's namespace.
    pub listener: TcpListener,
    /// Namespace of the service.
    pub namespace: String,
    /// The service.
    pub service: String,
    /// Its port.
    pub port: u16,
}

pub(crate) async fn run(node: Arc<Shared>, relay: Relay) {
    let Relay { listener, namespace, service, port } = relay;
    let listener =
        listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(service, port, %error, "the host port cannot be relayed");
            return;
        }
    };
    let name = (namespace, service);
    let (mut connections, mut turn) = (JoinSet::new(), 0usize);
    loop {
        while connections.len() >= MOST_CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                tracing::warn!(%error, "cannot accept on a host port");
                node.clock.sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        turn = turn.wrapping_add(1);
        connections.spawn(splice(Arc::clone(&node), client, name.clone(), port, turn));
    }
}

async fn splice(
    node: Arc<Shared>,
    mut client: TcpStream,
    name: (String, String),
    port: u16,
    turn: usize,
) {
    let directory = node.services.now();
    let service = directory.services.get(&name);
    let named = service.and_then(|s| s.ports.iter().find(|p| p.number == port));
    let ready: Vec<_> = match (service, named) {
        (Some(service), Some(port)) => service.ready(&port.name, Transport::Tcp).collect(),
        _ => Vec::new(),
    };
    let (namespace, service) = &name;
    if ready.is_empty() {
        tracing::warn!(
            "no ready endpoint for {service}.{namespace}:{port}; the connection is reset"
        );
        return reset(&client);
    }
    let to = ready[turn % ready.len()];
    let mut server = match node.clock.timeout(CONNECT, TcpStream::connect(to)).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => {
            tracing::warn!(%to, %error, "cannot reach {service}.{namespace}");
            return reset(&client);
        }
        Err(error) => {
            tracing::warn!(%to, %error, "cannot reach {service}.{namespace}");
            return reset(&client);
        }
    };
    for stream in [&client, &server] {
        // Only latency is lost when the kernel refuses.
        stream.set_nodelay(true).ok();
    }
    // An end by either side, clean or not, is an ordinary end here.
    tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
}

/// Makes the close a reset, so that the client sees a failure and not an empty answer.
fn reset(client: &TcpStream) {
    socket2::SockRef::from(client).set_linger(Some(Duration::ZERO)).ok();
}
