//! Reads and checks an `IstioOperator`.
//!
//! In: the document as JSON. Out: it as a type, the mesh config that counts with it, and problems.
//! Holds: a field that the document does not have is an error, as for `istioctl`; inside of the mesh config it is a warning.

pub(crate) mod egress;
mod image;
mod ports;
mod to_mesh;

use serde_json::Value;
use weft_api::install::values::{Gateway, Values};
use weft_api::install::{GatewayComponent, IstioOperator, OperatorSpec};
use weft_api::mesh_config::MeshConfig;
use weft_api::similar;
use weft_model::{ObjectRef, Problem, Severity};

use crate::report::{Report, code};
use crate::scalar::{Checked, fault, is_label};
use crate::{effects, mesh, networks, normal};

/// API group of the document.
pub(crate) const GROUP: &str = "install.istio.io";
/// The one version of it.
const VERSION: &str = "install.istio.io/v1alpha1";

/// Profiles that Istio's releases have.
const PROFILES: &[&str] = &[
    "default",
    "demo",
    "minimal",
    "empty",
    "ambient",
    "remote",
    "openshift",
    "openshift-ambient",
    "preview",
    "stable",
];

/// Reads and checks an `IstioOperator`; it is valid when no problem is an error. The mesh config has every default filled in.
#[must_use]
pub fn validate_istio_operator(object: &Value) -> (IstioOperator, MeshConfig, Vec<Problem>) {
    let mut report = Report::new(ObjectRef::of(object), "");
    let (operator, plain) = normal::read::<IstioOperator>(object, Severity::Error, &mut report);
    if operator.api_version != VERSION {
        let what = format!("{:?} has no IstioOperator", operator.api_version);
        report.expect("apiVersion", fault(what, format!("write {VERSION}")));
    }
    let mesh = report.within("spec", |report| spec(&operator.spec, report));
    effects::tell::<IstioOperator>("IstioOperator", &plain, &mut report);
    (operator, mesh, report.into_problems())
}

fn spec(spec: &OperatorSpec, report: &mut Report) -> MeshConfig {
    report.expect("profile", profile(&spec.profile));
    report.expect("hub", image::hub(&spec.hub));
    report.expect("tag", spec.tag.as_deref().map_or(Ok(()), image::tag));
    report.expect("revision", revision(&spec.revision));
    let none = Values::default();
    let values = spec.values.as_ref().unwrap_or(&none);
    report.within("values", |report| self::values(values, report));
    if let Some(components) = &spec.components {
        report.within("components", |report| {
            report.each("ingressGateways", &components.ingress_gateways, gateway_name);
            report.each("egressGateways", &components.egress_gateways, gateway_name);
        });
    }
    ports::check(spec, values, report);
    replicas(spec, values, report);
    report.within("values", |report| judge(values.mesh_config.as_deref(), report));
    judge(spec.mesh_config.as_deref(), report);
    mesh::effective(&written_by(spec, values))
}

fn judge(written: Option<&Value>, report: &mut Report) {
    if let Some(written) = written {
        report.within("meshConfig", |report| mesh::judge(written, report));
    }
}

/// What the document says about the settings of the mesh, without what cannot be read.
pub(crate) fn written(operator: &IstioOperator) -> Value {
    let none = Values::default();
    written_by(&operator.spec, operator.spec.values.as_ref().unwrap_or(&none))
}

fn written_by(spec: &OperatorSpec, values: &Values) -> Value {
    let mut unheard = Report::new(ObjectRef::default(), "");
    let mut plain = |written: Option<&Value>| match written {
        None => Value::Null,
        Some(written) => normal::read::<MeshConfig>(written, Severity::Warning, &mut unheard).1,
    };
    let (upper, middle) =
        (plain(spec.mesh_config.as_deref()), plain(values.mesh_config.as_deref()));
    over(over(to_mesh::of(&spec.profile, values), middle), upper)
}

/// Maps go over maps field by field; anything else replaces.
fn over(before: Value, after: Value) -> Value {
    match (before, after) {
        (Value::Object(mut fields), Value::Object(after)) => {
            for (name, value) in after {
                let before = fields.remove(&name).unwrap_or(Value::Null);
                fields.insert(name, over(before, value));
            }
            Value::Object(fields)
        }
        (before, Value::Null) => before,
        (_, after) => after,
    }
}

fn profile(name: &str) -> Checked {
    let file = name.contains(['/', '\\']) || name.ends_with(".yaml") || name.ends_with(".yml");
    if name.is_empty() || file || PROFILES.contains(&name) {
        return Ok(());
    }
    let fix = match similar(name, PROFILES) {
        Some(known) => format!("did you mean {known}?"),
        None => format!("use one of {}", PROFILES.join(", ")),
    };
    fault(format!("{name:?} is no profile"), fix)
}

fn revision(name: &str) -> Checked {
    if name.is_empty() || is_label(name) {
        return Ok(());
    }
    fault(format!("{name:?} is no name of a revision"), "use letters, digits and dashes")
}

fn gateway_name(gateway: &GatewayComponent, report: &mut Report) {
    let name = &gateway.name;
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    if name.len() > 254 || !name.bytes().all(plain) {
        let what = format!("{name:?} is no name of an object");
        report.expect("name", fault(what, "use small letters, digits, dashes and dots"));
    }
}

fn values(values: &Values, report: &mut Report) {
    let Some(global) = &values.global else { return };
    report.within("global", |report| {
        if let Some(written) = &global.mesh_networks {
            report.within("meshNetworks", |report| networks::read_map(written, report));
        }
        report.given("proxy", global.proxy.as_ref(), |proxy, report| {
            report.expect("includeIPRanges", ports::ranges(&proxy.include_ip_ranges));
            report.expect("excludeIPRanges", ports::ranges(&proxy.exclude_ip_ranges));
            report.expect("includeInboundPorts", ports::list(&proxy.include_inbound_ports));
            report.expect("excludeInboundPorts", ports::list(&proxy.exclude_inbound_ports));
        });
    });
}

/// A fixed number of replicas and an autoscaler fight.
fn replicas(spec: &OperatorSpec, values: &Values, report: &mut Report) {
    let Some(components) = &spec.components else { return };
    let pilot = components.pilot.as_ref().and_then(|pilot| pilot.k8s.as_ref());
    let scaled = values.pilot.as_ref().and_then(|pilot| pilot.autoscale_enabled) == Some(true);
    let gateways = values.gateways.as_ref();
    let ingress = gateways.and_then(|gateways| gateways.ingress.as_ref());
    let egress = gateways.and_then(|gateways| gateways.egress.as_ref());
    let scales = |values: Option<&Gateway>| values.and_then(|v| v.autoscale_enabled) == Some(true);
    report.within("components", |report| {
        if scaled && pilot.is_some_and(|k8s| k8s.replica_count > 1) {
            report.within("pilot", fixed);
        }
        for (field, list, values) in [
            ("ingressGateways", &components.ingress_gateways, ingress),
            ("egressGateways", &components.egress_gateways, egress),
        ] {
            report.each(field, list, |gateway, report| {
                let count = gateway.k8s.as_ref().map_or(0, |k8s| k8s.replica_count);
                if scales(values) && count != 0 {
                    fixed(report);
                }
            });
        }
    });
}

fn fixed(report: &mut Report) {
    report.within("k8s", |report| {
        report.within("replicaCount", |report| {
            let what = "is fixed while the autoscaler is on";
            let fix = "remove it, or set autoscaleEnabled to false";
            report.warning(code::SUSPICIOUS, what, fix);
        });
    });
}
