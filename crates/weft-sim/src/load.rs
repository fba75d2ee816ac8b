//! Requests in open loop from an application, and what became of each.
//!
//! Holds: a request is sent when it is due, whatever became of others; a kept connection that its proxy closed before
//! any byte of the answer is replaced once, as every client of HTTP does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::app::WORK;
use crate::net::{End, Net};

/// A request without an answer after this long has failed; far longer than anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// When it was sent and when it failed, since the beginning.
    pub between: (Duration, Duration),
    /// Whom it was for.
    pub host: String,
    /// What came back.
    pub why: String,
}

/// What became of all requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) under_way: u64,
    pub(crate) failures: Vec<Failure>,
    /// Answers by host and version, since somebody last looked.
    pub(crate) versions: BTreeMap<(String, String), u64>,
    pub(crate) slowest: Duration,
}

/// One application's client.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) net: Net,
    pub(crate) ip: IpAddr,
    pub(crate) begun: Instant,
    pub(crate) tally: Rc<RefCell<Tally>>,
    idle: Rc<RefCell<BTreeMap<String, Vec<End>>>>,
}

impl Client {
    pub(crate) fn new(net: &Net, ip: IpAddr, begun: Instant, tally: &Rc<RefCell<Tally>>) -> Self {
        let (net, tally) = (net.clone(), Rc::clone(tally));
        Self { net, ip, begun, tally, idle: Rc::default() }
    }

    /// Sends one request and counts what came of it.
    pub(crate) async fn request(self, host: String, to: SocketAddr, work: u64) {
        let sent = self.begun.elapsed();
        {
            let mut tally = self.tally.borrow_mut();
            tally.requests += 1;
            tally.under_way += 1;
        }
        let answer = tokio::time::timeout(PATIENCE, self.exchange(&host, to, work)).await;
        let answer = answer.unwrap_or_else(|_elapsed| Err("no answer in time".to_owned()));
        let over = self.begun.elapsed();
        let mut tally = self.tally.borrow_mut();
        tally.under_way -= 1;
        let spent = (over - sent).saturating_sub(Duration::from_millis(work));
        tally.slowest = tally.slowest.max(spent);
        match answer {
            Ok(version) => *tally.versions.entry((host, version)).or_default() += 1,
            Err(why) => tally.failures.push(Failure { between: (sent, over), host, why }),
        }
    }

    async fn exchange(&self, host: &str, to: SocketAddr, work: u64) -> Result<String, String> {
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\n{WORK}{work}\r\n\r\n");
        let kept = self.idle.borrow_mut().get_mut(host).and_then(Vec::pop);
        if let Some(end) = kept
            && let Some(answer) = self.on(end, host, &request).await?
        {
            return Ok(answer);
        }
        let end = self.net.connect_captured(self.ip, to).await.map_err(|e| e.to_string())?;
        let answer = self.on(end, host, &request).await?;
        answer.ok_or_else(|| "the connection ended before the answer".to_owned())
    }

    /// `None` when the connection had been closed before it could answer.
    async fn on(&self, mut end: End, host: &str, request: &str) -> Result<Option<String>, String> {
        if end.write_all(request.as_bytes()).await.is_err() {
            return Ok(None);
        }
        let mut read = Vec::new();
        loop {
            match end.read_buf(&mut read).await {
                Ok(0) | Err(_) if read.is_empty() => return Ok(None),
                Ok(0) => return Err("the answer was cut off".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
            let Some(answer) = Answer::of(&read) else { continue };
            if !answer.closes {
                self.idle.borrow_mut().entry(host.to_owned()).or_default().push(end);
            }
            return if answer.status == 200 {
                Ok(Some(answer.body))
            } else {
                Err(format!("{} {}", answer.status, answer.body))
            };
        }
    }
}

struct Answer {
    status: u16,
    body: String,
    closes: bool,
}

impl Answer {
    /// A whole answer, if these bytes are one.
    fn of(bytes: &[u8]) -> Option<Self> {
        let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, body) = (String::from_utf8_lossy(&bytes[..at]).to_lowercase(), &bytes[at + 4..]);
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let length: usize = field("content-length:").and_then(|n| n.trim().parse().ok())?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok())?;
        let closes = field("connection:").is_some_and(|value| value.trim() == "close");
        let body = String::from_utf8_lossy(body.get(..length)?).into_owned();
        Some(Self { status, body, closes })
    }
}
