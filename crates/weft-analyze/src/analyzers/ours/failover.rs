//! Failover to other places that never happens, since nothing finds out that endpoints are ill.

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, kind, traffic_policies};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.FailoverWithoutOutlierDetection",
    "Failover to other places that never happens, since nothing finds out that endpoints are ill.",
    &[code::WEFT0116],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for rule in mesh.all(kind::DESTINATION_RULE) {
        let of_whole = rule.spec().has("trafficPolicy.outlierDetection");
        for policy in traffic_policies(rule) {
            // Settings of a port stand alone; those of a subset are laid over those of the whole.
            let detects = policy.raw.has("outlierDetection") || (of_whole && !policy.is_port_level);
            let setting = if fails_over(policy.raw.at("loadBalancer.localityLbSetting")) {
                "localityLbSetting"
            } else if fails_over(policy.raw.at("loadBalancer.zoneAwareLbSetting")) {
                "zoneAwareLbSetting"
            } else {
                continue;
            };
            if !detects {
                let what = "failover has no effect: without outlierDetection no endpoint is ever found to be ill";
                let fix = "add outlierDetection beside loadBalancer";
                let field = format!("{}/loadBalancer/{setting}", policy.field);
                report.add(code::WEFT0116, rule, field, what, fix);
            }
        }
    }
}

fn fails_over(setting: &Value) -> bool {
    let asks = !setting.list("failover").is_empty() || !setting.list("failoverPriority").is_empty();
    asks && setting.at("enabled") != &Value::Bool(false)
}
