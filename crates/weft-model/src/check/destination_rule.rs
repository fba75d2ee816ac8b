//! Rules of `DestinationRule`.

use weft_api::destination_rule::{DestinationRule, Subset};
use weft_api::meta::Metadata;

use weft_types::domain;

use super::{Findings, labels, traffic_policy, values};

pub(crate) fn check(meta: &Metadata, spec: &DestinationRule, findings: &mut Findings) {
    let DestinationRule { host, traffic_policy, subsets, export_to, workload_selector } = spec;
    if let Err(why) = domain::wildcard(host) {
        findings.error_in("host", why, "write the name of a service");
    }
    findings.given("trafficPolicy", traffic_policy.as_ref(), |policy, findings| {
        traffic_policy::check(policy, &meta.namespace, findings);
    });
    findings.each("subsets", subsets, |subset, findings| {
        let Subset { name, labels, traffic_policy } = subset;
        if name.is_empty() {
            findings.error_in("name", "is missing", "name the subset");
        } else if !domain::is_label(name) {
            findings.error_in("name", format!("{name:?} is no subset name"), "use a-z, 0-9, -");
        }
        if subsets.iter().filter(|other| other.name == *name).count() > 1 && !name.is_empty() {
            let fix = "give every subset a name of its own";
            findings.error_in("name", format!("{name:?} stands here twice"), fix);
        }
        labels::choosing("labels", labels, findings);
        findings.given("trafficPolicy", traffic_policy.as_ref(), |policy, findings| {
            traffic_policy::check(policy, &meta.namespace, findings);
        });
    });
    values::export_to(export_to, &meta.namespace, findings);
    if workload_selector.is_some() {
        let own = |entry: &String| entry == "." || *entry == meta.namespace;
        if export_to.len() > 1 || !export_to.iter().all(own) {
            findings.error_in(
                "exportTo",
                "does not go beyond the namespace when workloadSelector is set",
                "remove it",
            );
        }
        values::selector_at("workloadSelector", workload_selector.as_ref(), findings);
    }
}
