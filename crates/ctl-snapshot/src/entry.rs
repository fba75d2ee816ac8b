//! Services that ServiceEntries describe.
//!
//! In: ServiceEntries, oldest first. Out: one service per host and namespace.
//! Holds: several objects of a namespace for one host are one service with the ports of all; of two ports with one number
//! the older counts.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use weft_model::api::core::PortRef;
use weft_model::api::service_entry::{Location, Resolution as Written, ServiceEntry, ServicePort};
use weft_model::{Host, Object, Objects, Protocol};

use crate::{MeshSettings, Port, Preference, Service, Visibility, allocate};

/// How the addresses behind a service are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// They are listed.
    Listed,
    /// DNS, all addresses of the answer.
    Dns,
    /// DNS, one address of the answer.
    DnsRoundRobin,
    /// The address that the client called.
    Called,
    /// DNS, by the name that the client called.
    CalledName,
}

impl Resolution {
    /// Whether proxies look up names that they know beforehand.
    #[must_use]
    pub fn is_dns(self) -> bool {
        matches!(self, Self::Dns | Self::DnsRoundRobin)
    }

    fn of(written: Written) -> Self {
        match written {
            Written::Static => Self::Listed,
            Written::Dns => Self::Dns,
            Written::DnsRoundRobin => Self::DnsRoundRobin,
            Written::None => Self::Called,
            Written::DynamicDns => Self::CalledName,
        }
    }
}

/// What a service that is no Kubernetes Service was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Outside of the mesh.
    pub external: bool,
    /// Names that the server's certificate has.
    pub subject_alt_names: Vec<String>,
    /// The objects, oldest first.
    pub objects: Objects<ServiceEntry>,
}

/// The services of all entries, in the order of their age.
pub(crate) fn services(settings: &MeshSettings, entries: &Objects<ServiceEntry>) -> Vec<Service> {
    let mut found: Vec<Service> = Vec::new();
    let mut known: BTreeMap<(Host, String), usize> = BTreeMap::new();
    for object in entries {
        for host in &object.spec.hosts {
            let service = service(settings, object, Host::new(host));
            let key = (service.host.clone(), service.namespace.clone());
            match known.get(&key).and_then(|index| found.get_mut(*index)) {
                Some(older) => merge(older, service),
                None => {
                    known.insert(key, found.len());
                    found.push(service);
                }
            }
        }
    }
    allocate::addresses(&mut found);
    found
}

fn service(settings: &MeshSettings, object: &Arc<Object<ServiceEntry>>, host: Host) -> Service {
    let (meta, spec) = (&object.meta, &object.spec);
    let addresses = spec.addresses.iter().map(|written| of_range(written));
    let (addresses, ranges): (Vec<_>, Vec<_>) = addresses.partition(Result::is_ok);
    Service {
        name: host.to_string(),
        namespace: meta.namespace.clone(),
        host,
        addresses: addresses.into_iter().filter_map(Result::ok).collect(),
        allocated: None,
        ranges: ranges.into_iter().filter_map(Result::err).collect(),
        selector: spec.workload_selector.as_ref().map(|all| all.labels.clone()).unwrap_or_default(),
        ports: spec.ports.iter().filter_map(port).collect(),
        publish_not_ready: false,
        preference: Preference::of("", &meta.annotations),
        node_local: false,
        visibility: Visibility::of(&spec.export_to, &settings.exports.services, &meta.namespace),
        resolution: Resolution::of(spec.resolution),
        entry: Some(Entry {
            external: spec.location == Location::MeshExternal,
            subject_alt_names: spec.subject_alt_names.clone(),
            objects: vec![Arc::clone(object)],
        }),
        second: false,
        created: meta.created.clone(),
    }
}

fn merge(older: &mut Service, younger: Service) {
    let Service { ports, entry, addresses, ranges, .. } = younger;
    for port in ports {
        if older.port(port.number).is_none() {
            older.ports.push(port);
        }
    }
    older.addresses.extend(
        addresses.into_iter().filter(|ip| !older.addresses.contains(ip)).collect::<Vec<_>>(),
    );
    older
        .ranges
        .extend(ranges.into_iter().filter(|r| !older.ranges.contains(r)).collect::<Vec<_>>());
    if let (Some(older), Some(mut entry)) = (older.entry.as_mut(), entry) {
        older.objects.append(&mut entry.objects);
        older.subject_alt_names.append(&mut entry.subject_alt_names);
    }
}

/// An address, or the range as it is written; a range of one is its address.
fn of_range(written: &str) -> Result<IpAddr, String> {
    let (address, length) = written.split_once('/').unwrap_or((written, ""));
    let address: IpAddr = address.parse().map_err(|_why| written.to_owned())?;
    let whole = if address.is_ipv4() { "32" } else { "128" };
    if length.is_empty() || length == whole { Ok(address) } else { Err(written.to_owned()) }
}

fn port(port: &ServicePort) -> Option<Port> {
    let number = u16::try_from(port.number).ok()?;
    let target = u16::try_from(port.target_port).ok().filter(|target| *target != 0);
    // The name says nothing here, unlike that of a Service's port.
    let protocol = Protocol::parse(&port.protocol).unwrap_or(Protocol::Auto);
    (protocol != Protocol::Udp).then(|| Port {
        name: port.name.clone(),
        number,
        target: PortRef::Number(target.unwrap_or(number)),
        protocol,
        sni: speaks_tls(&port.protocol),
    })
}

fn speaks_tls(protocol: &str) -> bool {
    ["tls", "https"].iter().any(|name| protocol.eq_ignore_ascii_case(name))
}
