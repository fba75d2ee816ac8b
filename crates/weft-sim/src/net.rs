//! A network in memory, with latencies, capture, dead hosts and connections that break.
//!
//! In: addresses. Out: streams that behave as TCP does where a proxy can tell: bytes take time, an end that closes with
//! unread bytes resets its peer, a reset throws away what was not read yet, a host that is gone does not answer.
//! Holds: the same seed gives the same latencies. Never: sockets of the machine.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use weft_rt::Rng;

pub(crate) use self::link::End;
use self::link::Link;

mod link;
mod pod;

pub(crate) use self::pod::PodNet;

/// Connections that may wait to be accepted.
const BACKLOG: usize = 1024;
/// Where captured traffic of an application arrives, and where traffic to a captured pod does.
const OUTBOUND: u16 = 15001;
const INBOUND: u16 = 15006;
/// What a neighbour says of a host that is gone, when it says anything.
const UNREACHABLE: Duration = Duration::from_secs(3);

/// A connection as its listener gets it.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) end: End,
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
    /// Where the client wanted to go.
    pub(crate) original: SocketAddr,
}

/// The network. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Net(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    listening: HashMap<SocketAddr, mpsc::Sender<Arrival>>,
    hosts: HashSet<IpAddr>,
    captured: HashSet<IpAddr>,
    /// How much longer than others the way to a host takes.
    slow: HashMap<IpAddr, Duration>,
    links: Vec<(IpAddr, IpAddr, Weak<Mutex<Link>>)>,
    rng: Rng,
    next_port: u16,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            listening: HashMap::new(),
            hosts: HashSet::new(),
            captured: HashSet::new(),
            slow: HashMap::new(),
            links: Vec::new(),
            rng: Rng::seeded(seed),
            next_port: 30_000,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host begins; `captured` redirects what is sent to it to its proxy.
    pub(crate) fn join(&self, host: IpAddr, captured: bool) {
        let mut state = self.lock();
        state.hosts.insert(host);
        if captured {
            state.captured.insert(host);
        }
    }

    /// A host is gone, and says nothing any more.
    pub(crate) fn leave(&self, host: IpAddr) {
        let mut state = self.lock();
        state.hosts.remove(&host);
        state.captured.remove(&host);
        state.slow.remove(&host);
        state.listening.retain(|address, _| address.ip() != host);
    }

    /// From now on, connections of this host take so much longer each way.
    pub(crate) fn slow(&self, host: IpAddr, by: Duration) {
        self.lock().slow.insert(host, by);
    }

    /// Resets every connection of a host with others.
    pub(crate) fn break_all(&self, host: IpAddr) {
        self.break_where(|a, b| a != b && (a == host || b == host));
    }

    /// Resets every connection between two hosts.
    pub(crate) fn break_between(&self, one: IpAddr, other: IpAddr) {
        self.break_where(|a, b| (a, b) == (one, other) || (b, a) == (one, other));
    }

    fn break_where(&self, ours: impl Fn(IpAddr, IpAddr) -> bool) {
        let mut state = self.lock();
        state.links.retain(|(_, _, link)| link.strong_count() > 0);
        let hit = state.links.iter().filter(|(a, b, _)| ours(*a, *b));
        let hit: Vec<_> = hit.filter_map(|(_, _, link)| link.upgrade()).collect();
        drop(state);
        for link in hit {
            link.lock().unwrap_or_else(PoisonError::into_inner).break_now();
        }
    }

    /// Listens; dropping the receiver ends that.
    pub(crate) fn listen(&self, address: SocketAddr) -> io::Result<mpsc::Receiver<Arrival>> {
        let mut state = self.lock();
        if state.listening.get(&address).is_some_and(|known| !known.is_closed()) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (arrivals, accepted) = mpsc::channel(BACKLOG);
        state.listening.insert(address, arrivals);
        Ok(accepted)
    }

    /// Connects an application: its own proxy takes the connection when it has one.
    pub(crate) async fn connect_captured(&self, from: IpAddr, to: SocketAddr) -> io::Result<End> {
        let proxy = SocketAddr::new(from, OUTBOUND);
        self.connect_at(from, proxy, to).await.map(|(end, _)| end)
    }

    /// Connects past the own proxy, as a proxy does.
    pub(crate) async fn connect(
        &self,
        from: IpAddr,
        to: SocketAddr,
    ) -> io::Result<(End, SocketAddr)> {
        let captured = from != to.ip() && self.lock().captured.contains(&to.ip());
        let at = if captured { SocketAddr::new(to.ip(), INBOUND) } else { to };
        self.connect_at(from, at, to).await
    }

    async fn connect_at(
        &self,
        from: IpAddr,
        at: SocketAddr,
        original: SocketAddr,
    ) -> io::Result<(End, SocketAddr)> {
        let (latency, alive, answers) = {
            let mut state = self.lock();
            let latency = state.latency(from, at.ip());
            (latency, state.hosts.contains(&at.ip()), state.rng.below(2) == 0)
        };
        if !alive {
            if answers {
                tokio::time::sleep(UNREACHABLE).await;
                return Err(io::ErrorKind::HostUnreachable.into());
            }
            return std::future::pending().await;
        }
        // There and back.
        tokio::time::sleep(latency * 2).await;
        let mut state = self.lock();
        state.next_port = state.next_port.checked_add(1).unwrap_or(30_000);
        let ours = SocketAddr::new(from, state.next_port);
        let (near, far, link) = link::pair(latency);
        state.links.push((from, at.ip(), link));
        if state.links.len().is_multiple_of(1024) {
            state.links.retain(|(_, _, link)| link.strong_count() > 0);
        }
        let arrival = Arrival { end: far, remote: ours, local: at, original };
        let listener = state.listening.get(&at).ok_or(io::ErrorKind::ConnectionRefused)?;
        let sent = listener.try_send(arrival);
        drop(state);
        sent.map_err(|_refused| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok((near, ours))
    }
}

impl State {
    fn latency(&mut self, from: IpAddr, to: IpAddr) -> Duration {
        let extra = |host: &IpAddr| self.slow.get(host).copied().unwrap_or_default();
        let extra = extra(&from).max(extra(&to));
        let micros = if from == to { self.rng.below(30) + 5 } else { self.rng.below(400) + 50 };
        Duration::from_micros(micros) + extra
    }
}
