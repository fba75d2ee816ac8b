//! Services by host name, as seen from each namespace.
//!
//! In: Services and ServiceEntries. Out: the one that a host means to an object of a namespace.
//! Holds: what is not exported to a namespace does not exist for it; exact names come before patterns.

use std::collections::HashMap;

use weft_api::similar;

use crate::hosts;
use crate::view::{Json, Labels, Object, Port, kind, service_entry_ports, service_ports};

/// Names that are compared with one that is none; in a larger mesh the hint may be missing.
const MOST_NEAR: usize = 2000;

/// Something that traffic can be sent to.
#[derive(Debug, Clone)]
pub(crate) struct Hosted<'a> {
    pub(crate) object: Object<'a>,
    pub(crate) ports: Vec<Port<'a>>,
    /// Labels of the pods behind it; empty when it names its endpoints otherwise.
    pub(crate) selector: Labels<'a>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct HostTable<'a> {
    hosted: Vec<Hosted<'a>>,
    /// By scope (`*` or a namespace) and full host name.
    exact: HashMap<&'a str, HashMap<String, usize>>,
    /// Suffixes of patterns by scope.
    patterns: HashMap<&'a str, Vec<(&'a str, usize)>>,
}

impl<'a> HostTable<'a> {
    pub(crate) fn new(entries: &[Object<'a>], services: &[Object<'a>], domain: &str) -> Self {
        let mut table = Self::default();
        for entry in entries {
            table.add_entry(entry, domain);
        }
        for service in services {
            table.add_service(service, domain);
        }
        table
    }

    fn add_entry(&mut self, entry: &Object<'a>, domain: &str) {
        let selector = Labels::at(entry.raw, "spec.workloadSelector.labels");
        let ports = service_entry_ports(entry).collect();
        let position = self.push(Hosted { object: *entry, ports, selector });
        for scope in hosts::scopes(entry.spec().texts("exportTo"), entry.namespace) {
            for host in entry.spec().texts("hosts") {
                self.name(scope, host, entry.namespace, domain, position);
            }
        }
    }

    fn add_service(&mut self, service: &Object<'a>, domain: &str) {
        let selector = Labels::at(service.raw, "spec.selector");
        let ports = service_ports(service).collect();
        let position = self.push(Hosted { object: *service, ports, selector });
        let exported = service.annotations().get("networking.istio.io/exportTo").unwrap_or("*");
        let scopes = exported.split(',').map(str::trim).filter(|scope| !scope.is_empty());
        for scope in hosts::scopes(scopes, service.namespace) {
            self.name(scope, service.name, service.namespace, domain, position);
        }
    }

    fn push(&mut self, hosted: Hosted<'a>) -> usize {
        self.hosted.push(hosted);
        self.hosted.len() - 1
    }

    fn name(&mut self, scope: &'a str, host: &'a str, own: &str, domain: &str, position: usize) {
        if let Some(suffix) = host.strip_prefix('*') {
            self.patterns.entry(scope).or_default().push((suffix, position));
        }
        let full = hosts::full(host, own, domain).into_owned();
        self.exact.entry(scope).or_default().insert(full, position);
    }

    /// What `host` means to an object of `namespace` that is itself exported to `export_to`.
    pub(crate) fn find<'e>(
        &self,
        namespace: &str,
        export_to: impl Iterator<Item = &'e str>,
        host: &str,
        domain: &str,
    ) -> Option<&Hosted<'a>> {
        let full = hosts::full(host, namespace, domain);
        let mut scopes: Vec<&str> =
            export_to.map(|to| if to == "." { namespace } else { to }).collect();
        if scopes.is_empty() {
            scopes.push(namespace);
        }
        let mut exact = std::iter::once("*").chain(scopes);
        let found = exact.find_map(|scope| self.exact.get(scope)?.get(full.as_ref()).copied());
        let found = found.or_else(|| self.by_pattern(namespace, host))?;
        self.hosted.get(found)
    }

    fn by_pattern(&self, namespace: &str, host: &str) -> Option<usize> {
        let host = host.trim_start_matches('*');
        let seen = ["*", namespace].into_iter().filter_map(|scope| self.patterns.get(scope));
        seen.flatten().find(|(suffix, _)| host.ends_with(suffix)).map(|(_, position)| *position)
    }

    /// A name that was probably meant by a host that is none: the same service elsewhere, or one that is spelled alike.
    pub(crate) fn near(&self, namespace: &str, host: &str, domain: &str) -> Option<&str> {
        let full = hosts::full(host, namespace, domain);
        let names = self.exact.values().flat_map(HashMap::keys).take(MOST_NEAR);
        let mut names: Vec<(&str, &str)> = names.filter_map(|name| name.split_once('.')).collect();
        names.sort_unstable();
        let (first, rest) = full.split_once('.')?;
        let beside: Vec<&str> =
            names.iter().filter(|(_, other)| *other == rest).map(|(first, _)| *first).collect();
        let alike = similar(first, &beside);
        let elsewhere = names.iter().find(|(other, _)| *other == first);
        let (first, rest) = elsewhere.copied().or_else(|| alike.map(|alike| (alike, rest)))?;
        self.exact
            .values()
            .flat_map(HashMap::keys)
            .find_map(|name| (name.split_once('.') == Some((first, rest))).then_some(name.as_str()))
    }

    /// Whether a pattern such as `*.shop.svc.cluster.local` means any of them.
    pub(crate) fn has_any(&self, pattern: &str) -> bool {
        let mut names = self.exact.values().flat_map(HashMap::keys);
        pattern.starts_with('*') && names.any(|name| hosts::overlap(pattern, name))
    }

    /// All, Services and ServiceEntries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Hosted<'a>> {
        self.hosted.iter()
    }
}

impl Hosted<'_> {
    /// Whether it is a Kubernetes Service.
    pub(crate) fn is_service(&self) -> bool {
        self.object.kind == kind::SERVICE
    }
}
