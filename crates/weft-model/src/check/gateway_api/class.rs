//! Rules of `GatewayClass`.

use weft_api::gateway_api::GatewayClass;
use weft_api::meta::Metadata;

use crate::check::Findings;
use crate::check::findings::code;

/// Who makes gateways of Istio's classes.
const OURS: [&str; 3] =
    ["istio.io/gateway-controller", "istio.io/mesh-controller", "istio.io/unmanaged-gateway"];

pub(super) fn check(_: &Metadata, spec: &GatewayClass, findings: &mut Findings) {
    let GatewayClass { controller_name, parameters_ref: _, description: _ } = spec;
    let mistyped = controller_name.starts_with("istio.io/")
        && !OURS.contains(&controller_name.as_str())
        && !controller_name.starts_with("istio.io/eastwest")
        && !controller_name.starts_with("istio.io/agentgateway");
    if mistyped {
        let what = format!("nobody makes gateways as {controller_name:?}");
        let fix = format!("use {}", OURS.join(" or "));
        findings.warning_in("controllerName", code::SUSPICIOUS, what, fix);
    }
}
