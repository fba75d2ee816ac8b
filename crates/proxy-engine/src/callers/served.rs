//! Which connections count as calls to the pod, and as which.
//! In: a connection whose chain is chosen, or is not there. Out: an entry in the table of callers. Holds: calls of the pod itself, to others,
//! are none.

use weft_telemetry::Reporter;

use super::OpenCall;
use crate::connection::{Bound, Facts};
use crate::plan::{Listener, Transport};
use crate::worker::Worker;

/// Counts a connection that no chain takes. TLS that none takes is not plaintext.
pub(crate) fn refused(worker: &Worker, listener: &Listener, facts: &Facts) {
    if is_call(listener, facts) && facts.transport == Transport::Raw {
        worker.shared.callers.refused(facts.remote, facts.local.port(), facts.begun);
    }
}

/// A call to the pod, which its PeerAuthentication is about; who means our own port is none.
fn is_call(listener: &Listener, facts: &Facts) -> bool {
    let itself = listener.original_destination
        && listener.address.is_some_and(|own| own.port() == facts.local.port());
    listener.reporter == Reporter::Destination && !itself
}

/// Counts a call by whether it came with the mesh's mutual TLS. TLS that ends here by the user's own certificates is neither.
pub(crate) fn begun(worker: &Worker, bound: &Bound, facts: &Facts) -> Option<Box<OpenCall>> {
    if !is_call(&bound.listener, facts) {
        return None;
    }
    let (callers, port) = (&worker.shared.callers, facts.local.port());
    if bound.chain.tls.is_plain() {
        return Some(callers.opened(facts.remote, port, facts.begun));
    }
    if facts.mutual_tls() {
        callers.secured(port, facts.begun);
    }
    None
}
