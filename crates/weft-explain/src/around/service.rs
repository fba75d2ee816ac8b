//! Which objects act on calls to a service.
//! In: a service, the namespace of its clients. Out: rules, routes, pods. Holds: visibility and precedence are the snapshot's.

use std::collections::BTreeMap;

use ctl_snapshot::{Client, Service};
use serde::Serialize;
use serde_json::Value;
use weft_model::api::virtual_service::{HttpDestination, VirtualService};
use weft_model::{HostPattern, Object, ObjectRef, expand};
use weft_types::similar;

use super::reference;
use crate::{Mesh, Unclear};

/// What acts on calls to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceAround {
    /// `NAMESPACE/NAME`.
    pub service: String,
    /// Its full name.
    pub host: String,
    /// Numbers that clients use.
    pub ports: Vec<u16>,
    /// Names of the pods that it selects.
    pub pods: Vec<String>,
    /// The DestinationRule, in one or more parts.
    pub rules: Option<Rules>,
    /// VirtualServices that clients see, in precedence.
    pub routes: Vec<Route>,
}

/// The DestinationRules of one namespace, which act as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// `NAMESPACE/NAME` of each.
    pub objects: Vec<String>,
    /// It has a policy for the whole host.
    pub policy: bool,
    /// Parts of the service's pods.
    pub subsets: Vec<Subset>,
}

/// A subset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subset {
    /// Its name.
    pub name: String,
    /// Labels that its pods have.
    pub labels: BTreeMap<String, String>,
    /// Names of the pods of the service that have them.
    pub pods: Vec<String>,
}

/// A VirtualService.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// `NAMESPACE/NAME`.
    pub object: String,
    /// It says where calls of sidecars to the service go.
    pub takes: bool,
    /// Of these hosts it sends calls to the service: all of its own.
    pub hosts: Vec<String>,
    /// Where it acts; `mesh` for all sidecars.
    pub gateways: Vec<String>,
    /// What it sends to the service: subset and share of each destination.
    pub sends: Vec<String>,
}

impl ServiceAround {
    /// What acts on calls to a service, as clients of its own namespace have it, or of another.
    ///
    /// # Errors
    /// When the mesh has no such service.
    pub fn of(
        mesh: &Mesh,
        name: &str,
        namespace: &str,
        clients: Option<&str>,
    ) -> Result<Self, Unclear> {
        let config = mesh.snapshot().config();
        let found = config.services_in(namespace).find(|service| service.name == name);
        let Some(service) = found else {
            let what = format!("there is no service {name} in namespace {namespace}");
            let all = config.services().map(|one| format!("{}.{}", one.name, one.namespace));
            let names: Vec<String> = all.collect();
            let asked = format!("{name}.{namespace}");
            let fix = match similar(&asked, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => "kubectl get services,serviceentries -A lists all".to_owned(),
            };
            return Err(Unclear::new(what, fix));
        };
        Ok(Self::about(mesh, service, clients.unwrap_or(namespace)))
    }

    pub(super) fn about(mesh: &Mesh, service: &Service, clients: &str) -> Self {
        let (config, none) = (mesh.snapshot().config(), BTreeMap::new());
        let client = Client { namespace: clients, labels: &none };
        let own: Vec<&Value> = pods(mesh, service).collect();
        let rules = config.rule(client, service).map(|rule| Rules {
            objects: rule.parts.iter().map(|name| format!("{}/{name}", rule.name.0)).collect(),
            policy: rule.policy.is_some(),
            subsets: rule.subsets.iter().map(|subset| self::subset(subset, &own)).collect(),
        });
        let domain = &mesh.snapshot().settings().domain;
        let routes = config.virtual_services_for(clients);
        Self {
            service: format!("{}/{}", service.namespace, service.name),
            host: service.host.to_string(),
            ports: service.ports.iter().map(|port| port.number).collect(),
            pods: own.iter().map(|pod| name(pod)).collect(),
            rules,
            routes: routes.filter_map(|object| route(object, service, domain)).collect(),
        }
    }

    /// The objects of it that somebody wrote, itself among them.
    pub fn objects(&self) -> Vec<ObjectRef> {
        let mut all = vec![reference("", "Service", &self.service)];
        all.push(reference("networking.istio.io", "ServiceEntry", &self.service));
        let rules = self.rules.iter().flat_map(|rules| &rules.objects);
        all.extend(rules.map(|one| reference("networking.istio.io", "DestinationRule", one)));
        let routes = self.routes.iter().map(|route| &route.object);
        all.extend(routes.map(|one| reference("networking.istio.io", "VirtualService", one)));
        all
    }
}

/// Whether a selector means pods with such labels; one without any means none.
pub(super) fn selects(
    selector: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn pods<'a>(mesh: &'a Mesh, service: &'a Service) -> impl Iterator<Item = &'a Value> {
    mesh.objects().iter().filter(|object| {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
        object["kind"] == "Pod"
            && namespace == service.namespace
            && !service.selector.is_empty()
            && has(object, &service.selector)
    })
}

fn has(pod: &Value, labels: &BTreeMap<String, String>) -> bool {
    let own = &pod["metadata"]["labels"];
    labels.iter().all(|(key, value)| own[key].as_str() == Some(value))
}

fn name(pod: &Value) -> String {
    pod["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

fn subset(subset: &ctl_snapshot::Subset, pods: &[&Value]) -> Subset {
    let own = pods.iter().filter(|pod| has(pod, &subset.labels));
    Subset {
        name: subset.name.clone(),
        labels: subset.labels.clone(),
        pods: own.map(|pod| name(pod)).collect(),
    }
}

/// A VirtualService, if it has to do with a service.
fn route(object: &Object<VirtualService>, service: &Service, domain: &str) -> Option<Route> {
    let (namespace, spec) = (&object.meta.namespace, &object.spec);
    let full = |host: &str| expand(host, namespace, domain);
    let host = service.host.to_string();
    let takes = |text: &String| HostPattern::new(&full(text).to_string()).matches(&host);
    let at_sidecars = spec.gateways.is_empty() || spec.gateways.iter().any(|one| one == "mesh");
    let takes = at_sidecars && spec.hosts.iter().any(takes);
    let destinations = spec.http.iter().flat_map(|route| &route.route);
    let here = destinations.filter_map(|one| share(one, |text| full(text) == service.host));
    let sends: Vec<String> = here.collect();
    let tls = spec.tls.iter().flat_map(|route| &route.route);
    let tcp = spec.tcp.iter().flat_map(|route| &route.route);
    let bytes = tls.chain(tcp).filter_map(|one| one.destination.as_ref());
    let bytes = bytes.filter(|to| full(&to.host) == service.host);
    let sends: Vec<String> = sends.into_iter().chain(bytes.map(|to| part(&to.subset))).collect();
    (takes || !sends.is_empty()).then(|| Route {
        object: format!("{namespace}/{}", object.meta.name),
        takes,
        hosts: spec.hosts.clone(),
        gateways: if spec.gateways.is_empty() {
            vec!["mesh".to_owned()]
        } else {
            spec.gateways.clone()
        },
        sends,
    })
}

fn share(one: &HttpDestination, is_it: impl Fn(&str) -> bool) -> Option<String> {
    let to = one.destination.as_ref().filter(|to| is_it(&to.host))?;
    Some(match one.weight {
        0 => part(&to.subset),
        weight => format!("{}, weight {weight}", part(&to.subset)),
    })
}

fn part(subset: &str) -> String {
    if subset.is_empty() { "all pods".to_owned() } else { format!("subset {subset}") }
}
