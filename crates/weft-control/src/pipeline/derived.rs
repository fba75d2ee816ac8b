//! The Gateway API on the configuration walk: what its objects mean is put into the model.
//!
//! In: raw objects, and what validation says of them. Out: the model with Gateways and VirtualServices that say the same.
//! Holds: what did not change stays the same allocation, and nothing is looked at again when only endpoints changed.

use ctl_source::{Batch, Object, ResourceType};
use weft_gateway_api::{Derived, Judged};
use weft_model::{MeshModel, Problem, Touched};

use super::kinds::{self, Role};
use super::raw::Raw;
use super::{facts, settings};

/// What was derived last.
#[derive(Debug, Default)]
pub(super) struct Gateways {
    derived: Derived,
    /// Since then objects changed that it is made of.
    stale: bool,
}

impl Gateways {
    /// Hears of a change.
    pub(super) fn hear(&mut self, batch: &Batch) {
        let (Batch::Snapshot(resource, _) | Batch::Changes(resource, _)) = batch;
        let ResourceType { group, kind, .. } = resource;
        let name = (group.clone(), kind.clone());
        // The domain of the mesh is a part of names.
        let read = group.starts_with("gateway.networking.") || *kind == settings::KIND;
        // Whether pods of a gateway are ready is for its status alone.
        let beside = group != "apps" && kinds::beside_gateways().any(|beside| beside == name);
        self.stale |= read || beside;
    }

    /// Puts what is meant into the model.
    pub(super) fn fill(
        &mut self,
        model: &mut MeshModel,
        raw: &Raw,
        problems: &[Problem],
        domain: &str,
    ) -> Touched {
        let mut touched = Touched::Nothing;
        if std::mem::take(&mut self.stale) {
            let all = objects(raw);
            let judged = Judged::of(all.iter().map(AsRef::as_ref), &facts::refused(problems));
            let fresh = Derived::of(&judged, domain);
            if fresh != self.derived {
                self.derived = fresh.sharing(&self.derived);
                touched = Touched::Config;
            }
        }
        self.derived.fill(model);
        touched
    }
}

/// The objects of the Gateway API and those that they point at; none of the latter where there are only classes, one of which is
/// in every mesh.
pub(super) fn objects(raw: &Raw) -> Vec<Object> {
    let own = kinds::all().filter(|(role, _)| *role == Role::GatewayApi);
    let own: Vec<Object> = own.flat_map(|(_, resource)| raw.of(&kinds::name(&resource))).collect();
    if own.iter().all(|object| object["kind"] == "GatewayClass") {
        return own;
    }
    let beside = kinds::beside_gateways().flat_map(|kind| raw.of(&kind).collect::<Vec<_>>());
    beside.chain(own).collect()
}
