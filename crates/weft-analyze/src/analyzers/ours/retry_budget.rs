//! Retries that the timeout of their route cuts off.

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, kind, nanoseconds};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.RetriesDoNotFitTimeout",
    "Retries that the timeout of their route cuts off.",
    &[code::WEFT0110],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for service in mesh.all(kind::VIRTUAL_SERVICE) {
        for (at, route) in service.spec().list("http").iter().enumerate() {
            if let Some((tries, begun)) = tries(route).filter(|(tries, begun)| begun < tries) {
                let (limit, each) = (route.text("timeout"), route.text("retries.perTryTimeout"));
                let what = format!(
                    "of up to {tries} tries of {each} each, only {begun} can begin within the timeout of {limit}"
                );
                let fix = "raise timeout, or lower retries.attempts or retries.perTryTimeout";
                report.add(code::WEFT0110, service, format!("/spec/http/{at}/retries"), what, fix);
            }
        }
    }
}

/// How many tries are asked for, the first included, and how many can begin before the timeout.
fn tries(route: &Value) -> Option<(u64, u64)> {
    let limit = nanoseconds(route.text("timeout")).filter(|limit| *limit > 0)?;
    let each = nanoseconds(route.text("retries.perTryTimeout")).filter(|each| *each > 0)?;
    let attempts = u64::try_from(route.number("retries.attempts")?).ok().filter(|n| *n > 0)?;
    Some((attempts.saturating_add(1), limit.div_ceil(each)))
}
