//! ServiceEntries that disagree about the protocol of a host's port.

use std::collections::{BTreeMap, BTreeSet};

use super::Analyzer;
use crate::code;
use crate::hosts;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Object, kind, service_entry_ports};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "serviceentry.ConflictingServiceEntryProtocolAnalyzer",
    "ServiceEntries that disagree about the protocol of a host's port.",
    &[code::IST0177],
    look,
);

/// Where it is seen, host, port.
type Key<'a> = (&'a str, &'a str, i64);

/// Positions of ServiceEntries and their protocols.
type Said = BTreeSet<(usize, String)>;

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let entries = mesh.all(kind::SERVICE_ENTRY);
    let said = index(entries);
    let mut told = BTreeSet::new();
    for ((scope, host, port), own) in &said {
        let mut all = own.clone();
        if *scope != "*" {
            all.extend(said.get(&("*", host, *port)).into_iter().flatten().cloned());
        }
        let protocols: BTreeSet<&str> = all.iter().map(|(_, protocol)| protocol.as_str()).collect();
        if protocols.len() > 1 {
            let protocols: Vec<&str> = protocols.into_iter().collect();
            let subject = format!("{host}:{port}: {}", join(&protocols));
            tell(entries, &all, &subject, &mut told, report);
        }
    }
}

fn tell(
    entries: &[Object<'_>],
    all: &Said,
    subject: &str,
    told: &mut BTreeSet<usize>,
    report: &mut Report,
) {
    let found = all.iter().filter_map(|(at, _)| entries.get(*at));
    let names: BTreeSet<String> = found.map(Object::full_name).collect();
    let names: Vec<String> = names.into_iter().collect();
    let what = format!("ServiceEntries {} say different protocols for {subject}", join(&names));
    for at in all.iter().map(|(at, _)| *at).filter(|at| told.insert(*at)) {
        if let Some(entry) = entries.get(at) {
            let fix = "give the port one protocol";
            report.add(code::IST0177, entry, "/spec/ports", what.clone(), fix);
        }
    }
}

fn index<'a>(entries: &[Object<'a>]) -> BTreeMap<Key<'a>, Said> {
    let mut said: BTreeMap<Key<'a>, Said> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        for scope in hosts::scopes(entry.spec().texts("exportTo"), entry.namespace) {
            for host in entry.spec().texts("hosts") {
                for port in service_entry_ports(entry) {
                    let protocol = port.declared.to_ascii_uppercase();
                    said.entry((scope, host, port.number)).or_default().insert((at, protocol));
                }
            }
        }
    }
    said
}
