//! What `weft mtls` is told: callers beside what configuration says of every port.
//!
//! In: the mesh, the memory. Out: one entry for each workload that has a proxy.
//! Holds: a port is listed when a service, a policy or a caller names it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctl_snapshot::{MeshSnapshot, Mtls, Service};
use weft_admin_api::mtls::{Breaking, Caller, Mode, MtlsReport, Port, Workload};
use weft_model::Object;
use weft_model::api::core::{Pod, PortRef};
use weft_model::api::peer_authentication::{Mode as Written, PeerAuthentication};
use weft_model::api::traffic_policy::ClientTlsMode;

use crate::memory::{Memory, Watched};
use crate::origin;

/// Reports come more often than this.
const LATELY: u64 = 60_000;
const BYPASSING: &str = "traffic.sidecar.istio.io/excludeInboundPorts";

pub(crate) fn of(
    mesh: &MeshSnapshot,
    gateways: &BTreeSet<String>,
    memory: &Memory,
    now: u64,
) -> MtlsReport {
    let mut pods: BTreeMap<(&str, &str), BTreeMap<&str, &Object<Pod>>> = BTreeMap::new();
    for pod in mesh.workloads().pods() {
        let (namespace, name) = (pod.meta.namespace.as_str(), pod.meta.name.as_str());
        if !gateways.contains(&format!("{name}.{namespace}")) {
            pods.entry((namespace, origin::workload(pod))).or_default().insert(name, pod);
        }
    }
    let workloads = pods.into_iter().filter_map(|((namespace, name), pods)| {
        let (meshed, without): (Vec<_>, Vec<_>) =
            pods.into_values().partition(|pod| origin::meshed(pod));
        let one = One { mesh, namespace, pods: &meshed, first: meshed.first()? };
        let known = memory.0.get(&format!("{namespace}/{name}"));
        let without_proxy = without.iter().map(|pod| pod.meta.name.clone()).collect();
        Some(Workload { name: name.to_owned(), without_proxy, ..one.told(known, now) })
    });
    MtlsReport { now, workloads: workloads.collect() }
}

/// One workload.
struct One<'a> {
    mesh: &'a MeshSnapshot,
    namespace: &'a str,
    /// With a proxy.
    pods: &'a [&'a Object<Pod>],
    /// Stands for all of them.
    first: &'a Object<Pod>,
}

impl<'a> One<'a> {
    fn told(&self, known: Option<&Watched>, now: u64) -> Workload {
        let names: Vec<String> = self.pods.iter().map(|pod| pod.meta.name.clone()).collect();
        let heard = |pod: &String| known.and_then(|known| known.pods.get(pod).copied());
        let late =
            |pod: &&String| heard(pod).is_none_or(|heard| now.saturating_sub(heard) > LATELY);
        let unheard = names.iter().filter(late).cloned().collect();
        let oldest: Option<Vec<u64>> = names.iter().map(heard).collect();
        let bypassing = self.first.meta.annotations.get(BYPASSING).cloned().unwrap_or_default();
        Workload {
            namespace: self.namespace.to_owned(),
            name: String::new(),
            unheard,
            without_proxy: Vec::new(),
            since: known.map(|known| known.since),
            heard: oldest.and_then(|all| all.into_iter().min()),
            mode: self.mode(0),
            ports: self.ports(known),
            own_policy: self.policies().find(|one| selects(one)).map(named),
            breaking: self.breaking(),
            bypassing,
            pods: names,
        }
    }

    fn policies(&self) -> impl Iterator<Item = &'a Arc<Object<PeerAuthentication>>> {
        self.mesh.config().peer_authentications(self.namespace, &self.first.meta.labels)
    }

    /// Services that lead to it.
    fn services(&self) -> impl Iterator<Item = &'a Arc<Service>> {
        let (namespace, labels) = (self.namespace, &self.first.meta.labels);
        let local = self.mesh.config().services_in(namespace);
        local.filter(move |service| service.selects(namespace, labels))
    }

    fn target(&self, port: &PortRef) -> Option<u16> {
        match port {
            PortRef::Number(number) => Some(*number),
            PortRef::Name(name) => self.first.spec.ports.get(name).copied(),
        }
    }

    /// Of a port; 0 is none, so that only what is said of all ports counts.
    fn mode(&self, port: u16) -> Mode {
        match self.mesh.config().mtls(self.namespace, &self.first.meta.labels, port) {
            Mtls::Disable => Mode::Disable,
            Mtls::Permissive => Mode::Permissive,
            Mtls::Strict => Mode::Strict,
        }
    }

    fn ports(&self, known: Option<&Watched>) -> Vec<Port> {
        let config = self.mesh.config();
        let of_services = self.services().flat_map(|service| &service.ports);
        let mut numbers: BTreeSet<u16> =
            of_services.filter_map(|port| self.target(&port.target)).collect();
        numbers.extend(config.mtls_ports(self.namespace, &self.first.meta.labels));
        numbers.extend(known.into_iter().flat_map(|known| known.ports.keys()));
        let told = |port: u16| {
            let from = self.policies().find(|policy| decides(policy, port)).map(named);
            let seen = known.and_then(|known| known.ports.get(&port)).cloned().unwrap_or_default();
            let mut callers: Vec<Caller> = seen.callers.into_values().collect();
            callers.sort_by_key(|caller| std::cmp::Reverse(caller.last));
            Port {
                port,
                mode: self.mode(port),
                from: from.unwrap_or_default(),
                callers,
                forgotten: seen.forgotten,
                secured: seen.secured,
                secured_last: seen.secured_last,
            }
        };
        numbers.into_iter().map(told).collect()
    }

    fn breaking(&self) -> Vec<Breaking> {
        let mut found = BTreeSet::new();
        for service in self.services() {
            for rule in self.mesh.config().rules(service) {
                let whole = service.ports.iter().map(|port| rule.policy_of(port.number, None));
                let parts = service.ports.iter().flat_map(|port| {
                    rule.subsets.iter().map(move |part| rule.policy_of(port.number, Some(part)))
                });
                let modes = whole.chain(parts).filter_map(|policy| Some(policy.tls?.mode));
                let modes = modes.filter(|mode| *mode != ClientTlsMode::IstioMutual);
                found.extend(modes.map(|mode| Breaking {
                    rule: format!("{}/{}", rule.name.0, rule.name.1),
                    host: service.host.to_string(),
                    mode: mode_name(mode).to_owned(),
                }));
            }
        }
        found.into_iter().collect()
    }
}

fn mode_name(mode: ClientTlsMode) -> &'static str {
    match mode {
        ClientTlsMode::Disable => "DISABLE",
        ClientTlsMode::Simple => "SIMPLE",
        ClientTlsMode::Mutual => "MUTUAL",
        ClientTlsMode::IstioMutual => "ISTIO_MUTUAL",
    }
}

fn named(policy: &Arc<Object<PeerAuthentication>>) -> String {
    format!("{}/{}", policy.meta.namespace, policy.meta.name)
}

fn selects(policy: &Object<PeerAuthentication>) -> bool {
    policy.spec.selector.as_ref().is_some_and(|selector| !selector.match_labels.is_empty())
}

/// Whether it is the policy that says what a port takes, where no nearer one does.
fn decides(policy: &Object<PeerAuthentication>, port: u16) -> bool {
    let spec = &policy.spec;
    let by_port = spec.port_level_mtls.as_ref().and_then(|ports| ports.get(&port.to_string()));
    let by_port = by_port.filter(|_| selects(policy));
    by_port.into_iter().chain(&spec.mtls).any(|mtls| mtls.mode != Written::Unset)
}

#[cfg(test)]
mod tests;
