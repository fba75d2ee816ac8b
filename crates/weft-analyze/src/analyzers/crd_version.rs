//! Gateway API definitions that are too old for what reads them.

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::kind;

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "k8sgateway.CRDVersionAnalyzer",
    "Gateway API definitions that are too old for what reads them.",
    &[code::IST0176],
    look,
);

type Version = (u64, u64, u64);

/// The oldest version of each definition that is read.
const OLDEST: &[(&str, Version)] = &[
    ("grpcroutes.gateway.networking.k8s.io", (1, 1, 0)),
    ("backendtlspolicies.gateway.networking.k8s.io", (1, 4, 0)),
    ("tlsroutes.gateway.networking.k8s.io", (1, 5, 0)),
];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let key = "gateway.networking.k8s.io/bundle-version";
    for definition in mesh.all(kind::CRD) {
        let oldest = OLDEST.iter().find(|(name, _)| *name == definition.name);
        let installed = definition.annotations().get(key);
        if let (Some((name, oldest)), Some(text)) = (oldest, installed)
            && version(text).is_some_and(|installed| installed < *oldest)
        {
            let (major, minor, patch) = oldest;
            let what = format!(
                "`{name}` is at {text}: objects of this kind are not read before {major}.{minor}.{patch}"
            );
            let field = format!("/metadata/annotations/{}", crate::report::step(key));
            report.add(code::IST0176, definition, field, what, "install a newer Gateway API");
        }
    }
}

/// `v1.4.1-rc.2` as numbers; what comes after them does not count.
fn version(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let core = text.split(['-', '+']).next()?;
    let mut parts = core.split('.').map(|part| part.parse().ok());
    let major = parts.next()??;
    Some((major, parts.next().unwrap_or(Some(0))?, parts.next().unwrap_or(Some(0))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_without_their_tails() {
        assert_eq!(version("v1.4.1-rc.2"), Some((1, 4, 1)));
        assert_eq!((version("1.5"), version("main")), (Some((1, 5, 0)), None));
    }
}
