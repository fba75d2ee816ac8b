//! What a Sidecar lets its workloads know, and open.
//!
//! Holds: a Sidecar that selects a workload comes before its namespace's, and that before the one of the root namespace.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use weft_model::api::reference::Destination;
use weft_model::api::sidecar::{CaptureMode, Egress, OutboundMode, Sidecar};
use weft_model::{HostPattern, Object, Objects, Protocol};

use crate::{Service, UnknownDestinations, all_in};

/// Hosts of some namespaces.
#[derive(Debug, Clone, PartialEq)]
struct Import {
    /// `None` for every namespace.
    namespace: Option<String>,
    host: HostPattern,
}

/// The services of one egress listener.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// Its port, and what is spoken there; `None` for the listener of all other services.
    pub port: Option<(u16, Protocol)>,
    /// It is an HTTP proxy for its applications: requests may be for any port of its services.
    pub forward: bool,
    /// Address that it listens on, when it is not that of the services.
    pub bind: Option<String>,
    /// Applications connect to it; nothing is captured for it.
    pub bound: bool,
    imports: Vec<Import>,
}

/// A Sidecar, as a client of a namespace sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// The object.
    pub object: Arc<Object<Sidecar>>,
    /// Egress listeners, those with a port first; one of everything where none are written.
    pub reaches: Vec<Reach>,
    /// What happens to unknown destinations, when it says so.
    pub unknown: Option<UnknownDestinations>,
    /// Where they are sent, when they are let through.
    pub egress_proxy: Option<Destination>,
}

impl Reach {
    /// `None` for a unix socket, which is told of when the object is checked.
    fn of(written: &Egress, namespace: &str) -> Option<Self> {
        if written.bind.starts_with("unix://") {
            return None;
        }
        let imports = written.hosts.iter().filter_map(|text| {
            let (place, host) = text.split_once('/')?;
            let host = HostPattern::new(host);
            match place {
                "~" => None,
                "*" => Some(Import { namespace: None, host }),
                "." => Some(Import { namespace: Some(namespace.to_owned()), host }),
                other => Some(Import { namespace: Some(other.to_owned()), host }),
            }
        });
        let port = written.port.as_ref().and_then(|port| {
            let number = u16::try_from(port.number).ok().filter(|number| *number != 0)?;
            Some((number, Protocol::parse(&port.protocol).unwrap_or(Protocol::Auto)))
        });
        let spoken = written.port.as_ref().map(|port| port.protocol.as_str());
        let forward = spoken.is_some_and(|name| name.eq_ignore_ascii_case("HTTP_PROXY"));
        let bound = written.capture_mode == CaptureMode::None;
        let bind = match written.bind.as_str() {
            "" => bound.then(|| "127.0.0.1".to_owned()),
            address => Some(address.to_owned()),
        };
        Some(Self { port, forward, bind, bound, imports: imports.collect() })
    }

    /// The one listener of a workload without a Sidecar.
    #[must_use]
    pub fn everything() -> Self {
        let imports = vec![Import { namespace: None, host: HostPattern::new("*") }];
        Self { port: None, forward: false, bind: None, bound: false, imports }
    }

    /// Whether it names a host of a namespace.
    #[must_use]
    pub fn names(&self, namespace: &str, host: &str) -> bool {
        // Most services are of other namespaces, or every host is meant; only for the rest the host is read.
        let wanted = OnceCell::new();
        self.imports.iter().any(|import| {
            import.namespace.as_ref().is_none_or(|own| own == namespace)
                && (import.host.is_every()
                    || import.host.covers(wanted.get_or_init(|| HostPattern::new(host))))
        })
    }

    /// Whether it names a service, and has a port of it.
    #[must_use]
    pub fn has(&self, service: &Service) -> bool {
        let open = |(number, _)| self.forward || service.port(number).is_some();
        self.port.is_none_or(open) && self.names(&service.namespace, service.host.as_str())
    }

    /// Whether another name of a service is imported with it: by an import that names the service, those of its namespace
    /// before those of every namespace.
    #[must_use]
    pub fn names_alias(&self, service: &Service, alias: &str) -> bool {
        let covered = |place: Option<&str>, host: &str| {
            let host = HostPattern::new(host);
            let mut all = self.imports.iter();
            all.any(|import| import.namespace.as_deref() == place && import.host.covers(&host))
        };
        let own = Some(service.namespace.as_str());
        let place = own.filter(|_| covered(own, service.host.as_str()));
        covered(place, alias)
    }

    /// Whether some host of a namespace's VirtualService is meant.
    #[must_use]
    pub fn meets(&self, namespace: &str, host: &HostPattern) -> bool {
        self.imports.iter().any(|import| {
            import.namespace.as_ref().is_none_or(|own| own == namespace)
                && import.host.intersection(host).is_some()
        })
    }
}

impl Scope {
    fn of(object: &Arc<Object<Sidecar>>, namespace: &str) -> Self {
        let spec = &object.spec;
        let mut reaches: Vec<Reach> =
            spec.egress.iter().filter_map(|written| Reach::of(written, namespace)).collect();
        if spec.egress.is_empty() {
            reaches.push(Reach::everything());
        }
        reaches.sort_by_key(|reach| reach.port.is_none());
        let unknown = spec.outbound_traffic_policy.as_ref().map(|policy| match policy.mode {
            OutboundMode::AllowAny => UnknownDestinations::Allowed,
            OutboundMode::RegistryOnly => UnknownDestinations::Refused,
        });
        let proxy = spec.outbound_traffic_policy.as_ref();
        let egress_proxy = proxy.and_then(|policy| policy.egress_proxy.clone());
        Self { object: Arc::clone(object), reaches, unknown, egress_proxy }
    }
}

/// All Sidecars, by namespace, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Sidecars {
    root: String,
    by_namespace: HashMap<String, Objects<Sidecar>>,
}

impl Sidecars {
    pub(crate) fn build(sidecars: &Objects<Sidecar>, root: &str) -> Self {
        let mut found = Self { root: root.to_owned(), ..Self::default() };
        for object in sidecars {
            let place = object.meta.namespace.clone();
            found.by_namespace.entry(place).or_default().push(Arc::clone(object));
        }
        found
    }

    /// Whether these are the very same objects.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.root == other.root && all_in(&self.by_namespace, &other.by_namespace)
    }

    /// The one that holds for a workload.
    pub(crate) fn of(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Option<&Arc<Object<Sidecar>>> {
        let at = |place: &str| self.by_namespace.get(place).into_iter().flatten();
        let own = at(namespace).find(|object| {
            let wanted = wanted(object);
            wanted.is_some_and(|all| all.iter().all(|(key, value)| labels.get(key) == Some(value)))
        });
        let whole = || at(namespace).find(|object| wanted(object).is_none());
        let mesh = || at(&self.root).find(|object| wanted(object).is_none());
        own.or_else(whole).or_else(mesh)
    }

    /// The scope that an object of a name gives to clients of a namespace.
    pub(crate) fn scope(&self, (place, name): &(String, String), namespace: &str) -> Option<Scope> {
        let mut all = self.by_namespace.get(place).into_iter().flatten();
        let object = all.find(|object| object.meta.name == *name)?;
        Some(Scope::of(object, namespace))
    }
}

/// Labels that it asks for; `None` when it is for a whole namespace.
pub(crate) fn wanted(object: &Object<Sidecar>) -> Option<&BTreeMap<String, String>> {
    let selector = object.spec.workload_selector.as_ref();
    selector.map(|selector| &selector.labels).filter(|labels| !labels.is_empty())
}
