//! Counts of one worker, summed over workers when somebody asks.
//!
//! In: records. Out: a snapshot of all series.
//! Holds: at most [`MAX_SERIES`] series per worker; what comes after is counted as dropped, not stored.
//! Why a lock per worker: only a scrape ever contends with it, and it costs less than atomics per bucket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weft_telemetry::metric::BUCKETS;
use weft_telemetry::record::Ends;
use weft_telemetry::{
    ExchangeRecord, Flags, LimitRecord, Protocol, Reporter, Service, Sink, TcpEvent, TcpRecord,
    WatchedRecord, Workload,
};

use crate::AccessLog;
use crate::denials::Denials;
use crate::limited::Limited;
use crate::watched::Watched;

/// Most series that one worker keeps.
pub const MAX_SERIES: usize = 4096;

/// What tells one series from another, besides our own workload.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) reporter: Reporter,
    pub(crate) peer: Arc<Workload>,
    pub(crate) service: Arc<Service>,
    pub(crate) source_principal: Option<Box<str>>,
    pub(crate) destination_principal: Option<Box<str>>,
    pub(crate) mutual_tls: bool,
    pub(crate) protocol: Protocol,
    pub(crate) code: u16,
    pub(crate) grpc: Option<u16>,
    pub(crate) flags: Flags,
}

/// A histogram's counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Histogram {
    pub(crate) counts: [u64; BUCKETS.len() + 1],
    pub(crate) sum: f64,
}

impl Histogram {
    fn observe(&mut self, value: f64) {
        let at = BUCKETS.iter().position(|bound| value <= *bound).unwrap_or(BUCKETS.len());
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        self.sum += value;
    }

    fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(mine, theirs)| *mine += theirs);
        self.sum += other.sum;
    }
}

/// The counts of one series.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) duration: Histogram,
    pub(crate) request_bytes: Histogram,
    pub(crate) response_bytes: Histogram,
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.duration.add(&other.duration);
        self.request_bytes.add(&other.request_bytes);
        self.response_bytes.add(&other.response_bytes);
        self.opened += other.opened;
        self.closed += other.closed;
        self.sent += other.sent;
        self.received += other.received;
    }
}

#[derive(Debug, Default)]
struct State {
    // By a fingerprint of the key, so that the hot path builds no key; equal fingerprints share a bucket.
    by_print: foldhash::HashMap<u64, Vec<(Key, Box<Counts>)>>,
    series: usize,
    dropped: u64,
    denials: Denials,
    watched: Watched,
    limited: Limited,
}

/// Counts of one worker.
#[derive(Debug, Clone, Default)]
pub struct Cells(Arc<Mutex<State>>);

impl Cells {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, facts: &Facts<'_>, change: impl FnOnce(&mut Counts)) {
        let mut state = self.lock();
        let State { by_print, series, dropped, .. } = &mut *state;
        let bucket = by_print.entry(facts.print()).or_default();
        if let Some((_, counts)) = bucket.iter_mut().find(|(key, _)| facts.is(key)) {
            change(counts);
        } else if *series < MAX_SERIES {
            *series += 1;
            let mut counts = Box::<Counts>::default();
            change(&mut counts);
            bucket.push((facts.key(), counts));
        } else {
            *dropped += 1;
        }
    }
}

/// A key that borrows.
struct Facts<'a> {
    ends: Ends<'a>,
    protocol: Protocol,
    code: u16,
    grpc: Option<u16>,
    flags: Flags,
}

impl Facts<'_> {
    fn print(&self) -> u64 {
        // Pointers are good enough to spread: peers and services are interned by the engine, and a
        // series found twice under two pointers is merged when rendered.
        let mut print = Arc::as_ptr(self.ends.peer) as usize as u64;
        for part in [
            Arc::as_ptr(self.ends.service) as usize as u64,
            u64::from(self.code) << 20 | u64::from(self.grpc.map_or(999, |g| g)),
            self.flags.ended as u64
                | (self.flags.retry as u64) << 16
                | (self.protocol as u64) << 8
                | u64::from(self.ends.mutual_tls) << 12,
            self.ends.reporter as u64,
        ] {
            print = (print.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        print
    }

    fn is(&self, key: &Key) -> bool {
        Arc::ptr_eq(&key.peer, self.ends.peer)
            && Arc::ptr_eq(&key.service, self.ends.service)
            && key.code == self.code
            && key.grpc == self.grpc
            && key.flags == self.flags
            && key.protocol == self.protocol
            && key.reporter == self.ends.reporter
            && key.mutual_tls == self.ends.mutual_tls
            && key.source_principal.as_deref() == self.ends.source_principal
            && key.destination_principal.as_deref() == self.ends.destination_principal
    }

    fn key(&self) -> Key {
        Key {
            reporter: self.ends.reporter,
            peer: Arc::clone(self.ends.peer),
            service: Arc::clone(self.ends.service),
            source_principal: self.ends.source_principal.map(Into::into),
            destination_principal: self.ends.destination_principal.map(Into::into),
            mutual_tls: self.ends.mutual_tls,
            protocol: self.protocol,
            code: self.code,
            grpc: self.grpc,
            flags: self.flags,
        }
    }
}

/// All workers' counts and our own workload.
#[derive(Debug, Clone)]
pub struct Registry {
    own: Arc<Workload>,
    workers: Arc<Mutex<Vec<Cells>>>,
}

impl Registry {
    /// Counts for a proxy of this workload.
    #[must_use]
    pub fn new(own: Arc<Workload>) -> Self {
        Self { own, workers: Arc::default() }
    }

    /// The proxy's own workload.
    #[must_use]
    pub fn own(&self) -> &Workload {
        &self.own
    }

    /// A sink for one more worker.
    #[must_use]
    pub fn worker(&self, log: Option<AccessLog>) -> WorkerSink {
        let cells = Cells::default();
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(cells.clone());
        WorkerSink { cells, log }
    }

    /// What rules did not let pass, summed over workers.
    pub(crate) fn denials(&self) -> Denials {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all = Denials::default();
        workers.iter().for_each(|worker| all.add(&worker.lock().denials));
        all
    }

    /// What rules that are only watched would have decided, as Envoy's `/stats` has it.
    #[must_use]
    pub fn watched(&self) -> String {
        self.watched_sum().lines()
    }

    pub(crate) fn watched_sum(&self) -> Watched {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all = Watched::default();
        workers.iter().for_each(|worker| all.add(&worker.lock().watched));
        all
    }

    /// What limits of rates decided, as Envoy's `/stats` has it.
    #[must_use]
    pub fn limited(&self) -> String {
        self.limited_sum().lines()
    }

    pub(crate) fn limited_sum(&self) -> Limited {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all = Limited::default();
        workers.iter().for_each(|worker| all.add(&worker.lock().limited));
        all
    }

    /// Every series summed over workers, and how many updates were dropped.
    pub(crate) fn sum(&self) -> (HashMap<Key, Box<Counts>>, u64) {
        let (mut all, mut dropped) = (HashMap::<Key, Box<Counts>>::new(), 0);
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for worker in &workers {
            let state = worker.lock();
            dropped += state.dropped;
            for (key, counts) in state.by_print.values().flatten() {
                all.entry(key.clone()).or_default().add(counts);
            }
        }
        (all, dropped)
    }
}

/// The sink that a worker tells.
#[derive(Debug)]
pub struct WorkerSink {
    cells: Cells,
    log: Option<AccessLog>,
}

#[expect(clippy::cast_precision_loss, reason = "a histogram is approximate from 2^53 bytes on")]
impl Sink for WorkerSink {
    fn watched(&self, record: &WatchedRecord<'_>) {
        self.cells.lock().watched.count(record);
    }

    fn limited(&self, record: &LimitRecord<'_>) {
        self.cells.lock().limited.count(record);
    }

    fn exchange(&self, record: &ExchangeRecord<'_>) {
        let ExchangeRecord { ends, protocol, response_code, grpc_status, flags, .. } = *record;
        let facts = Facts { ends, protocol, code: response_code, grpc: grpc_status, flags };
        self.cells.update(&facts, |counts| {
            counts.requests += 1;
            counts.duration.observe(record.duration.as_secs_f64() * 1000.0);
            counts.request_bytes.observe(record.request_bytes as f64);
            counts.response_bytes.observe(record.response_bytes as f64);
        });
        if let Some(denied) = record.denied {
            self.cells.lock().denials.count(protocol, denied);
        }
        if record.log.enabled
            && let Some(log) = &self.log
        {
            log.exchange(record);
        }
    }

    fn tcp(&self, record: &TcpRecord<'_>) {
        let facts = Facts {
            ends: record.ends,
            protocol: Protocol::Tcp,
            code: 0,
            grpc: None,
            flags: record.flag.into(),
        };
        self.cells.update(&facts, |counts| {
            counts.opened += u64::from(record.event == TcpEvent::Opened);
            counts.closed += u64::from(record.event == TcpEvent::Closed);
            counts.received += record.received;
            counts.sent += record.sent;
        });
        if let Some(denied) = record.denied.filter(|_| record.event == TcpEvent::Closed) {
            self.cells.lock().denials.count(Protocol::Tcp, denied);
        }
        if record.log.enabled
            && record.event == TcpEvent::Closed
            && let Some(log) = &self.log
        {
            log.tcp(record);
        }
    }
}
