//! Who the other end is, from the metadata that proxies exchange.
//!
//! In: `x-envoy-peer-metadata` of a request or response. Out: the peer's labels.
//! Holds: a bounded cache, so that a peer is read once and its series share one value.
//! Never: protobuf; the binary brings the reader and our own metadata.

use std::cell::RefCell;
use std::sync::Arc;

use foldhash::HashMap;
use weft_telemetry::Workload;

/// The field that carries labels.
pub(crate) const METADATA: &str = "x-envoy-peer-metadata";
/// The field that carries the node's id.
pub(crate) const METADATA_ID: &str = "x-envoy-peer-metadata-id";
const MAX_PEERS: usize = 2048;

/// How our metadata is written and a peer's is read.
#[derive(Debug, Clone)]
pub struct PeerExchange {
    /// Our node id.
    pub id: String,
    /// Our metadata, ready to send.
    pub metadata: String,
    /// Reads a peer's metadata.
    pub read: fn(&[u8]) -> Option<Workload>,
}

/// Peers that one worker has met.
#[derive(Debug)]
pub(crate) struct Peers {
    by_text: RefCell<HashMap<Box<[u8]>, Arc<Workload>>>,
    read: fn(&[u8]) -> Option<Workload>,
    pub(crate) unknown: Arc<Workload>,
}

impl Peers {
    pub(crate) fn new(read: fn(&[u8]) -> Option<Workload>) -> Self {
        Self { by_text: RefCell::default(), read, unknown: Arc::default() }
    }

    /// The workload of this metadata.
    pub(crate) fn find(&self, metadata: &[u8]) -> Arc<Workload> {
        if let Some(known) = self.by_text.borrow().get(metadata) {
            return Arc::clone(known);
        }
        let Some(workload) = (self.read)(metadata) else { return Arc::clone(&self.unknown) };
        let workload = Arc::new(workload);
        let mut all = self.by_text.borrow_mut();
        if all.len() < MAX_PEERS {
            all.insert(metadata.into(), Arc::clone(&workload));
        }
        workload
    }
}
