//! `DestinationRule` of `networking.istio.io`: how a service is called, and which subsets it has.

use std::collections::BTreeMap;

use crate::read::record;
use crate::reference::WorkloadSelector;
use crate::traffic_policy::TrafficPolicy;

record! {
    /// How clients call a service once routing has chosen it: load balancing, connection limits, ejection of failing
    /// endpoints, TLS; and the subsets that routes can name.
    DestinationRule {
        /// Name of the service. A short name is completed with the namespace of this object. A wildcard such as
        /// `*.example.com` covers all services below it that have no rule of their own.
        "host" host: String = [Required],
        /// What holds for all subsets and ports, unless they say otherwise.
        "trafficPolicy" traffic_policy: Option<TrafficPolicy>,
        /// Named versions of the service.
        "subsets" subsets: Vec<Subset>,
        /// Namespaces whose clients see this rule: `.` its own, `*` all (the default), or names.
        "exportTo" export_to: Vec<String>,
        /// Which clients of the namespace of this object the rule holds for; all when absent.
        "workloadSelector" workload_selector: Option<WorkloadSelector>,
    }
}

record! {
    /// Some of the endpoints of the service, by label.
    Subset {
        /// Name by which routes choose the subset.
        "name" name: String = [Required],
        /// Labels that the endpoints of the subset carry.
        "labels" labels: BTreeMap<String, String>,
        /// Replaces, field by field, the policy of the rule for this subset.
        "trafficPolicy" traffic_policy: Option<TrafficPolicy>,
    }
}
