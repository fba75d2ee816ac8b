//! Whole ways: from the proxy of the caller to that of the server.
//!
//! In: a mesh, then calls. Out: an [`Answer`] each.
//! Holds: the configuration of a proxy is made once, for all calls that it decides about.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::{Answer, Call, Mesh, Origin, Proxy, Unclear, onward, walk};

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
        let first = self.find(&call.origin)?;
        let (mut answer, left) = walk::lead(mesh, first, call);
        let leaves = left.filter(|_| !matches!(call.origin, Origin::Inbound(..)));
        let onward = leaves.and_then(|left| onward::of(mesh, first, call, &left, &answer));
        let Some((step, next)) = onward else { return Ok(answer) };
        answer.trace.push(step);
        let Some(next) = next else {
            answer.mtls = Some(false);
            return Ok(answer);
        };
        let server = self.find(&next.origin)?;
        let name = format!("{}.{}", server.workload.name(), server.workload.namespace());
        let (there, _) = walk::lead(mesh, server, &next);
        answer.goes_on(there, &name);
        Ok(answer)
    }
}
