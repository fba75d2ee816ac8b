//! Random AuthorizationPolicies and random calls: the answer of the pure rooms against a naive reading of Istio's words.
//!
//! The reference reads the written policies as Istio's documentation tells them, and knows nothing of Envoy's rules. A pair
//! that differs is printed whole with its seed. `WEFT_PAIRS=100000` tries as many.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ctl_snapshot::MeshSettings;
use serde_json::{Value, json};
use weft_explain::{Call, Mesh, Outcome, Proxies};

#[path = "random/dice.rs"]
mod dice;
#[path = "random/reference.rs"]
mod reference;

use dice::Dice;
use reference::Asked;

/// Calls for each set of policies.
const CALLS: usize = 100;

#[allow(clippy::disallowed_methods, reason = "how much is tried is the test's setting")]
fn pairs() -> usize {
    std::env::var("WEFT_PAIRS").ok().and_then(|wish| wish.parse().ok()).unwrap_or(5_000)
}

fn base() -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {}, "status": {"podIP": "10.244.0.10"},
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}}}),
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {"app": "web"}, "ports": [
                {"name": "http", "port": 8080}, {"name": "tcp", "port": 9000}]}}),
    ]
}

fn call(asked: &Asked) -> Call {
    let fields: BTreeMap<&str, &str> = asked.fields.iter().copied().collect();
    let mut call = json!({
        "inbound": "web.shop", "to": format!("web:{}", asked.port()), "tcp": asked.tcp,
        "source_ip": asked.from.to_string(), "headers": fields,
    });
    if let Some((namespace, account)) = asked.peer {
        call["mtls"] = json!(true);
        call["principal"] = json!(format!("{namespace}/{account}"));
        call["sni"] = json!(asked.sni);
    }
    if !asked.tcp {
        (call["method"], call["path"]) = (json!(asked.method), json!(asked.path));
        call["headers"]["host"] = json!(asked.host);
    }
    Call::read(&call).unwrap()
}

fn check(policies: &[Value], dice: &mut Dice, seed: u64) {
    let mut objects = base();
    objects.extend(policies.iter().cloned());
    let (mesh, problems) = Mesh::new(objects, BTreeMap::new(), MeshSettings::default());
    let errors: Vec<_> = problems.iter().filter(|problem| problem.is_error()).collect();
    assert!(errors.is_empty(), "seed {seed}: {errors:?}");
    let mut proxies = Proxies::of(&mesh);
    for _ in 0..CALLS {
        let asked = dice.asked();
        let answer = proxies.explain(&call(&asked)).unwrap();
        let expected = reference::allowed(policies, &asked);
        let found = match answer.outcome {
            Outcome::Routed | Outcome::Tcp => true,
            Outcome::Denied => false,
            other => panic!("seed {seed}: {asked:?}: {other:?}"),
        };
        let told = || {
            let policies: Vec<String> = policies.iter().map(Value::to_string).collect();
            format!("seed {seed}\n{}\n{asked:?}\n{:#?}", policies.join("\n"), answer.trace)
        };
        assert_eq!(found, expected, "{}", told());
        if let (Some(policy), Some(rule)) = (&answer.policy, answer.rule) {
            assert!(reference::matches(policies, policy, rule, &asked), "{}", told());
        }
        let miss = answer.nearest_miss.as_ref();
        assert!(miss.is_none_or(|miss| !miss.conditions.is_empty()), "{}", told());
        // Whoever misses a rule does not match it.
        let own = miss.and_then(|miss| Some((miss.policy.as_str(), miss.rule?)));
        let matched = own.is_some_and(|(name, n)| reference::matches(policies, name, n, &asked));
        assert!(!matched, "{}", told());
    }
}

#[test]
fn random_policies_decide_about_random_calls_as_istios_words_say() {
    let mut allowed = 0;
    for seed in 0..u64::try_from(pairs().div_ceil(CALLS)).unwrap() {
        let mut dice = Dice::new(seed);
        let policies = dice.policies();
        allowed += usize::from(policies.len() > 1);
        check(&policies, &mut dice, seed);
    }
    assert!(allowed > 0);
}

#[test]
fn the_reference_reads_values_as_istio_does() {
    let holds = reference::value;
    assert!(holds("a", "a") && !holds("a", "b") && holds("*", "x") && !holds("*", ""));
    assert!(holds("a*", "ab") && !holds("a*", "ba") && holds("*b", "ab") && !holds("*b", "ba"));
    assert!(reference::in_range("10.0.0.0/8", Ipv4Addr::new(10, 1, 2, 3)));
    assert!(!reference::in_range("10.0.0.1", Ipv4Addr::new(10, 0, 0, 2)));
    assert!(reference::path("/a/{*}/c", "/a/b/c") && !reference::path("/a/{*}/c", "/a/b/b/c"));
    assert!(reference::path("/a/{**}", "/a/b/c") && !reference::path("/a/{**}", "/b/c"));
}
