//! Whatever is written, there is an answer: no panic, every problem at a place, and settings that can be written again.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use weft_meshconfig::{
    config_map_of, validate_config_map, validate_istio_operator, validate_mesh_config,
    validate_mesh_networks,
};

/// Names that reach deep into the types, and some that do not exist.
const NAMES: &[&str] = &[
    "defaultConfig",
    "default_config",
    "tracing",
    "zipkin",
    "address",
    "drainDuration",
    "connectTimeout",
    "extensionProviders",
    "opentelemetry",
    "name",
    "port",
    "service",
    "trustDomainAliases",
    "localityLbSetting",
    "distribute",
    "from",
    "to",
    "defaultTrafficPolicy",
    "connectionPool",
    "tcp",
    "outboundTrafficPolicy",
    "mode",
    "networks",
    "gateways",
    "endpoints",
    "fromCidr",
    "proxyMetadata",
    "concurrency",
    "spec",
    "meshConfig",
    "values",
    "global",
    "components",
    "ingressGateways",
    "k8s",
    "ports",
    "profile",
    "tag",
    "x/y~z",
    "",
];

const TEXTS: &[&str] = &[
    "",
    "a",
    "*",
    "a/b",
    "10.0.0.0/8",
    "1s",
    "-1s",
    "9999999999h",
    "h:1",
    "[::1]:80",
    "\u{e4}.b",
    "STRICT",
    "5",
    "$(HOST_IP):1",
    "outbound_.1_._.a",
    "--",
    "0.0000001s",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3i64..70_000).prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        proptest::sample::select(TEXTS).prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(NAMES), inner), 0..6).prop_map(
                |fields| {
                    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
                    Value::Object(fields.collect::<Map<String, Value>>())
                }
            ),
        ]
    })
}

proptest! {
    #[test]
    fn anything_is_answered(value in any_json()) {
        let (mesh, problems) = validate_mesh_config(&value);
        prop_assert!(problems.iter().all(|problem| !problem.what.is_empty()));
        // The settings that come back hold what the rules promise.
        let (again, problems) = validate_mesh_config(&serde_json::to_value(&mesh).unwrap());
        if !validate_mesh_config(&value).1.iter().any(weft_meshconfig::Problem::is_error) {
            prop_assert!(!problems.iter().any(weft_meshconfig::Problem::is_error), "{problems:#?}");
            prop_assert_eq!(again, mesh);
        }
        let told = |problems: &[weft_meshconfig::Problem]| problems.iter().all(|p| !p.fix.is_empty());
        prop_assert!(told(&validate_mesh_networks(&value).1));
        prop_assert!(told(&validate_istio_operator(&value).2));
        prop_assert!(told(&validate_config_map(&config_map_of(&value)).2));
        let texts = json!({"data": {"mesh": value.to_string(), "meshNetworks": value}});
        prop_assert!(told(&validate_config_map(&texts).2));
    }
}

#[test]
fn a_great_many_mistakes_are_told_in_time() {
    let fields = (0..20_000).map(|n| (format!("f{n}"), Value::Null));
    let fields: Map<String, Value> = fields.map(|(name, _)| (name, json!(1))).collect();
    let (_, problems) = validate_mesh_config(&Value::Object(fields));
    assert_eq!(problems.len(), 20_000);
}
