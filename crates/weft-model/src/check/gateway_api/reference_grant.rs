//! Rules of `ReferenceGrant`.

use weft_api::gateway_api::{GrantFrom, GrantTo, ReferenceGrant};
use weft_api::meta::Metadata;

use crate::check::Findings;
use crate::check::findings::code;

pub(super) fn check(meta: &Metadata, spec: &ReferenceGrant, findings: &mut Findings) {
    let ReferenceGrant { from, to } = spec;
    findings.each("from", from, |GrantFrom { group, kind: _, namespace }, findings| {
        core(group, findings);
        if *namespace == meta.namespace {
            let what = "is that of the grant, whose objects need none";
            findings.warning_in("namespace", code::SUSPICIOUS, what, "name another namespace");
        }
    });
    findings.each("to", to, |GrantTo { group, kind: _, name: _ }, findings| core(group, findings));
}

fn core(group: &str, findings: &mut Findings) {
    if matches!(group, "core" | "v1") {
        let what = format!("{group:?} is no group, so that nothing is allowed");
        findings.warning_in("group", code::SUSPICIOUS, what, "write group: \"\"");
    }
}
