//! What is bound to a gateway, in the order in which its proxy asks.

use serde::Serialize;
use serde_json::Value;
use weft_model::ObjectRef;
use weft_proto::envoy::config::route::v3::route::Action;
use weft_proto::envoy::config::route::v3::route_action::ClusterSpecifier;
use weft_proto::envoy::config::route::v3::{Route, RouteAction};

use super::{GatewayAround, reference};
use crate::complete::namespace;
use crate::{Mesh, Origin, Proxy, Unclear, describe};

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BoundRoute {
    /// Hosts that it is for.
    pub hosts: Vec<String>,
    /// What it asks of requests.
    pub asks: String,
    /// Who wrote it: `KIND NAMESPACE/NAME`.
    pub object: String,
    /// Where it sends them, with weights where there are several.
    pub to: Vec<String>,
}

/// An object that names the gateway and is not served by it, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// `KIND NAMESPACE/NAME`.
    pub object: String,
    /// In one word.
    pub reason: String,
    /// In more words.
    pub message: String,
}

impl GatewayAround {
    /// Its routes: those of requests in precedence, then those of connections.
    ///
    /// # Errors
    /// When its proxy cannot be supposed.
    pub fn routes(&self, mesh: &Mesh) -> Result<Vec<BoundRoute>, Unclear> {
        let (space, name) = self.gateway.split_once('/').unwrap_or_default();
        let proxy = Proxy::find(mesh, &Origin::Gateway(name.to_owned(), space.to_owned()))?;
        let (mut found, attached) = (Vec::new(), self.attached(mesh));
        let configs = proxy.routes.iter().filter(|(name, _)| name.starts_with("http"));
        for host in configs.flat_map(|(_, config)| &config.virtual_hosts) {
            for route in &host.routes {
                let Some(object) = self.author(mesh, route, &attached) else { continue };
                let asks = asks(route);
                let to = to(route);
                let bound = BoundRoute { hosts: host.domains.clone(), asks, object, to };
                if !found.contains(&bound) {
                    found.push(bound);
                }
            }
        }
        found.extend(self.streams(mesh));
        Ok(found)
    }

    /// Who wrote a route, when it is bound to this gateway.
    fn author(&self, mesh: &Mesh, route: &Route, attached: &[ObjectRef]) -> Option<String> {
        let from = describe::objects(route.metadata.as_ref()).into_iter().next()?;
        let bound = if self.is_istio() {
            let written = mesh.objects().iter().find(|one| ObjectRef::of(one) == from)?;
            self.is_named_by(written)
        } else {
            attached.iter().any(|one| one.namespace == from.namespace && one.name == from.name)
        };
        bound.then(|| from.to_string())
    }

    /// Routes of the Gateway API that it, or a set of listeners of it, took.
    fn attached(&self, mesh: &Mesh) -> Vec<ObjectRef> {
        if self.is_istio() {
            return Vec::new();
        }
        let judged = mesh.judged();
        let own = reference(&self.group, "Gateway", &self.gateway);
        let sets = judged.sets.added.get(&own).cloned().unwrap_or_default();
        let is_own = |owner: &ObjectRef| *owner == own || sets.contains(owner);
        let taken = judged.routes.iter().filter(|route| {
            route.parents.iter().any(|parent| is_own(&parent.owner) && parent.accepted.yes)
        });
        taken.map(|route| route.name.clone()).collect()
    }

    /// Whether a VirtualService is bound to it.
    fn is_named_by(&self, service: &Value) -> bool {
        let names = service["spec"]["gateways"].as_array().into_iter().flatten();
        let full = |name: &str| match name.contains('/') {
            true => name.to_owned(),
            false => format!("{}/{name}", namespace(service)),
        };
        names.filter_map(Value::as_str).any(|name| full(name) == self.gateway)
    }

    /// Routes of connections: TLS by server name, and bytes.
    fn streams(&self, mesh: &Mesh) -> Vec<BoundRoute> {
        if !self.is_istio() {
            return self.attached_streams(mesh);
        }
        let bound = mesh
            .objects()
            .iter()
            .filter(|object| object["kind"] == "VirtualService" && self.is_named_by(object));
        let mut found = Vec::new();
        for service in bound {
            let object = ObjectRef::of(service).to_string();
            for kind in ["tls", "tcp"] {
                for route in service["spec"][kind].as_array().into_iter().flatten() {
                    let matches = route["match"].as_array().into_iter().flatten();
                    let names = matches.flat_map(|one| texts(&one["sniHosts"]));
                    let names: Vec<String> = names.collect();
                    let hosts =
                        if names.is_empty() { texts(&service["spec"]["hosts"]) } else { names };
                    let to = route["route"].as_array().into_iter().flatten();
                    let to = to.map(|one| destination(&one["destination"])).collect();
                    let asks = if kind == "tls" { "TLS by server name" } else { "bytes" };
                    found.push(BoundRoute {
                        hosts,
                        asks: asks.to_owned(),
                        object: object.clone(),
                        to,
                    });
                }
            }
        }
        found
    }

    fn attached_streams(&self, mesh: &Mesh) -> Vec<BoundRoute> {
        let judged = mesh.judged();
        let own = reference(&self.group, "Gateway", &self.gateway);
        let stream = |kind: &str| matches!(kind, "TLSRoute" | "TCPRoute");
        let routes = judged.routes.iter().filter(|route| {
            stream(&route.name.kind)
                && route.parents.iter().any(|parent| parent.owner == own && parent.accepted.yes)
        });
        let found = routes.map(|route| {
            let written = judged.mesh.named(&route.name);
            let rules =
                written.and_then(|one| one["spec"]["rules"].as_array()).into_iter().flatten();
            let backends = rules.filter_map(|rule| rule["backendRefs"].as_array()).flatten();
            let to = backends
                .map(|one| format!("{}:{}", one["name"].as_str().unwrap_or_default(), one["port"]));
            let is_tls = route.name.kind == "TLSRoute";
            BoundRoute {
                hosts: written.map(|one| texts(&one["spec"]["hostnames"])).unwrap_or_default(),
                asks: if is_tls { "TLS by server name" } else { "bytes" }.to_owned(),
                object: route.name.to_string(),
                to: to.collect(),
            }
        });
        found.collect()
    }

    /// Objects that name it and that it does not serve, or not with all that they name.
    #[must_use]
    pub fn rejected(&self, mesh: &Mesh) -> Vec<Rejected> {
        let own = reference(&self.group, "Gateway", &self.gateway);
        let judged = mesh.judged();
        let mut found = Vec::new();
        for route in &judged.routes {
            for parent in route.parents.iter().filter(|parent| parent.owner == own) {
                for words in [&parent.accepted, &route.resolved] {
                    if !words.yes {
                        let (reason, message) = (words.reason.to_owned(), words.message.clone());
                        found.push(Rejected { object: route.name.to_string(), reason, message });
                    }
                }
            }
        }
        found.dedup();
        found
    }
}

fn texts(written: &Value) -> Vec<String> {
    let all = written.as_array().into_iter().flatten();
    all.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn destination(written: &Value) -> String {
    let host = written["host"].as_str().unwrap_or_default();
    let port = written["port"]["number"].as_u64().map(|port| format!(":{port}"));
    let subset = written["subset"].as_str().map(|subset| format!(" subset {subset}"));
    format!("{host}{}{}", port.unwrap_or_default(), subset.unwrap_or_default())
}

fn asks(route: &Route) -> String {
    use weft_proto::envoy::config::route::v3::route_match::PathSpecifier;
    let Some(wanted) = &route.r#match else { return "everything".to_owned() };
    let path = match &wanted.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) => format!("{prefix}*"),
        Some(PathSpecifier::Path(path)) => path.clone(),
        Some(PathSpecifier::PathSeparatedPrefix(prefix)) => format!("{prefix}[/*]"),
        Some(PathSpecifier::SafeRegex(regex)) => format!("~{}", regex.regex),
        _ => "CONNECT".to_owned(),
    };
    let fields = wanted.headers.iter().map(|one| one.name.clone());
    let parameters = wanted.query_parameters.iter().map(|one| format!("?{}", one.name));
    let more: Vec<String> = fields.chain(parameters).collect();
    if more.is_empty() { path } else { format!("{path} with {}", more.join(", ")) }
}

fn to(route: &Route) -> Vec<String> {
    match &route.action {
        Some(Action::Route(action)) => clusters(action),
        Some(Action::Redirect(_)) => vec!["a redirect".to_owned()],
        Some(Action::DirectResponse(answer)) => vec![format!("answer {}", answer.status)],
        _ => Vec::new(),
    }
}

fn clusters(action: &RouteAction) -> Vec<String> {
    match &action.cluster_specifier {
        Some(ClusterSpecifier::Cluster(name)) => vec![readable(name)],
        Some(ClusterSpecifier::WeightedClusters(all)) => {
            let weight = |one: &Option<_>| {
                one.as_ref()
                    .map_or(0, |weight: &weft_proto::google::protobuf::UInt32Value| weight.value)
            };
            let each = all.clusters.iter();
            each.map(|one| format!("{} weight {}", readable(&one.name), weight(&one.weight)))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// `outbound|80|v1|web.shop.svc.cluster.local` as people write it.
fn readable(cluster: &str) -> String {
    match *cluster.split('|').collect::<Vec<_>>().as_slice() {
        ["outbound", port, "", host, ..] => format!("{host}:{port}"),
        ["outbound", port, subset, host, ..] => format!("{host}:{port} subset {subset}"),
        _ => cluster.to_owned(),
    }
}
