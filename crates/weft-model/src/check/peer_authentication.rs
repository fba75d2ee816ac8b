//! Rules of `PeerAuthentication`.

use serde_json::Value;
use weft_api::meta::Metadata;
use weft_api::peer_authentication::{Mode, MutualTls, PeerAuthentication};
use weft_api::{Read as _, Reader};

use super::findings::code;
use super::{Findings, values};

/// Where mesh-wide policies stand.
const ROOT: &str = "istio-system";

pub(crate) fn check(meta: &Metadata, spec: &PeerAuthentication, findings: &mut Findings) {
    let PeerAuthentication { selector, mtls: _, port_level_mtls } = spec;
    values::selector(selector.as_ref(), findings);
    let whole = selector.as_ref().is_none_or(|selector| selector.match_labels.is_empty());
    if !whole && meta.namespace == ROOT {
        findings.warning_in(
            "selector",
            code::SUSPICIOUS,
            format!("has no effect in {ROOT}: as in Istio the whole policy selects nobody there"),
            "put the policy into the namespace of the workloads",
        );
    }
    findings.given("portLevelMtls", port_level_mtls.as_ref(), |ports, findings| {
        if whole {
            findings.error(
                "works only for selected workloads",
                "add a selector, or remove the port settings",
            );
        }
        if ports.is_empty() {
            findings.error("is empty", "name a port, or remove it");
        }
        for key in ports.keys() {
            if !key.parse::<u16>().is_ok_and(|port| port > 0) {
                findings.error_in(key, format!("{key:?} is no port"), "use 1 to 65535");
            }
        }
    });
}

/// Stands for a policy that cannot be read: mutual TLS for all that it could mean.
pub(crate) fn denying(spec: &Value) -> PeerAuthentication {
    let mut reader = Reader::default();
    let selector = spec.get("selector").map(|value| <_>::read(value, &mut reader));
    let readable = reader.into_issues().is_empty();
    PeerAuthentication {
        selector: selector.filter(|_| readable),
        mtls: Some(MutualTls { mode: Mode::Strict }),
        port_level_mtls: None,
    }
}
