//! Resources of the proxies of a mesh, as JSON.

use ctl_snapshot::MeshSnapshot;
use ctl_translate::{Resources, translate, view_of};
use serde_json::Value;
use weft_proto::ads::Any;
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::type_url;

use crate::fixture::{Mesh, Pod};

impl Pod {
    pub(crate) fn node(&self) -> Node {
        let Self { name, namespace, ip, gateway } = self;
        let kind = if *gateway { "router" } else { "sidecar" };
        let id = format!("{kind}~{ip}~{name}.{namespace}~{namespace}.svc.cluster.local");
        Node { id, ..Node::default() }
    }
}

/// What one proxy gets.
pub(crate) struct Served(pub(crate) Resources);

impl Mesh {
    /// What the proxy of a workload gets, which is named `DEPLOYMENT.NAMESPACE`.
    #[track_caller]
    pub(crate) fn served(&self, workload: &str) -> Served {
        self.served_from(&self.snapshot(), workload)
    }

    #[track_caller]
    pub(crate) fn served_from(&self, snapshot: &MeshSnapshot, workload: &str) -> Served {
        let (name, namespace) = workload.split_once('.').unwrap();
        let found = self
            .proxies()
            .into_iter()
            .find(|pod| pod.namespace == namespace && pod.name == format!("{name}-0"));
        let pod = found.unwrap_or_else(|| panic!("{workload} has no proxy"));
        Served(translate(snapshot, &view_of(snapshot, &pod.node())))
    }
}

impl Served {
    fn find(&self, kind: &str, name: &str) -> Option<Value> {
        let found = self.0.of(kind).iter().find(|resource| &*resource.name == name)?;
        let any = Any { type_url: kind.into(), value: found.body.clone() };
        Some(weft_proto::json::to_json(&any))
    }

    #[track_caller]
    fn get(&self, kind: &str, name: &str) -> Value {
        let names = || self.names(kind).join(", ");
        self.find(kind, name).unwrap_or_else(|| panic!("no {name} among {}", names()))
    }

    pub(crate) fn names(&self, kind: &str) -> Vec<&str> {
        self.0.of(kind).iter().map(|resource| &*resource.name).collect()
    }

    pub(crate) fn clusters(&self) -> Vec<&str> {
        self.names(type_url::CLUSTER)
    }

    #[track_caller]
    pub(crate) fn cluster(&self, name: &str) -> Value {
        self.get(type_url::CLUSTER, name)
    }

    #[track_caller]
    pub(crate) fn listener(&self, name: &str) -> Value {
        self.get(type_url::LISTENER, name)
    }

    #[track_caller]
    pub(crate) fn routes(&self, name: &str) -> Value {
        self.get(type_url::ROUTE, name)
    }

    /// A virtual host of a route configuration.
    #[track_caller]
    pub(crate) fn host(&self, routes: &str, host: &str) -> Value {
        let found = self.routes(routes);
        let hosts = found["virtual_hosts"].as_array().unwrap();
        let named = hosts.iter().find(|candidate| candidate["name"] == host);
        named.unwrap_or_else(|| panic!("no {host} in {found:#}")).clone()
    }

    pub(crate) fn has_host(&self, routes: &str, host: &str) -> bool {
        let found = self.find(type_url::ROUTE, routes).unwrap_or_default();
        let hosts = found["virtual_hosts"].as_array().cloned().unwrap_or_default();
        hosts.iter().any(|candidate| candidate["name"] == host)
    }

    #[track_caller]
    pub(crate) fn assignment(&self, name: &str) -> Value {
        self.get(type_url::ENDPOINTS, name)
    }

    /// Addresses of an assignment, `IP:PORT`.
    #[track_caller]
    pub(crate) fn endpoints(&self, name: &str) -> Vec<String> {
        let found = self.assignment(name);
        let groups = found["endpoints"].as_array().cloned().unwrap_or_default();
        let all = groups.iter().flat_map(|group| group["lb_endpoints"].as_array().unwrap());
        all.map(|endpoint| {
            let socket = &endpoint["endpoint"]["address"]["socket_address"];
            format!("{}:{}", socket["address"].as_str().unwrap(), socket["port_value"])
        })
        .collect()
    }
}
