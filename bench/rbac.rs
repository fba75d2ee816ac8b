//! What a decision about access costs: a hundred rules of ten conditions each.
//!
//! Three requests: of somebody whom no rule names; of somebody whom every rule names, to a path of none; and one that only
//! the last rule lets in.

use std::borrow::Cow;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use proxy_config::matcher::StringMatcher;
use proxy_config::pieces::Pieces;
use proxy_config::rbac::{Action, Permission, Policy, Principal, Rbac, Rules};
use proxy_config::route::{HeaderMatch, HeaderValueMatch};
use proxy_config::{ConnectionFacts, RequestFacts};
use proxy_filter::rbac::{self, Facts};

const RULES: usize = 100;

struct Request(&'static str);

impl RequestFacts for Request {
    fn method(&self) -> &str {
        "GET"
    }
    fn path(&self) -> &str {
        self.0
    }
    fn authority(&self) -> &str {
        "payment-service.payments:8080"
    }
    fn scheme(&self) -> &str {
        "http"
    }
    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "x-tenant").then_some(Cow::Borrowed("blue"))
    }
}

fn field(name: &str, text: &str) -> HeaderMatch {
    let value = HeaderValueMatch::Text(StringMatcher::Exact(text.into()));
    HeaderMatch { name: name.into(), value, invert: false, missing_is_empty: false }
}

fn name(text: String) -> Principal {
    Principal::Authenticated(Some(StringMatcher::Exact(text.into())))
}

/// Two methods, two paths, a field; three accounts of which one is the rule's own, a namespace, everybody's account.
fn rule(number: usize) -> (Arc<str>, Policy) {
    let method = |name| Permission::Header(field(":method", name));
    let path = |end: &str| {
        Permission::Path(StringMatcher::Prefix(format!("/api/v1/{number}/{end}").into()))
    };
    let own = |part: &str| name(format!("spiffe://cluster.local/ns/team-{number}/sa/{part}"));
    let namespace = Pieces::of(&format!("spiffe://[^/]+/ns/team-{number}/.*"));
    let namespace =
        namespace.map(|pieces| Principal::Authenticated(Some(StringMatcher::Pieces(pieces))));
    let mut accounts = vec![own("a"), own("b"), own("c")];
    accounts.extend(namespace);
    accounts.push(name("spiffe://cluster.local/ns/shop/sa/everywhere".to_owned()));
    let policy = Policy {
        permissions: vec![Permission::And(vec![
            Permission::Or(vec![method("POST"), method("GET")]),
            Permission::Or(vec![path("orders"), path("items")]),
            Permission::Header(field("x-tenant", "blue")),
        ])],
        principals: vec![Principal::And(vec![Principal::Or(accounts)])],
    };
    (format!("ns[payments]-policy[p]-rule[{number}]").into(), policy)
}

fn bench(criterion: &mut Criterion) {
    let policies = (0..RULES).map(rule).collect();
    let rules = Rules::new(Action::Allow, policies);
    let rbac = Rbac { rules: Some(rules), shadow: None, shadow_prefix: "".into() };
    let cases = [
        ("nobody's caller", "spiffe://cluster.local/ns/shop/sa/web", "/api/v1/7/items", false),
        (
            "everybody's caller, nobody's path",
            "spiffe://cluster.local/ns/shop/sa/everywhere",
            "/api/v2",
            false,
        ),
        (
            "the last rule's request",
            "spiffe://cluster.local/ns/shop/sa/everywhere",
            "/api/v1/99/items/3",
            true,
        ),
    ];
    for (what, caller, path, allowed) in cases {
        let names = [caller.to_owned()];
        let request = Request(path);
        let connection = ConnectionFacts {
            direct_remote: IpAddr::from([10, 244, 0, 9]),
            remote: IpAddr::from([10, 244, 0, 9]),
            destination: ([10, 244, 0, 5], 8080).into(),
            server_name: None,
            peer_names: &names,
            peer_verified: true,
        };
        let facts = Facts { connection, request: Some(&request) };
        assert_eq!(rbac::decide(&rbac, &facts).allowed, allowed, "{what}");
        criterion.bench_function(&format!("{RULES} rules of 10 conditions: {what}"), |bencher| {
            bencher.iter(|| rbac::decide(black_box(&rbac), black_box(&facts)).allowed);
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
