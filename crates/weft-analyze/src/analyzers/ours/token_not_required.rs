//! Tokens that are checked when they are there, and that nobody asks for.

use std::collections::HashMap;

use serde_json::Value;

use crate::analyzers::{Analyzer, jwt_claim_route};
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, Rule, kind, rules, target_refs};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.TokenNotRequired",
    "Tokens that are checked when they are there, and that nobody asks for.",
    &[code::WEFT0114],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let routes = mesh.all(kind::VIRTUAL_SERVICE).iter();
    let is_routed_by_claim = routes.map(jwt_claim_route::claim).any(|claim| claim.is_some());
    let mut requiring: HashMap<&str, Vec<&Object<'_>>> = HashMap::new();
    for policy in mesh.all(kind::AUTHORIZATION_POLICY).iter().filter(|p| asks_for_token(p)) {
        requiring.entry(policy.namespace).or_default().push(policy);
    }
    for authentication in
        mesh.all(kind::REQUEST_AUTHENTICATION).iter().filter(|_| !is_routed_by_claim)
    {
        let rules = authentication.spec().list("jwtRules");
        let is_required = rules.iter().any(|rule| rule.text("presence") == "REQUIRED");
        let own = [authentication.namespace, mesh.root];
        let mut policies = own.iter().filter_map(|namespace| requiring.get(namespace)).flatten();
        let is_asked = policies.any(|policy| reaches(mesh, policy, authentication));
        if !rules.is_empty() && !is_required && !is_asked {
            let what = "checks tokens, but lets requests without one pass, and no AuthorizationPolicy asks for one";
            let fix = "add an AuthorizationPolicy with requestPrincipals: [\"*\"], or set presence: REQUIRED";
            report.add(code::WEFT0114, authentication, "/spec/jwtRules", what, fix);
        }
    }
}

/// Whether some request is let pass or refused by its token.
fn asks_for_token(policy: &Object<'_>) -> bool {
    policy.spec().text("action") == "CUSTOM" || rules(policy).any(|rule| asks(&rule))
}

fn asks(rule: &Rule<'_>) -> bool {
    let has = |value: &Value, list: &str| !value.list(list).is_empty();
    let mut sources = rule.sources();
    let mut conditions = rule.conditions();
    sources.any(|(_, s)| has(s, "requestPrincipals") || has(s, "notRequestPrincipals"))
        || conditions.any(|(_, when)| when.text("key").starts_with("request.auth."))
}

/// Whether a policy applies to something that the tokens are checked for.
fn reaches(mesh: &Mesh<'_>, policy: &Object<'_>, authentication: &Object<'_>) -> bool {
    let targets = |object| target_refs(object).into_iter().map(|(_, target)| target);
    let (asked, checked): (Vec<_>, Vec<_>) =
        (targets(policy).collect(), targets(authentication).collect());
    if !checked.is_empty() || !asked.is_empty() {
        // A gateway that checks tokens may stand before the Service whose policy asks for them.
        let meets = |one: &Value, other: &Value| {
            one.text("kind") != other.text("kind") || one.text("name") == other.text("name")
        };
        let mut pairs = checked.iter().flat_map(|one| asked.iter().map(move |other| (one, other)));
        return asked.is_empty() || pairs.any(|(one, other)| meets(one, other));
    }
    let path = "spec.selector.matchLabels";
    let (asked, checked) = (Labels::at(policy.raw, path), Labels::at(authentication.raw, path));
    let namespace = (authentication.namespace != mesh.root).then_some(authentication.namespace);
    asked.selects(checked)
        || mesh.workloads.selected(namespace, checked).any(|other| asked.selects(other.labels))
}
