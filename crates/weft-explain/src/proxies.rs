//! Whole ways: from the proxy of the caller to that of the server, through gateways between them.
//!
//! In: a mesh, then calls. Out: an [`Answer`] each.
//! Holds: the configuration of a proxy is made once, for all calls that it decides about.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::{Answer, Call, Mesh, Origin, Proxy, Unclear, onward, walk};

/// So many proxies may lead a call on to one another; more of them go round in circles.
const MOST_PROXIES: usize = 8;

/// Proxies of a mesh that were asked already.
#[derive(Debug)]
pub struct Proxies<'a> {
    mesh: &'a Mesh,
    known: BTreeMap<Origin, Proxy>,
}

impl<'a> Proxies<'a> {
    /// Nobody was asked yet.
    #[must_use]
    pub const fn of(mesh: &'a Mesh) -> Self {
        Self { mesh, known: BTreeMap::new() }
    }

    /// The proxy that decides first about calls from there.
    ///
    /// # Errors
    /// When the mesh has no such workload.
    pub fn find(&mut self, origin: &Origin) -> Result<&Proxy, Unclear> {
        match self.known.entry(origin.clone()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(Proxy::find(self.mesh, origin)?)),
        }
    }

    /// What becomes of a call.
    ///
    /// # Errors
    /// When the mesh has no workload where it begins.
    pub fn explain(&mut self, call: &Call) -> Result<Answer, Unclear> {
        let mesh = self.mesh;
        let (mut answer, mut left) = walk::lead(mesh, self.find(&call.origin)?, call);
        let (mut here, mut call, mut at) = (answer.clone(), call.clone(), String::new());
        for _ in 0..MOST_PROXIES {
            let Some(leaves) = left.take_if(|_| !matches!(call.origin, Origin::Inbound(..))) else {
                break;
            };
            let proxy = self.find(&call.origin)?;
            let Some((step, next)) = onward::of(mesh, proxy, &call, &leaves, &here) else {
                // Of a call that no gateway leads out, the cluster says enough.
                answer.trace.extend((!at.is_empty()).then(|| onward::out(&leaves).at(&at)));
                break;
            };
            answer.trace.push(step.at(&at));
            let Some(next) = next else {
                answer.mtls.get_or_insert(false);
                break;
            };
            let server = self.find(&next.origin)?;
            at = format!("{}.{}", server.workload.name(), server.workload.namespace());
            (here, left) = walk::lead(mesh, server, &next);
            answer.goes_on(here.clone(), &at);
            call = next;
        }
        Ok(answer)
    }
}
