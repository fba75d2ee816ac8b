//! Networks whose endpoints come from a cluster that nobody knows.

use std::collections::HashSet;

use serde_json::json;

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, step};
use crate::view::{Json, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "meshnetworks.MeshNetworksAnalyzer",
    "Networks whose endpoints come from a cluster that nobody knows.",
    &[code::IST0126],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let known = clusters(mesh);
    let name = json!({
        "kind": "MeshNetworks", "metadata": {"name": "meshnetworks", "namespace": mesh.root}
    });
    let Some(networks) = Object::read(&name) else { return };
    for (network, settings) in mesh.networks.entries("networks") {
        for (index, endpoint) in settings.list("endpoints").iter().enumerate() {
            let cluster = endpoint.text("fromRegistry");
            if endpoint.has("fromRegistry") && !known.contains(cluster) {
                let what = format!(
                    "network `{network}` takes endpoints of cluster `{cluster}`, which is unknown"
                );
                let field = format!("/networks/{}/endpoints/{index}/fromRegistry", step(network));
                let fix = "correct the name, or add the cluster's remote secret";
                report.add_once(code::IST0126, &networks, field, what, fix);
            }
        }
    }
}

/// Names of clusters: the built-in registries, and those of remote secrets.
fn clusters<'a>(mesh: &Mesh<'a>) -> HashSet<&'a str> {
    let secrets = mesh.all(kind::SECRET).iter();
    let remote = secrets.filter(|secret| secret.labels().is("istio/multiCluster", "true"));
    let names = remote.flat_map(|secret| {
        secret.raw.entries("data").chain(secret.raw.entries("stringData")).map(|(name, _)| name)
    });
    names.chain(["Kubernetes", "External", "Mock"]).collect()
}
