//! Identities in AuthorizationPolicies that no workload has.

use std::collections::HashSet;

use serde_json::Value;
use weft_api::similar;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind, rules};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.UnknownPrincipal",
    "Identities in AuthorizationPolicies that no workload has.",
    &[code::WEFT0105],
    look,
);

const DEFAULT_DOMAIN: &str = "cluster.local";

/// What is known of identities.
struct Known<'a> {
    /// None when the settings of the mesh are not among the objects.
    domains: Option<HashSet<&'a str>>,
    namespaces: HashSet<&'a str>,
    /// Whether namespaces are among the objects at all.
    is_whole: bool,
    /// Namespaces of which some identity is known.
    told_of: HashSet<&'a str>,
    accounts: HashSet<(&'a str, &'a str)>,
    /// Namespaces of which no workload is in the mesh.
    outside: HashSet<&'a str>,
    root: &'a str,
}

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let known = Known::of(mesh);
    for policy in mesh.all(kind::AUTHORIZATION_POLICY) {
        for rule in rules(policy) {
            for (field, source) in rule.sources() {
                judge_all(policy, &field, source, "principals", &known, report);
                judge_all(policy, &field, source, "notPrincipals", &known, report);
                namespaces(policy, &field, source, &known, report);
            }
            for (field, when) in
                rule.conditions().filter(|(_, w)| w.text("key") == "source.principal")
            {
                judge_all(policy, &field, when, "values", &known, report);
                judge_all(policy, &field, when, "notValues", &known, report);
            }
        }
    }
}

fn judge_all(
    policy: &Object<'_>,
    field: &str,
    around: &Value,
    list: &str,
    known: &Known<'_>,
    report: &mut Report,
) {
    for (index, principal) in around.texts(list).enumerate() {
        if let Some(fault) = known.fault(principal) {
            let what = format!("nobody is `{principal}`: {fault}");
            let fix =
                "write it as TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT of an existing workload";
            report.add(code::WEFT0105, policy, format!("{field}/{list}/{index}"), what, fix);
        }
    }
}

/// That they exist is told by IST0101.
fn namespaces(
    policy: &Object<'_>,
    field: &str,
    source: &Value,
    known: &Known<'_>,
    report: &mut Report,
) {
    for (index, namespace) in source.texts("namespaces").enumerate() {
        if known.outside.contains(namespace) {
            let what = format!("nobody comes from `{namespace}`: {}", no_identity(namespace));
            let field = format!("{field}/namespaces/{index}");
            report.add(code::WEFT0105, policy, field, what, "inject its workloads");
        }
    }
}

fn no_identity(namespace: &str) -> String {
    format!("the workloads of namespace `{namespace}` have no proxy, and so no identity")
}

impl<'a> Known<'a> {
    fn of(mesh: &Mesh<'a>) -> Self {
        let mut accounts: HashSet<(&str, &str)> = HashSet::new();
        for account in mesh.all(kind::SERVICE_ACCOUNT) {
            accounts.insert((account.namespace, account.name));
        }
        let (mut inside, mut outside) = (HashSet::new(), HashSet::new());
        for workload in mesh.workloads.iter() {
            accounts.insert((workload.object.namespace, workload.service_account()));
            let side = if mesh.is_outside(workload) { &mut outside } else { &mut inside };
            side.insert(workload.object.namespace);
        }
        outside.retain(|namespace| !inside.contains(namespace));
        for group in mesh.all(kind::WORKLOAD_GROUP) {
            accounts.insert((group.namespace, group.raw.text("spec.template.serviceAccount")));
            inside.insert(group.namespace);
        }
        let own = mesh.config.text("trustDomain");
        let aliases = mesh.config.texts("trustDomainAliases");
        let domains = aliases.chain([own, DEFAULT_DOMAIN]).filter(|domain| !domain.is_empty());
        Self {
            domains: (!mesh.config.is_null()).then(|| domains.collect()),
            // Kubernetes makes it.
            namespaces: mesh.namespaces().into_iter().chain(["default"]).collect(),
            is_whole: !mesh.all(kind::NAMESPACE).is_empty(),
            told_of: accounts.iter().map(|(namespace, _)| *namespace).collect(),
            accounts,
            outside,
            root: mesh.root,
        }
    }

    /// Why nobody has an identity; none for patterns, and where too little is known.
    fn fault(&self, principal: &str) -> Option<String> {
        if principal.contains('*') {
            return None;
        }
        let parts: Vec<&str> = principal.split('/').collect();
        let [domain, "ns", namespace, "sa", account] = parts.as_slice() else {
            return Some("it is no identity of a workload".to_owned());
        };
        let is_foreign = match &self.domains {
            Some(known) => !known.contains(domain),
            // Without settings only a slip of the pen is sure.
            None => *domain != DEFAULT_DOMAIN && similar(domain, &[DEFAULT_DOMAIN]).is_some(),
        };
        if is_foreign {
            return Some(format!("`{domain}` is not a trust domain of this mesh"));
        }
        if *namespace == self.root && !self.told_of.contains(namespace) {
            return None;
        }
        if self.is_whole && !self.namespaces.contains(namespace) {
            return Some(format!("there is no namespace `{namespace}`"));
        }
        if self.outside.contains(namespace) {
            return Some(no_identity(namespace));
        }
        let is_unknown = *account != "default"
            && self.told_of.contains(namespace)
            && !self.accounts.contains(&(*namespace, *account));
        is_unknown.then(|| format!("namespace `{namespace}` has no service account `{account}`"))
    }
}
