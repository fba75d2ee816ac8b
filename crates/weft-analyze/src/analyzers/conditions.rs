//! Objects whose status says that they are not in force.

use serde_json::Value;

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Kind, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "conditions.ConditionAnalyzer",
    "Objects whose status says that they are not in force.",
    &[code::IST0171],
    look,
);

const BOUND: &[&str] = &["istio.io/WaypointBound"];
const ENFORCED: &[&str] = &["ZtunnelAccepted", "WaypointAccepted"];
const SERVED: &[&str] = &["Accepted", "Programmed", "ResolvedRefs"];

/// Conditions that matter, by kind; others are of other tools.
const CONDITIONS: &[(Kind<'static>, &[&str])] = &[
    (kind::SERVICE, BOUND),
    (kind::SERVICE_ENTRY, BOUND),
    (kind::AUTHORIZATION_POLICY, ENFORCED),
    (kind::KUBERNETES_GATEWAY, SERVED),
    (kind::HTTP_ROUTE, SERVED),
    (kind::GRPC_ROUTE, SERVED),
];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for (kind, types) in CONDITIONS {
        for object in mesh.all(*kind) {
            own(object, types, report);
            of_parents(object, types, report);
        }
    }
}

fn own(object: &Object<'_>, types: &[&str], report: &mut Report) {
    for condition in object.raw.list("status.conditions") {
        let half = object.kind == kind::AUTHORIZATION_POLICY
            && condition.text("type") == "WaypointAccepted"
            && condition.text("reason") == "PartiallyInvalid";
        if half || is_negative(condition, types) {
            tell(object, "/status/conditions", condition, report);
        }
    }
}

/// Routes have conditions for each gateway.
fn of_parents(object: &Object<'_>, types: &[&str], report: &mut Report) {
    let parents = object.raw.list("status.parents").iter();
    for condition in parents.flat_map(|parent| parent.list("conditions")) {
        if is_negative(condition, types) {
            tell(object, "/status/parents", condition, report);
        }
    }
}

fn is_negative(condition: &Value, types: &[&str]) -> bool {
    condition.text("status") == "False" && types.contains(&condition.text("type"))
}

fn tell(object: &Object<'_>, field: &str, condition: &Value, report: &mut Report) {
    let (kind, reason) = (condition.text("type"), condition.text("reason"));
    let what = format!("condition {kind} is negative ({reason}): {}", condition.text("message"));
    report.add(code::IST0171, object, field, what, "correct what the condition names");
}
