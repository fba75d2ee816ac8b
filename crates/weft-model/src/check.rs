//! Checks one object by itself.
//!
//! In: JSON. Out: the object as its type, unless it has an error; and every problem.
//! Holds: the rules are Istio's, so that what its admission refuses is refused here too; a field that Weft reads and does
//! not honour yet is a warning.
//! Why a broken security policy still gives an object: leaving it out would open what it was to close.

mod argo;
mod authorization_policy;
mod cel;
mod cors;
mod destination_rule;
mod envoy;
mod envoy_filter;
mod extension;
mod findings;
#[cfg(test)]
mod fixture;
mod flagger;
mod gateway;
mod gateway_api;
mod header;
mod http_route;
mod ingress;
mod labels;
mod local_limit;
mod names;
mod path_template;
mod pattern;
mod peer_authentication;
mod pins;
mod proxy_config;
mod reach;
mod request_authentication;
mod retry;
mod selector;
mod service_entry;
mod sidecar;
mod target;
mod telemetry;
mod traffic_policy;
mod union;
mod values;
mod virtual_service;
mod workload;

use std::sync::Arc;

use serde_json::Value;
use weft_api::envoy_filter as ef;
use weft_api::meta::Metadata;
use weft_api::secret::Credential;
use weft_api::{Read, Reader, authorization_policy as ap, core, destination_rule as dr};
use weft_api::{
    gateway as gw, peer_authentication as pa, request_authentication as ra, service_entry as se,
    sidecar as sc,
};
use weft_api::{virtual_service as vs, workload as wl};

use crate::Problem;
use crate::model::Object;
use crate::problem::{ObjectRef, Severity};

pub(crate) use findings::{Findings, code};
pub use gateway::is_cipher_suite;
pub use http_route::grpc_status;
pub use pins::{is_certificate_hash, is_key_hash};

/// An object that passed.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the kind of its name")]
pub enum Checked {
    Service(Arc<Object<core::Service>>),
    EndpointSlice(Arc<Object<core::EndpointSlice>>),
    Pod(Arc<Object<core::Pod>>),
    Namespace(Arc<Object<()>>),
    Node(Arc<Object<()>>),
    ServiceAccount(Arc<Object<()>>),
    VirtualService(Arc<Object<vs::VirtualService>>),
    DestinationRule(Arc<Object<dr::DestinationRule>>),
    Gateway(Arc<Object<gw::Gateway>>),
    PeerAuthentication(Arc<Object<pa::PeerAuthentication>>),
    AuthorizationPolicy(Arc<Object<ap::AuthorizationPolicy>>),
    RequestAuthentication(Arc<Object<ra::RequestAuthentication>>),
    ServiceEntry(Arc<Object<se::ServiceEntry>>),
    WorkloadEntry(Arc<Object<wl::WorkloadEntry>>),
    Sidecar(Arc<Object<sc::Sidecar>>),
    EnvoyFilter(Arc<Object<ef::EnvoyFilter>>),
    Secret(Arc<Object<Credential>>),
    ConfigMap(Arc<Object<Credential>>),
}

/// Checks one object; a kind that the mesh does not read gives neither an object nor problems.
#[must_use]
pub fn validate_object(object: &Value) -> (Option<Checked>, Vec<Problem>) {
    let group = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let group = group.split_once('/').map_or("", |(group, _)| group);
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    match (group, kind) {
        ("", "Service") => plain(object, core::Service::of, Checked::Service),
        ("discovery.k8s.io", "EndpointSlice") => {
            plain(object, core::EndpointSlice::of, Checked::EndpointSlice)
        }
        ("", "Pod") => plain(object, core::Pod::of, Checked::Pod),
        ("", "Namespace") => plain(object, |_| (), Checked::Namespace),
        ("", "Node") => plain(object, |_| (), Checked::Node),
        ("", "Secret") => credential(object, Credential::of, Checked::Secret),
        ("", "ConfigMap") => credential(object, Credential::of_config_map, Checked::ConfigMap),
        ("", "ServiceAccount") => plain(object, |_| (), Checked::ServiceAccount),
        ("networking.istio.io", "VirtualService") => {
            mesh(object, virtual_service::check, Checked::VirtualService)
        }
        ("networking.istio.io", "DestinationRule") => {
            mesh(object, destination_rule::check, Checked::DestinationRule)
        }
        ("networking.istio.io", "Gateway") => mesh(object, gateway::check, Checked::Gateway),
        ("security.istio.io", "PeerAuthentication") => closed(
            object,
            peer_authentication::check,
            peer_authentication::denying,
            Checked::PeerAuthentication,
        ),
        ("security.istio.io", "AuthorizationPolicy") => closed(
            object,
            authorization_policy::check,
            authorization_policy::denying,
            Checked::AuthorizationPolicy,
        ),
        ("networking.istio.io", "ServiceEntry") => {
            mesh(object, service_entry::check, Checked::ServiceEntry)
        }
        ("networking.istio.io", "Sidecar") => mesh(object, sidecar::check, Checked::Sidecar),
        ("networking.istio.io", "WorkloadEntry") => {
            mesh(object, workload::check, Checked::WorkloadEntry)
        }
        ("networking.istio.io", "WorkloadGroup") => examined(object, workload::group),
        ("networking.istio.io", "EnvoyFilter") => envoy_filter::validate(object),
        ("networking.istio.io", "ProxyConfig") => idle(object, proxy_config::check),
        ("security.istio.io", "RequestAuthentication") => closed(
            object,
            request_authentication::check,
            request_authentication::denying,
            Checked::RequestAuthentication,
        ),
        ("telemetry.istio.io", "Telemetry") => idle(object, telemetry::check),
        ("extensions.istio.io", "WasmPlugin") => idle(object, extension::wasm_plugin),
        ("extensions.istio.io", "TrafficExtension") => idle(object, extension::traffic_extension),
        ("gateway.networking.k8s.io" | "gateway.networking.x-k8s.io", _) => {
            gateway_api::validate(object, kind)
        }
        ("flagger.app", _) => flagger::validate(object, kind),
        ("argoproj.io", _) => argo::validate(object, kind),
        ("networking.k8s.io", "Ingress") => idle(object, ingress::check),
        ("networking.k8s.io", "IngressClass") => idle(object, ingress::class),
        _ => (None, Vec::new()),
    }
}

type Answer = (Option<Checked>, Vec<Problem>);
type Wrap<T> = fn(Arc<Object<T>>) -> Checked;
type Check<T> = fn(&Metadata, &T, &mut Findings);

fn plain<T>(object: &Value, read: impl Fn(&Value) -> T, wrap: Wrap<T>) -> Answer {
    let found = Object { meta: Metadata::of(object), spec: read(object) };
    (Some(wrap(Arc::new(found))), Vec::new())
}

/// Of many Secrets and ConfigMaps few are about certificates; whether those are good is told by those who point at them.
/// A certificate with the key of another one is left out: no proxy could use it, and a proxy may refuse all that comes with it.
fn credential(object: &Value, read: fn(&Value) -> Credential, wrap: Wrap<Credential>) -> Answer {
    let mut found = read(object);
    if !is_pair(&found) {
        found = Credential {
            authorities: found.authorities,
            revoked: found.revoked,
            ..Credential::default()
        };
    }
    if found.is_empty() {
        return (None, Vec::new());
    }
    plain(object, |_| found.clone(), wrap)
}

/// Whether nothing shows that the key of a credential is not that of its certificate.
#[must_use]
pub fn is_pair(credential: &Credential) -> bool {
    weft_certificate::fits(&credential.certificate, &credential.key) != Some(false)
}

/// Reads and checks; errors refuse the object.
fn mesh<T: Read>(object: &Value, check: Check<T>, wrap: Wrap<T>) -> Answer {
    let (found, problems) = examine(object, check);
    let refused = problems.iter().any(Problem::is_error);
    ((!refused).then(|| wrap(Arc::new(found))), problems)
}

/// Reads and checks a kind that acts, though the mesh is not made of it.
fn examined<T: Read>(object: &Value, check: Check<T>) -> Answer {
    (None, examine(object, check).1)
}

/// Reads and checks a kind that is valid and that nothing acts on yet.
fn idle<T: Read>(object: &Value, check: Check<T>) -> Answer {
    let (_, mut problems) = examine(object, check);
    if !problems.iter().any(Problem::is_error) {
        let object = ObjectRef::of(object);
        problems.push(Problem {
            severity: Severity::Warning,
            code: code::NOT_HONOURED,
            what: format!("this version of Weft does not act on {} yet", object.kind),
            object,
            field: crate::problem::Field::default(),
            place: None,
            fix: "do not rely on it".into(),
        });
    }
    (None, problems)
}

/// Reads and checks; errors turn the object into one that denies.
fn closed<T: Read>(
    object: &Value,
    check: Check<T>,
    denying: fn(&Value) -> T,
    wrap: Wrap<T>,
) -> Answer {
    let (mut found, mut problems) = examine(object, check);
    if problems.iter().any(Problem::is_error) {
        found.spec = denying(object.get("spec").unwrap_or(&Value::Null));
        problems.push(Problem {
            severity: Severity::Warning,
            code: code::DENIES,
            object: ObjectRef::of(object),
            field: crate::problem::Field::default(),
            place: None,
            what: "until it can be read, this policy denies all that it could apply to".into(),
            fix: "correct the errors of this object".into(),
        });
    }
    (Some(wrap(Arc::new(found))), problems)
}

fn examine<T: Read>(object: &Value, check: Check<T>) -> (Object<T>, Vec<Problem>) {
    let meta = Metadata::of(object);
    let mut findings = Findings::new(ObjectRef::of(object));
    let mut reader = Reader::at("/spec");
    let nothing = Value::Object(serde_json::Map::new());
    let spec = object.get("spec").filter(|spec| !spec.is_null()).unwrap_or(&nothing);
    let spec = T::read(spec, &mut reader);
    let issues = reader.into_issues();
    let unreadable = !issues.is_empty();
    let read: Vec<String> = issues.iter().map(|issue| issue.pointer.clone()).collect();
    findings.unreadable(issues);
    names::check(object, &mut findings);
    findings.within("spec", |findings| check(&meta, &spec, findings));
    // What could not be read stands at its default; do not complain about that a second time.
    let mut problems = findings.into_problems(unreadable);
    // A field that is missing beside one that could not be read is probably the one that was meant.
    problems.retain(|problem| {
        let field = problem.field.0.as_str();
        let missing = !read.iter().any(|at| at == field) && object.pointer(field).is_none();
        !(missing && read.iter().any(|at| parent(at) == parent(field)))
    });
    (Object { meta, spec }, problems)
}

/// The pointer of what a field is in.
fn parent(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
}
