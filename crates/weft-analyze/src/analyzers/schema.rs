//! Objects that are wrong by themselves: the judgement of `weft-model`, as an analyzer for each kind.
//! Why it is not repeated here: admission and analysis must never disagree.

use weft_model::validate_object;

use super::{Analyzer, Look, unreachable_rules};
use crate::code::{self, Code};
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Kind, kind};

const ANY: Code =
    Code { id: "IST0106", severity: weft_model::Severity::Error, name: "SchemaValidationError" };
const DOUBTFUL: Code =
    Code { id: "IST0133", severity: weft_model::Severity::Warning, name: "SchemaWarning" };

/// Found by other analyzers here, with all objects in view.
const TOLD_ELSEWHERE: &[&str] =
    &["IST0002", "IST0101", "IST0109", "IST0112", "IST0130", "IST0131", "IST0132", "IST0174"];

macro_rules! schema {
    ($($constant:ident $name:literal)*) => {
        $(pub(super) const $constant: Analyzer = Analyzer {
            name: concat!("schema.ValidationAnalyzer.", $name),
            about: concat!("Objects of kind ", $name, " that are wrong by themselves."),
            codes: &[ANY, DOUBTFUL, code::IST0130, code::IST0131],
            is_default: true,
            look: Look::Each(|mesh, report| look(mesh, kind::$constant, report)),
        };)*
    };
}

schema! {
    AUTHORIZATION_POLICY "AuthorizationPolicy"
    DESTINATION_RULE "DestinationRule"
    ENVOY_FILTER "EnvoyFilter"
    GATEWAY "Gateway"
    PEER_AUTHENTICATION "PeerAuthentication"
    PROXY_CONFIG "ProxyConfig"
    REQUEST_AUTHENTICATION "RequestAuthentication"
    SERVICE_ENTRY "ServiceEntry"
    SIDECAR "Sidecar"
    TELEMETRY "Telemetry"
    TRAFFIC_EXTENSION "TrafficExtension"
    VIRTUAL_SERVICE "VirtualService"
    WASM_PLUGIN "WasmPlugin"
    WORKLOAD_ENTRY "WorkloadEntry"
    WORKLOAD_GROUP "WorkloadGroup"
}

fn look(mesh: &Mesh<'_>, kind: Kind<'static>, report: &mut Report) {
    for object in mesh.all(kind) {
        let (_, problems) = validate_object(object.raw);
        for problem in problems.into_iter().filter(|p| !TOLD_ELSEWHERE.contains(&p.code)) {
            report.take_over(object, problem);
        }
        if kind == kind::VIRTUAL_SERVICE {
            unreachable_rules::look(object, report);
        }
    }
}
