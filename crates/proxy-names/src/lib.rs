//! Answers what an application asks its DNS server, from the names that the mesh knows.
//!
//! In: a [`NameTable`], where the pod is, and a question's bytes. Out: the answer's bytes, or that the pod's own name
//! server must be asked.
//! Holds: a host of the mesh is never asked for outside, also not for an address family that it does not have; whatever is
//! not a host of the mesh, and every question that is not for addresses, goes on unchanged.
//! Never: I/O, clocks, randomness; the turn that rotates addresses is passed in.
//! Why ends of names are tried here: a resolver asks for `db.example.com.shop.svc.cluster.local` before it asks for
//! `db.example.com`, and each such question would be a walk to the cluster's DNS (Istio's agent answers so, too).

mod answer;
mod place;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use proxy_config::names::NameTable;

pub use answer::{Answer, answer, failed, truncated};
pub use place::{Place, Resolver};

/// A compiled table.
#[derive(Debug, Default)]
pub struct Names {
    hosts: HashMap<String, Arc<[IpAddr]>>,
    /// Ends that a resolver puts behind names.
    search: Vec<String>,
}

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
struct Found<'a> {
    /// The host, when the question's name had something behind it.
    alias_of: Option<&'a str>,
    addresses: &'a [IpAddr],
}

impl Names {
    /// Compiles. Kubernetes Services are also known as `NAME.NAMESPACE` and `NAME.NAMESPACE.svc`, and in their own
    /// namespace as `NAME`.
    #[must_use]
    pub fn compile(table: &NameTable, place: &Place) -> Self {
        let mut hosts: HashMap<String, Arc<[IpAddr]>> = HashMap::new();
        for (host, named) in &table.hosts {
            let addresses: Arc<[IpAddr]> = named.addresses.as_slice().into();
            let (short, namespace) = (&named.short, &named.namespace);
            if !short.is_empty() {
                let own = (*namespace == place.namespace).then(|| short.clone());
                let more = [format!("{short}.{namespace}"), format!("{short}.{namespace}.svc")];
                for name in own.into_iter().chain(more) {
                    // What somebody named in full counts before what follows from a Service.
                    if !table.hosts.contains_key(&name) {
                        hosts.insert(name, Arc::clone(&addresses));
                    }
                }
            }
            hosts.insert(host.clone(), addresses);
        }
        Self { hosts, search: place.search.clone() }
    }

    /// Finds a name, which is lower-case and without the final dot.
    fn find<'a>(&'a self, name: &'a str) -> Option<Found<'a>> {
        if let Some(addresses) = self.host(name) {
            return Some(Found { alias_of: None, addresses });
        }
        self.search.iter().find_map(|end| {
            let host = name.strip_suffix(end.as_str())?.strip_suffix('.')?;
            Some(Found { alias_of: Some(host), addresses: self.host(host)? })
        })
    }

    /// The host itself, or the longest wildcard that it is under.
    fn host(&self, name: &str) -> Option<&[IpAddr]> {
        if let Some(addresses) = self.hosts.get(name) {
            return Some(addresses);
        }
        let ends = name.match_indices('.').map(|(at, _)| &name[at..]);
        let mut found = ends.filter_map(|end| self.hosts.get(&format!("*{end}")));
        found.next().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxy_config::names::Named;

    pub(crate) fn shop() -> Names {
        let named = |addresses: &[&str], short: &str, namespace: &str| Named {
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            short: short.to_owned(),
            namespace: namespace.to_owned(),
        };
        let hosts = [
            ("web.shop.svc.cluster.local", named(&["10.96.0.1"], "web", "shop")),
            ("web.bank.svc.cluster.local", named(&["10.96.0.2"], "web", "bank")),
            ("db.example.com", named(&["240.240.0.1", "2001:2::1"], "", "")),
            ("*.example.com", named(&["240.240.0.2"], "", "")),
            ("*.deep.example.com", named(&["240.240.0.3", "240.240.0.4"], "", "")),
        ];
        let hosts = hosts.into_iter().map(|(host, named)| (host.to_owned(), named)).collect();
        let resolver = "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\n";
        Names::compile(&NameTable { hosts }, &Place::new("shop", &Resolver::read(resolver)))
    }

    #[track_caller]
    fn check(name: &str, alias_of: Option<&str>, first: &str) {
        let names = shop();
        let found = names.find(name);
        let address = found.as_ref().map(|found| found.addresses[0].to_string());
        assert_eq!(address.unwrap_or_default(), first, "{name}");
        assert_eq!(found.and_then(|found| found.alias_of), alias_of, "{name}");
    }

    #[test]
    fn services_are_known_by_every_name_that_kubernetes_gives_them() {
        for name in ["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local"] {
            check(name, None, "10.96.0.1");
        }
        check("web.bank", None, "10.96.0.2");
        check(
            "web.shop.svc.cluster.local.cluster.local",
            Some("web.shop.svc.cluster.local"),
            "10.96.0.1",
        );
    }

    #[test]
    fn the_longest_wildcard_counts_and_a_name_in_full_before_it() {
        check("db.example.com", None, "240.240.0.1");
        check("a.example.com", None, "240.240.0.2");
        check("a.b.deep.example.com", None, "240.240.0.3");
        check("example.com", None, "");
    }

    #[test]
    fn ends_that_a_resolver_tries_lead_to_the_host_at_once() {
        check("db.example.com.shop.svc.cluster.local", Some("db.example.com"), "240.240.0.1");
        check("other.org.shop.svc.cluster.local", None, "");
    }
}
