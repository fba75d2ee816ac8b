//! Whether a workload takes mutual TLS only.

use std::collections::HashMap;

use crate::mesh::Mesh;
use crate::view::{Json, Labels, Object, Workload, kind};

/// What PeerAuthentications say: of workloads, then of namespaces, then of the mesh.
pub(super) struct Modes<'a> {
    of_labels: HashMap<&'a str, Vec<(Labels<'a>, Mode)>>,
    of_namespaces: HashMap<&'a str, Mode>,
    root: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Strict,
    /// Plain text is taken, at some port at least.
    Open,
    /// What is around it counts.
    Unset,
}

impl<'a> Modes<'a> {
    pub(super) fn of(mesh: &Mesh<'a>) -> Self {
        let mut modes =
            Self { of_labels: HashMap::new(), of_namespaces: HashMap::new(), root: mesh.root };
        let mut policies: Vec<&Object<'a>> = mesh.all(kind::PEER_AUTHENTICATION).iter().collect();
        // Of several, the oldest counts.
        policies.sort_by_key(|policy| {
            (policy.raw.text("metadata.creationTimestamp"), policy.namespace, policy.name)
        });
        for policy in policies {
            modes.add(policy);
        }
        modes
    }

    fn add(&mut self, policy: &Object<'a>) {
        let selector = Labels::at(policy.raw, "spec.selector.matchLabels");
        let mode = mode(policy);
        if selector.is_empty() {
            self.of_namespaces.entry(policy.namespace).or_insert(mode);
        } else {
            self.of_labels.entry(policy.namespace).or_default().push((selector, mode));
        }
    }

    pub(super) fn has_strict(&self) -> bool {
        let narrow = self.of_labels.values().flatten().map(|(_, mode)| mode);
        self.of_namespaces.values().chain(narrow).any(|mode| *mode == Mode::Strict)
    }

    pub(super) fn is_strict(&self, workload: &Workload<'_>) -> bool {
        let namespace = workload.object.namespace;
        let narrow = self.of_labels.get(namespace).into_iter().flatten();
        let narrow =
            narrow.filter(|(selector, _)| selector.selects(workload.labels)).map(|(_, mode)| *mode);
        let wide =
            [namespace, self.root].into_iter().filter_map(|ns| self.of_namespaces.get(ns).copied());
        narrow.chain(wide).find(|mode| *mode != Mode::Unset) == Some(Mode::Strict)
    }
}

fn mode(policy: &Object<'_>) -> Mode {
    let mut ports = policy.spec().entries("portLevelMtls");
    if ports.any(|(_, port)| matches!(port.text("mode"), "PERMISSIVE" | "DISABLE")) {
        return Mode::Open;
    }
    match policy.spec().text("mtls.mode") {
        "STRICT" => Mode::Strict,
        "PERMISSIVE" | "DISABLE" => Mode::Open,
        _ => Mode::Unset,
    }
}
