//! Every resource of every proxy: taken by weft-proxy's reader, taken by Envoy, the same for the same objects.

use std::collections::BTreeSet;

use ctl_snapshot::MeshSnapshot;
use ctl_translate::{ProxyView, Resources, translate, view_of};
use weft_proto::ads::Any;
use weft_proto::type_url;

use crate::envoy;
use crate::fixture::{self, Mesh};

/// One proxy of each view, by name.
fn views(mesh: &Mesh, snapshot: &MeshSnapshot) -> Vec<(String, ProxyView)> {
    let mut found: Vec<(String, ProxyView)> = Vec::new();
    for pod in mesh.proxies() {
        let view = view_of(snapshot, &pod.node());
        if found.iter().all(|(_, known)| *known != view) {
            found.push((format!("{}.{}", pod.name, pod.namespace), view));
        }
    }
    found
}

fn refusals(resources: &Resources) -> Vec<String> {
    let mut found = Vec::new();
    for (kind, all) in resources.iter() {
        for resource in all {
            let body = &resource.body;
            let answer = match kind {
                type_url::LISTENER => proxy_lower::lower_listener(body).map(drop),
                type_url::CLUSTER => proxy_lower::lower_cluster(body).map(drop),
                type_url::ENDPOINTS => proxy_lower::lower_endpoints(body).map(drop),
                type_url::ROUTE => proxy_lower::lower_routes(body).map(drop),
                type_url::SECRET => proxy_lower::lower_secret(body).map(drop),
                other => panic!("no proxy asks for {other}"),
            };
            found.extend(answer.err().map(|refused| format!("{}: {refused}", resource.name)));
        }
    }
    found
}

/// Resources of which a dump would show bytes, because a message in them is not among the descriptors.
fn sealed(resources: &Resources) -> Vec<String> {
    let mut found = Vec::new();
    for (kind, all) in resources.iter() {
        for resource in all {
            let any = Any { type_url: kind.to_owned(), value: resource.body.clone() };
            if weft_proto::json::to_json(&any)["value"].is_string() {
                found.push(format!("a dump shows {} as bytes", resource.name));
            }
        }
    }
    found
}

fn names_are_unique(resources: &Resources) {
    for (kind, all) in resources.iter() {
        let names: BTreeSet<&str> = all.iter().map(|resource| &*resource.name).collect();
        assert_eq!(names.len(), all.len(), "{kind} has a name twice");
    }
}

/// Both data planes take everything that any proxy of the mesh gets.
#[track_caller]
pub(crate) fn both_data_planes_take(what: &str, mesh: &Mesh) {
    let (snapshot, _) = mesh.snapshot_with_problems();
    for (proxy, view) in views(mesh, &snapshot) {
        both_take(&format!("{what}: {proxy}"), &translate(&snapshot, &view));
    }
}

/// Both data planes take these resources.
#[track_caller]
pub(crate) fn both_take(what: &str, resources: &Resources) {
    let objections = objections(resources);
    assert!(objections.is_empty(), "{what}: {}", objections.join("\n"));
}

/// What either data plane says against resources.
pub(crate) fn objections(resources: &Resources) -> Vec<String> {
    names_are_unique(resources);
    let ours = refusals(resources).into_iter().map(|refused| format!("weft-proxy: {refused}"));
    let theirs = envoy::objection(resources).map(|why| format!("Envoy: {why}"));
    ours.chain(theirs).chain(sealed(resources)).collect()
}

#[test]
fn both_data_planes_take_the_shop() {
    both_data_planes_take("samples/shop", &Mesh::shop());
}

#[test]
fn both_data_planes_take_the_small_mesh() {
    both_data_planes_take("small", &Mesh::small());
}

#[test]
fn both_data_planes_take_the_seed_files() {
    let Some(folder) = fixture::shared("seed-yaml") else { return };
    let mut whole = Mesh::shop();
    for (name, text) in fixture::files(&folder) {
        whole = whole.within("production", &text);
        // Later files replace earlier ones of the same name.
        if name.starts_with("s1-15") || name.starts_with("s3-04") {
            both_data_planes_take(&name, &whole);
        }
    }
    both_data_planes_take("all seed files", &whole);
}

#[test]
fn the_order_of_objects_does_not_matter() {
    let mut mesh = Mesh::shop();
    for (_, text) in fixture::shared("seed-yaml").iter().flat_map(|folder| fixture::files(folder)) {
        mesh = mesh.within("production", &text);
    }
    let (one, _) = mesh.snapshot_with_problems();
    for seed in 1..=3 {
        let (other, _) = mesh.clone().shuffled(seed).snapshot_with_problems();
        for (proxy, view) in views(&mesh, &one) {
            assert_eq!(translate(&one, &view), translate(&other, &view), "{proxy}, seed {seed}");
        }
        let again = views(&mesh, &other);
        assert_eq!(views(&mesh, &one), again, "seed {seed}");
    }
}
