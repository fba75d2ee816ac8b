//! `DestinationRule` of `networking.istio.io`: how a service is called, and which subsets it has.

use std::collections::BTreeMap;

use crate::read::record;
use crate::reference::WorkloadSelector;
use crate::traffic_policy::TrafficPolicy;

record! {
    /// `spec`
    DestinationRule {
        "host" host: String,
        "trafficPolicy" traffic_policy: Option<TrafficPolicy>,
        "subsets" subsets: Vec<Subset>,
        "exportTo" export_to: Vec<String>,
        "workloadSelector" workload_selector: Option<WorkloadSelector>,
    }
}

record! {
    /// Some of the endpoints of the service, by label.
    Subset {
        "name" name: String,
        "labels" labels: BTreeMap<String, String>,
        "trafficPolicy" traffic_policy: Option<TrafficPolicy>,
    }
}
