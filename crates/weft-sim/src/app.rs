//! An application: answers `GET`s over HTTP/1.1 after as much work as they ask for, and ends as a well-behaved one does.
//!
//! Holds: told to end, it stops listening at once, closes what is idle, and finishes what it has begun; a connection that
//! is new is given the time to bring its first request, as by Go's server.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::net::{End, Net};

/// Field that says how many milliseconds of work a request is.
pub(crate) const WORK: &str = "x-sim-work: ";
/// Longest that it finishes things for.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a new connection may bring its first request after that.
const PATIENCE: Duration = Duration::from_millis(500);

/// Serves until `stop`, then until what was begun is done.
pub(crate) async fn serve(net: Net, at: SocketAddr, version: String, stop: CancellationToken) {
    let Ok(mut arrivals) = net.listen(at) else {
        tracing::error!(%at, "the port is taken");
        return;
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            arrival = arrivals.recv() => {
                let Some(arrival) = arrival else { break };
                connections.spawn_local(connection(arrival.end, version.clone(), stop.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    arrivals.close();
    while let Ok(arrival) = arrivals.try_recv() {
        connections.spawn_local(connection(arrival.end, version.clone(), stop.clone()));
    }
    let finished = async { while connections.join_next().await.is_some() {} };
    // What takes longer is cut off with the process.
    tokio::time::timeout(DRAIN, finished).await.ok();
}

async fn connection(mut end: End, version: String, stop: CancellationToken) {
    let mut read = Vec::new();
    let mut fresh = true;
    loop {
        let leaving = async {
            stop.cancelled().await;
            if fresh {
                tokio::time::sleep(PATIENCE).await;
            }
        };
        let head = tokio::select! {
            biased;
            head = head(&mut end, &mut read) => head,
            () = leaving, if read.is_empty() => None,
        };
        let Some(head) = head else { return };
        fresh = false;
        let work = head.lines().find_map(|line| line.strip_prefix(WORK));
        let work = work.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(work)).await;
        let last = if stop.is_cancelled() { "connection: close\r\n" } else { "" };
        let length = version.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{last}\r\n{version}");
        if end.write_all(answer.as_bytes()).await.is_err() || stop.is_cancelled() {
            return;
        }
    }
}

/// The next head; `None` when the client is gone.
async fn head(end: &mut End, read: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = read.split_off(at + 4);
            return String::from_utf8(std::mem::replace(read, rest)).ok();
        }
        if end.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
}
