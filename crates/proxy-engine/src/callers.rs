//! Who calls this pod without the mesh's mutual TLS, until that has been told to the control plane.
//!
//! In: connections as they are served, refused and ended. Out: what is new since the last telling that was taken.
//! Holds: at most `MOST` callers; the next ones are counted together, by port, without their addresses. A caller whose
//! connection is open counts as seen now. What was not taken is told again.
//! Never: requests. A lock is taken when a connection begins and ends, so nothing waits for it in between.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(crate) mod served;

/// Callers that are told apart.
const MOST: usize = 1024;

/// A caller of a port; no address stands for all that found no room.
type Key = (Option<IpAddr>, u16);

/// What is known of one caller since it was told of last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The caller.
    pub from: Option<IpAddr>,
    /// The port of the pod.
    pub port: u16,
    /// New connections that were served.
    pub connections: u64,
    /// First and last time.
    pub first: Instant,
    /// While a connection is open, the time of the telling.
    pub last: Instant,
    /// New connections that were refused, and the last of them.
    pub refused: u64,
    /// The last refusal.
    pub refused_last: Instant,
    /// Connections that are open.
    open: u32,
    /// The port that its last connection came from.
    source: u16,
}

/// Connections with mutual TLS to one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secured {
    /// The port of the pod.
    pub port: u16,
    /// New ones.
    pub connections: u64,
    /// The last of them.
    pub last: Instant,
}

/// What there is to tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Callers in plaintext.
    pub callers: Vec<Seen>,
    /// Connections with mutual TLS.
    pub secured: Vec<Secured>,
}

impl News {
    /// Whether nobody called.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.callers.is_empty() && self.secured.is_empty()
    }
}

#[derive(Debug, Default)]
struct Table {
    callers: HashMap<Key, Seen>,
    secured: HashMap<u16, Secured>,
}

impl Table {
    fn caller(&mut self, from: SocketAddr, port: u16, now: Instant) -> (Key, &mut Seen) {
        let own = (Some(from.ip().to_canonical()), port);
        let room = self.callers.len() < MOST || self.callers.contains_key(&own);
        let key = if room { own } else { (None, port) };
        let seen = self.callers.entry(key).or_insert(Seen {
            from: key.0,
            port,
            connections: 0,
            first: now,
            last: now,
            refused: 0,
            refused_last: now,
            open: 0,
            source: 0,
        });
        (key, seen)
    }
}

/// The table of one proxy. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Callers(Arc<Mutex<Table>>);

impl Callers {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection in plaintext begins; it is open until the answer is dropped.
    pub(crate) fn opened(&self, from: SocketAddr, port: u16, now: Instant) -> Box<OpenCall> {
        let mut table = self.table();
        let (key, seen) = table.caller(from, port, now);
        seen.connections += 1;
        seen.open += 1;
        seen.last = now;
        drop(table);
        Box::new(OpenCall { callers: self.clone(), key })
    }

    /// Something came in plaintext; a connection is told from the one before by the port that it comes from.
    pub fn called(&self, from: SocketAddr, port: u16, now: Instant) {
        let mut table = self.table();
        let (_, seen) = table.caller(from, port, now);
        if seen.source != from.port() || seen.connections == 0 {
            seen.connections += 1;
            seen.source = from.port();
        }
        seen.last = now;
    }

    /// A connection in plaintext was refused.
    pub fn refused(&self, from: SocketAddr, port: u16, now: Instant) {
        let mut table = self.table();
        let (_, seen) = table.caller(from, port, now);
        seen.refused += 1;
        seen.refused_last = now;
        seen.last = now;
    }

    /// A connection with mutual TLS begins.
    pub(crate) fn secured(&self, port: u16, now: Instant) {
        let mut table = self.table();
        // Ports are few, and whoever calls with a certificate is of the mesh.
        let fresh = Secured { port, connections: 0, last: now };
        let seen = table.secured.entry(port).or_insert(fresh);
        seen.connections += 1;
        seen.last = now;
    }

    /// What there is to tell.
    #[must_use]
    pub fn news(&self, now: Instant) -> News {
        let table = self.table();
        let told =
            |seen: &Seen| Seen { last: if seen.open > 0 { now } else { seen.last }, ..*seen };
        News {
            callers: table.callers.values().map(told).collect(),
            secured: table.secured.values().copied().collect(),
        }
    }

    /// These were taken: what is left is what came after.
    pub fn taken(&self, news: &News) {
        let mut table = self.table();
        for told in &news.callers {
            let Entry::Occupied(mut kept) = table.callers.entry((told.from, told.port)) else {
                continue;
            };
            let seen = kept.get_mut();
            seen.connections = seen.connections.saturating_sub(told.connections);
            seen.refused = seen.refused.saturating_sub(told.refused);
            let old = seen.connections == 0 && seen.refused == 0 && seen.last <= told.last;
            if old && seen.open == 0 {
                kept.remove();
            }
        }
        for told in &news.secured {
            let Entry::Occupied(mut kept) = table.secured.entry(told.port) else { continue };
            kept.get_mut().connections -= told.connections.min(kept.get().connections);
            if kept.get().connections == 0 {
                kept.remove();
            }
        }
    }

    fn ended(&self, key: Key) {
        let mut table = self.table();
        if let Some(seen) = table.callers.get_mut(&key) {
            seen.open = seen.open.saturating_sub(1);
        }
    }
}

/// An open connection in plaintext.
#[derive(Debug)]
pub(crate) struct OpenCall {
    callers: Callers,
    key: Key,
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.callers.ended(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weft_rt::Clock;

    use super::*;

    fn from(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], port))
    }

    #[test]
    fn what_was_taken_is_not_told_again_and_an_open_connection_is_seen_now() {
        let (callers, now) = (Callers::default(), Clock::fake().0.now());
        let at = |seconds| now + Duration::from_secs(seconds);
        let open = callers.opened(from(7, 1), 8080, now);
        let news = callers.news(at(60));
        let told: Vec<_> =
            news.callers.iter().map(|seen| (seen.connections, seen.first, seen.last)).collect();
        assert_eq!(told, [(1, now, at(60))]);
        callers.taken(&news);
        let news = callers.news(at(70));
        assert_eq!((news.callers[0].connections, news.callers[0].last), (0, at(70)));
        drop(open);
        callers.taken(&callers.news(at(80)));
        assert!(callers.news(at(90)).is_empty());
    }

    #[test]
    fn what_comes_while_something_is_told_is_told_next() {
        let (callers, now) = (Callers::default(), Clock::fake().0.now());
        callers.called(from(7, 1), 8080, now);
        callers.secured(8080, now);
        let news = callers.news(now);
        let later = now + Duration::from_secs(1);
        callers.called(from(7, 2), 8080, later);
        callers.called(from(7, 2), 8080, later);
        callers.refused(from(7, 3), 8080, later);
        callers.secured(8080, later);
        callers.taken(&news);
        let left = callers.news(later);
        let seen = left.callers[0];
        assert_eq!((seen.connections, seen.refused, seen.last), (1, 1, later));
        assert_eq!(left.secured, [Secured { port: 8080, connections: 1, last: later }]);
    }

    #[test]
    fn callers_without_room_are_counted_together() {
        let (callers, now) = (Callers::default(), Clock::fake().0.now());
        for host in 0..2_000_u16 {
            let [high, low] = host.to_be_bytes();
            callers.called(SocketAddr::from(([10, 1, high, low], 1)), 8080, now);
        }
        let news = callers.news(now);
        assert_eq!(news.callers.len(), MOST + 1);
        let rest = news.callers.iter().find(|seen| seen.from.is_none()).unwrap();
        assert!(rest.connections >= 1);
    }
}
