//! Limits of rates, as filters of requests.
//!
//! In: what users wrote for a workload. Out: filters, and where they go.
//! Holds: what is enabled is refused beyond its limit unless the user says that it is only counted; the check has told of all
//! that is left out here.

use std::collections::BTreeMap;

use ctl_snapshot::MeshSnapshot;
use prost::Message as _;
use weft_model::api::envoy_filter::PatchContext;
use weft_model::limits::{Inserted, LOCAL, inserted};
use weft_proto::envoy::config::core::v3::RuntimeFractionalPercent;
use weft_proto::envoy::extensions::filters::http::local_ratelimit::v3::LocalRateLimit;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
use weft_proto::envoy::r#type::v3::{FractionalPercent, fractional_percent::DenominatorType};
use weft_proto::json;

use crate::http::{Side, http_filter};
use crate::wire;

mod of_routes;

pub(crate) use of_routes::OfRoutes;

/// Filters that users put in.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Before all others.
    pub(crate) first: Vec<HttpFilter>,
    /// Behind all others.
    pub(crate) before_router: Vec<HttpFilter>,
}

impl Limits {
    /// Those of one side of a workload, by its namespace and labels.
    pub(crate) fn of(
        snapshot: &MeshSnapshot,
        (namespace, labels): (&str, &BTreeMap<String, String>),
        side: Side,
    ) -> Self {
        let mut found = Self::default();
        for object in snapshot.config().patches(namespace, labels) {
            let patches = object.spec.config_patches.iter();
            for patch in patches.filter_map(|patch| inserted(patch).ok()) {
                if is_for(patch.context, side) {
                    found.put(patch);
                }
            }
        }
        found
    }

    fn put(&mut self, patch: Inserted<'_>) {
        let Some(limit) = read(patch.config) else { return };
        let filter = http_filter(patch.name, wire::any(&limit));
        match patch.first {
            // Each one goes before those that came earlier, as in Istio.
            true => self.first.insert(0, filter),
            false => self.before_router.push(filter),
        }
    }
}

/// A limit as users write it; what they enable is enforced.
fn read(config: &serde_json::Value) -> Option<LocalRateLimit> {
    let read = json::from_json(LOCAL, &without_type(config)).ok()?;
    let mut limit = LocalRateLimit::decode(read.value).ok()?;
    if limit.filter_enabled.is_some() && limit.filter_enforced.is_none() {
        limit.filter_enforced = Some(always());
    }
    Some(limit)
}

fn is_for(context: PatchContext, side: Side) -> bool {
    match context {
        PatchContext::Any => true,
        PatchContext::SidecarInbound => side == Side::Inbound,
        PatchContext::SidecarOutbound => side == Side::Outbound,
        PatchContext::Gateway => side == Side::Gateway,
        PatchContext::Waypoint => false,
    }
}

fn without_type(config: &serde_json::Value) -> serde_json::Value {
    let mut config = config.clone();
    if let Some(fields) = config.as_object_mut() {
        fields.remove("@type");
    }
    config
}

fn always() -> RuntimeFractionalPercent {
    let share = FractionalPercent { numerator: 100, denominator: DenominatorType::Hundred.into() };
    RuntimeFractionalPercent { default_value: Some(share), ..RuntimeFractionalPercent::default() }
}
