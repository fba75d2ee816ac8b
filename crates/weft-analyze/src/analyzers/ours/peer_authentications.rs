//! PeerAuthentications of which an older one takes the place.

use std::collections::HashMap;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, kind};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.PeerAuthenticationDisplaced",
    "PeerAuthentications of which an older one takes the place.",
    &[code::WEFT0121],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let mut policies: Vec<&Object<'_>> = mesh.all(kind::PEER_AUTHENTICATION).iter().collect();
    policies.sort_by_key(|policy| (policy.raw.text("metadata.creationTimestamp"), policy.name));
    let mut first: HashMap<(&str, String), &Object<'_>> = HashMap::new();
    for policy in policies {
        let selector = Labels::at(policy.raw, "spec.selector.matchLabels");
        let older = *first.entry((policy.namespace, selector.to_string())).or_insert(policy);
        if older.name != policy.name {
            tell(policy, older, selector, report);
        }
    }
}

/// For the same pods the oldest counts, and the others not at all.
fn tell(policy: &Object<'_>, older: &Object<'_>, selector: Labels<'_>, report: &mut Report) {
    let whom = match selector.is_empty() {
        true => format!("the whole namespace `{}`", policy.namespace),
        false => format!("the pods with the labels {selector}"),
    };
    let what =
        format!("has no effect: PeerAuthentication `{}` is older and for {whom} too", older.name);
    let fix = "put the mode and the ports of both into one, and remove the other";
    report.add(code::WEFT0121, policy, "/spec", what, fix);
}
