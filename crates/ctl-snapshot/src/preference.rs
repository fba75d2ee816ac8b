//! Which endpoints clients prefer, and what of a client that depends on.
//!
//! In: `trafficDistribution` of services, rules, settings. Out: preferences, and the labels of clients that matter.
//! Holds: what nobody asks about is not kept, so that clients in different places share what is made for them.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::MeshModel;
use weft_model::api::traffic_policy::{LoadBalancer, OutlierDetection, TrafficPolicy};

use crate::localities::{NETWORK, NODE, REGION, SUB_ZONE, ZONE};
use crate::{MeshSettings, Service};

/// Which endpoints of a service clients prefer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    /// Of the same zone, else of the region.
    SameZone,
    /// Of the same node, else of the zone, else of the region.
    SameNode,
}

impl Preference {
    /// Reads `trafficDistribution`, or the annotation that stands for it.
    pub(crate) fn of(written: &str, annotations: &BTreeMap<String, String>) -> Option<Self> {
        let zone = |text: &str| {
            ["PreferClose", "PreferSameZone"].iter().any(|name| text.eq_ignore_ascii_case(name))
        };
        let note = annotations.get("networking.istio.io/traffic-distribution");
        match (written, note.map_or("", String::as_str)) {
            ("PreferClose" | "PreferSameZone", _) => Some(Self::SameZone),
            ("PreferSameNode", _) => Some(Self::SameNode),
            (_, note) if zone(note) => Some(Self::SameZone),
            (_, note) if note.eq_ignore_ascii_case("PreferSameNode") => Some(Self::SameNode),
            _ => None,
        }
    }

    /// The labels by which it prefers, the most important first.
    #[must_use]
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::SameZone => &[NETWORK, REGION, ZONE],
            Self::SameNode => &[NETWORK, REGION, ZONE, SUB_ZONE, NODE],
        }
    }
}

/// What of a client's place makes a difference to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Near {
    /// Its locality.
    pub places: bool,
    /// Labels of it.
    pub labels: BTreeSet<String>,
}

impl Near {
    pub(crate) fn of<'a>(
        settings: &MeshSettings,
        model: &MeshModel,
        services: impl Iterator<Item = &'a Service>,
    ) -> Self {
        let mut found = Self::default();
        if let Some(setting) = &settings.locality {
            found.places = settings.outlier_detection.is_some() || !setting.distribute.is_empty();
            found.name(&setting.failover_priority);
        }
        for object in &model.destination_rules {
            let subsets = object.spec.subsets.iter().filter_map(|s| s.traffic_policy.as_ref());
            let policies = object.spec.traffic_policy.iter().chain(subsets);
            policies.for_each(|policy| found.read(policy));
        }
        for service in services {
            if let Some(preference) = service.preference {
                found.labels.extend(preference.labels().iter().map(|label| (*label).to_owned()));
            }
            if service.node_local {
                found.labels.insert(NODE.to_owned());
            }
        }
        found
    }

    fn read(&mut self, policy: &TrafficPolicy) {
        self.part(policy.load_balancer.as_ref(), policy.outlier_detection.as_ref());
        for port in &policy.port_level_settings {
            self.part(port.load_balancer.as_ref(), port.outlier_detection.as_ref());
        }
    }

    fn part(&mut self, balancer: Option<&LoadBalancer>, outlier: Option<&OutlierDetection>) {
        let setting = balancer.and_then(|balancer| balancer.locality_lb_setting.as_ref());
        self.places |= outlier.is_some() || setting.is_some();
        if let Some(setting) = setting {
            self.name(&setting.failover_priority);
        }
    }

    fn name(&mut self, priorities: &[String]) {
        let keys = priorities.iter().map(|written| written.split('=').next().unwrap_or(written));
        self.labels.extend(keys.map(str::to_owned));
    }
}
