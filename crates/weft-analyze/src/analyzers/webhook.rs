//! Injection webhooks that overlap, or call a service that does not exist.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Analyzer, label_selector};
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "webhook.Analyzer",
    "Injection webhooks that overlap, or call a service that does not exist.",
    &[code::IST0139],
    look,
);

const REVISION: &str = "istio.io/rev";

/// Revisions that are tried; an installation has two or three.
const MOST_REVISIONS: usize = 16;

/// Webhooks that are compared with each other.
const MOST_WEBHOOKS: usize = 128;

/// One webhook of a configuration.
struct Webhook<'m, 'a> {
    configuration: &'m Object<'a>,
    index: usize,
    raw: &'a Value,
}

impl Webhook<'_, '_> {
    fn name(&self) -> String {
        format!("{}/{}", self.configuration.name, self.raw.text("name"))
    }

    fn fits(&self, selector: &str, labels: &[(&str, &str)]) -> bool {
        let get =
            |key: &str| labels.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
        label_selector::selects(self.raw.at(selector), get)
    }
}

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let (mut webhooks, mut revisions) = (Vec::new(), BTreeSet::new());
    for configuration in mesh.all(kind::MUTATING_WEBHOOK) {
        let own = revisions_of(configuration);
        let all = configuration.raw.list("webhooks");
        if !own.is_empty() || all.iter().any(|raw| raw.text("name").ends_with("istio.io")) {
            let all = all.iter().enumerate();
            webhooks.extend(all.map(|(index, raw)| Webhook { configuration, index, raw }));
            revisions.extend(own);
        }
    }
    overlaps(&webhooks, &revisions, report);
    webhooks.iter().for_each(|webhook| calls_a_service(mesh, webhook, report));
}

/// Revisions that a configuration is of, or selects.
fn revisions_of<'a>(configuration: &Object<'a>) -> BTreeSet<&'a str> {
    let mut found: BTreeSet<&str> = configuration.labels().get(REVISION).into_iter().collect();
    for webhook in configuration.raw.list("webhooks") {
        for selector in ["namespaceSelector", "objectSelector"] {
            let selector = webhook.at(selector);
            let equal = selector.entries("matchLabels").filter(|(key, _)| *key == REVISION);
            found.extend(equal.filter_map(|(_, value)| value.as_str()));
            let listed = selector.list("matchExpressions").iter();
            let listed = listed.filter(|expression| expression.text("key") == REVISION);
            found.extend(listed.flat_map(|expression| expression.texts("values")));
        }
    }
    found
}

/// Labels as namespaces and pods may have them.
fn labellings<'r>(
    key: &'r str,
    values: [&'r str; 2],
    revisions: &BTreeSet<&'r str>,
) -> Vec<Vec<(&'r str, &'r str)>> {
    let plain = [None, Some(values[0]), Some(values[1])];
    let revisions = revisions.iter().take(MOST_REVISIONS).map(|revision| Some(*revision));
    let mut found = Vec::new();
    for revision in std::iter::once(None).chain(revisions) {
        for value in plain {
            let value = value.map(|value| (key, value));
            found.push(value.into_iter().chain(revision.map(|r| (REVISION, r))).collect());
        }
    }
    found
}

fn overlaps(webhooks: &[Webhook<'_, '_>], revisions: &BTreeSet<&str>, report: &mut Report) {
    let namespaces = labellings("istio-injection", ["enabled", "disabled"], revisions);
    let pods = labellings("sidecar.istio.io/inject", ["true", "false"], revisions);
    let mut found: BTreeSet<Vec<usize>> = BTreeSet::new();
    for namespace in &namespaces {
        let near: Vec<usize> = (0..webhooks.len().min(MOST_WEBHOOKS))
            .filter(|at| fits(webhooks, *at, "namespaceSelector", namespace))
            .collect();
        for pod in pods.iter().filter(|_| near.len() > 1) {
            let both = near.iter().copied().filter(|at| fits(webhooks, *at, "objectSelector", pod));
            found.insert(both.collect());
        }
    }
    for group in found.iter().filter(|group| group.len() > 1) {
        group.iter().for_each(|at| tell_overlap(webhooks, *at, group, report));
    }
}

fn fits(webhooks: &[Webhook<'_, '_>], at: usize, selector: &str, labels: &[(&str, &str)]) -> bool {
    webhooks.get(at).is_some_and(|webhook| webhook.fits(selector, labels))
}

fn tell_overlap(webhooks: &[Webhook<'_, '_>], at: usize, group: &[usize], report: &mut Report) {
    let Some(webhook) = webhooks.get(at) else { return };
    let others =
        group.iter().filter(|other| **other != at).filter_map(|other| webhooks.get(*other));
    let others: Vec<String> = others.map(Webhook::name).collect();
    let what = format!("some pods are injected by this webhook and by {} too", join(&others));
    let fix = "let their selectors exclude each other, or remove the old installation";
    report.add_once(
        code::IST0139,
        webhook.configuration,
        format!("/webhooks/{}", webhook.index),
        what,
        fix,
    );
}

fn calls_a_service(mesh: &Mesh<'_>, webhook: &Webhook<'_, '_>, report: &mut Report) {
    let service = webhook.raw.at("clientConfig.service");
    let (namespace, name) = (service.text("namespace"), service.text("name"));
    if !service.is_null() && mesh.find(kind::SERVICE, namespace, name).is_none() {
        let what = format!(
            "calls Service `{namespace}/{name}`, which does not exist: pods are not injected"
        );
        let field = format!("/webhooks/{}/clientConfig/service", webhook.index);
        let fix = "install that control plane, or remove the webhook";
        report.add_once(code::IST0139, webhook.configuration, field, what, fix);
    }
}
