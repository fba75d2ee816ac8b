//! Rules that mesh-wide settings share with objects: those of `weft-model`, asked with an object that stands in.
//!
//! Why a stand-in: the rules stay in one place, and are reached by the one door that `weft-model` has.

use serde_json::{Value, json};
use weft_model::validate_object;

use crate::report::Report;

/// `connectionPool` and `outlierDetection`, as a DestinationRule has them.
pub(crate) fn traffic_policy(written: &Value, report: &mut Report) {
    for field in ["connectionPool", "outlierDetection"] {
        let Some(value) = written.get(field) else { continue };
        let (_, found) = validate_object(&json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": "stand-in", "namespace": "default"},
            "spec": {"host": "stand-in.example.com", "trafficPolicy": {field: value}},
        }));
        report.within(field, |report| {
            report.take_errors(found, &format!("/spec/trafficPolicy/{field}"));
        });
    }
}

/// Retries, as a route of a VirtualService has them.
pub(crate) fn retries(written: &Value, report: &mut Report) {
    let (_, found) = validate_object(&json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "stand-in", "namespace": "default"},
        "spec": {"hosts": ["stand-in.example.com"], "http": [{
            "retries": written, "route": [{"destination": {"host": "stand-in.example.com"}}],
        }]},
    }));
    report.take_errors(found, "/spec/http/0/retries");
}
