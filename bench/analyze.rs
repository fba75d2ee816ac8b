//! How long the analysis of a whole mesh takes: 1,000 services, 2,000 routes, 1,000 policies, 3,000 pods.
//! Run: `cargo bench -p weft-analyze`.

use std::hint::black_box;
use std::time::{Duration, UNIX_EPOCH};

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use weft_analyze::{Options, analyze};

const NAMESPACES: usize = 20;
const SERVICES: usize = 1_000;

fn mesh() -> Vec<Value> {
    let namespaces = (0..NAMESPACES).map(|n| {
        json!({"apiVersion": "v1", "kind": "Namespace",
               "metadata": {"name": format!("ns-{n}"), "labels": {"istio-injection": "enabled"}}})
    });
    namespaces.chain((0..SERVICES).flat_map(service)).collect()
}

/// A service with its pods, its two routes, its rule and its policies.
fn service(number: usize) -> Vec<Value> {
    let (app, namespace) = (format!("app-{number}"), format!("ns-{}", number % NAMESPACES));
    let meta = |name: String| json!({"name": name, "namespace": namespace});
    let to = |subset: &str| json!({"destination": {"host": app, "subset": subset, "port": {"number": 80}}});
    let pod = |copy: usize| {
        let version = if copy == 0 { "v2" } else { "v1" };
        json!({"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": format!("{app}-{copy}"), "namespace": namespace,
                            "labels": {"app": app, "version": version}},
               "spec": {"serviceAccountName": app, "containers": [
                   {"name": "app", "image": "app:1", "args": ["--next=http://app-1.ns-1:80/x"]},
                   {"name": "istio-proxy", "image": "proxy:1"}]}})
    };
    let route = |name: &str, hosts: Value| {
        json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
               "metadata": meta(format!("{app}-{name}")),
               "spec": {"hosts": hosts, "exportTo": ["."], "http": [
                   {"match": [{"uri": {"prefix": "/beta"}, "headers": {"x-beta": {"exact": "1"}}}],
                    "route": [to("v2")]},
                   {"match": [{"uri": {"prefix": "/api"}}], "route": [to("v1")],
                    "timeout": "5s", "retries": {"attempts": 2, "perTryTimeout": "1s"}},
                   {"route": [to("v1")]}]}})
    };
    let principal = format!("cluster.local/ns/{namespace}/sa/{app}");
    vec![
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(app.clone()),
               "spec": {"selector": {"app": app}, "ports": [{"name": "http", "port": 80}]}}),
        pod(0),
        pod(1),
        pod(2),
        route("own", json!([app])),
        route("alias", json!([format!("{app}.example.com")])),
        json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": meta(app.clone()),
               "spec": {"host": app, "subsets": [
                   {"name": "v1", "labels": {"version": "v1"}},
                   {"name": "v2", "labels": {"version": "v2"}}]}}),
        json!({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta(app.clone()),
               "spec": {"selector": {"matchLabels": {"app": app}}, "rules": [
                   {"from": [{"source": {"principals": [principal]}}],
                    "to": [{"operation": {"methods": ["GET"], "paths": ["/api/*"]}}]}]}}),
    ]
}

fn whole_mesh(criterion: &mut Criterion) {
    let objects = mesh();
    let options = Options::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000));
    let mut group = criterion.benchmark_group("analyze");
    group.sample_size(10);
    group.bench_function("1,000 services", |bencher| {
        bencher.iter(|| analyze(black_box(&objects), &options));
    });
    group.finish();
}

criterion_group!(benches, whole_mesh);
criterion_main!(benches);
