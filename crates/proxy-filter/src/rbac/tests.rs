use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use proxy_config::claim::{Claim, ClaimValue};
use proxy_config::matcher::StringMatcher;
use proxy_config::route::{HeaderMatch, HeaderValueMatch};

use super::*;

struct Request(&'static str, &'static str);

impl RequestFacts for Request {
    fn method(&self) -> &str {
        self.0
    }
    fn path(&self) -> &str {
        self.1
    }
    fn authority(&self) -> &str {
        "payment-service.payments:8080"
    }
    fn scheme(&self) -> &str {
        "http"
    }
    fn field(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

fn method(name: &str) -> Permission {
    Permission::Header(HeaderMatch {
        name: ":method".into(),
        value: HeaderValueMatch::Text(StringMatcher::Exact(name.into())),
        invert: false,
        missing_is_empty: false,
    })
}

fn rules(action: Action) -> Rbac {
    let checkout = "spiffe://cluster.local/ns/checkout/sa/checkout-service";
    let policy = Policy {
        permissions: vec![Permission::And(vec![
            Permission::Or(vec![method("GET"), method("POST")]),
            Permission::Path(StringMatcher::Prefix("/api/v1/payments".into())),
        ])],
        principals: vec![Principal::Authenticated(Some(StringMatcher::Exact(checkout.into())))],
    };
    let policies = vec![(Arc::from("ns[payments]-policy[p]-rule[0]"), policy)];
    Rbac { rules: Some(Rules::new(action, policies)), shadow: None, shadow_prefix: "".into() }
}

/// A connection of somebody of the mesh.
fn of_mesh(peer_names: &[String]) -> ConnectionFacts<'_> {
    ConnectionFacts {
        direct_remote: IpAddr::from([10, 244, 0, 9]),
        remote: IpAddr::from([10, 244, 0, 9]),
        destination: "10.244.0.5:8080".parse().unwrap(),
        server_name: None,
        peer_names,
        peer_verified: true,
    }
}

#[track_caller]
fn check(action: Action, peer: &str, request: Option<Request>, allowed: bool) {
    let names = [format!("spiffe://cluster.local/ns/checkout/sa/{peer}")];
    let connection = of_mesh(&names);
    let request = request.as_ref().map(|r| r as &dyn RequestFacts);
    let rbac = rules(action);
    let decision = decide(&rbac, &Facts { connection, request });
    assert_eq!(decision.allowed, allowed, "{decision:?}");
}

/// A connection of nobody who is known.
fn plain() -> ConnectionFacts<'static> {
    ConnectionFacts {
        direct_remote: IpAddr::from([10, 244, 0, 9]),
        remote: IpAddr::from([10, 244, 0, 9]),
        destination: ([10, 244, 0, 5], 8080).into(),
        server_name: None,
        peer_names: &[],
        peer_verified: false,
    }
}

#[test]
fn an_allow_policy_admits_its_caller_on_its_paths_only() {
    let allowed = || Some(Request("GET", "/api/v1/payments/1?x=/admin"));
    check(Action::Allow, "checkout-service", allowed(), true);
    check(Action::Allow, "sleep", allowed(), false);
    check(Action::Allow, "checkout-service", Some(Request("DELETE", "/api/v1/payments/1")), false);
    check(
        Action::Allow,
        "checkout-service",
        Some(Request("GET", "/admin?/api/v1/payments")),
        false,
    );
    check(Action::Deny, "checkout-service", allowed(), false);
    check(Action::Deny, "sleep", allowed(), true);
    check(Action::Log, "sleep", allowed(), true);
}

#[test]
fn a_condition_on_the_request_never_holds_on_plain_tcp() {
    check(Action::Allow, "checkout-service", None, false);
    check(Action::Deny, "checkout-service", None, true);
}

#[test]
fn a_denied_request_says_by_which_policy() {
    let denied = verdict(Decision { allowed: false, policy: None });
    let Verdict::Respond { status, body, details } = denied else { panic!("not denied") };
    assert_eq!((status, body), (403, "RBAC: access denied"));
    assert_eq!(details, "rbac_access_denied_matched_policy[none]");
}

/// What the nearest policy of `rules` misses for a caller, in words.
fn missed(peer: &str, request: Option<Request>) -> Vec<String> {
    let names = [format!("spiffe://cluster.local/ns/checkout/sa/{peer}")];
    let connection = of_mesh(&names);
    let request = request.as_ref().map(|r| r as &dyn RequestFacts);
    let facts = Facts { connection, request };
    let rbac = rules(Action::Allow);
    let (decision, tried) = trace(rbac.rules.as_ref().unwrap(), &facts);
    assert_eq!(decision, decide(&rbac, &facts));
    let nearest = nearest(&tried).map(|tried| tried.misses.as_slice()).unwrap_or_default();
    nearest.iter().map(ToString::to_string).collect()
}

#[test]
fn a_trace_names_every_condition_that_failed_as_policies_write_it() {
    let own = "cluster.local/ns/checkout/sa";
    assert_eq!(missed("checkout-service", Some(Request("GET", "/api/v1/payments"))), [""; 0]);
    assert_eq!(
        missed("sleep", Some(Request("DELETE", "/api/v1/payments"))),
        [
            format!("from.source.principals: {own}/sleep is not {own}/checkout-service"),
            "to.operation.methods: DELETE is not one of GET, POST".to_owned(),
        ]
    );
    assert_eq!(
        missed("checkout-service", None),
        [
            "to.operation.methods: a connection without requests is not one of GET, POST",
            "to.operation.paths: a connection without requests is not /api/v1/payments*",
        ]
    );
}

#[test]
fn what_must_not_be_is_told_as_such() {
    let forbidden = Permission::Or(vec![method("PUT"), method("DELETE")]);
    let policy = Policy {
        permissions: vec![Permission::Not(Box::new(forbidden))],
        principals: vec![Principal::Any],
    };
    let rules = Rules::new(Action::Allow, vec![(Arc::from("p"), policy)]);
    let connection = plain();
    let request = Request("PUT", "/");
    let facts = Facts { connection, request: Some(&request) };
    let (_, tried) = trace(&rules, &facts);
    assert_eq!(
        tried[0].misses[0].to_string(),
        "to.operation.notMethods: PUT is one of PUT, DELETE"
    );
}

/// What a proxy says of a call of nobody to `/` of a service on port 8080.
fn denied(action: Action, policy: Policy) -> String {
    let policies = vec![(Arc::from("ns[shop]-policy[p]-rule[3]"), policy)];
    let rules = Rules::new(action, policies);
    let connection = plain();
    let request = Request("GET", "/");
    denial(&rules, &Facts { connection, request: Some(&request) })
}

fn asks_for(permissions: Vec<Permission>, principals: Vec<Principal>) -> Policy {
    Policy { permissions, principals }
}

#[test]
fn a_denial_says_which_rule_denies_or_came_nearest() {
    let any = || asks_for(vec![Permission::Any], vec![Principal::Any]);
    assert_eq!(denied(Action::Deny, any()), "rule 3 of shop/p denies it");
    let posts = asks_for(vec![method("POST")], vec![Principal::Any]);
    assert_eq!(
        denied(Action::Allow, posts),
        "no rule allows it; rule 3 of shop/p comes nearest, but to.operation.methods: GET is not POST"
    );
    let none = Rules::new(Action::Allow, Vec::new());
    let connection = plain();
    let told = denial(&none, &Facts { connection, request: None });
    assert_eq!(told, "no rule allows it, as there is none");
}

#[test]
fn a_denial_has_no_secret_and_no_end_of_line_and_an_end() {
    let header = |name: &str, value: &str| {
        Permission::Header(HeaderMatch {
            name: name.into(),
            value: HeaderValueMatch::Text(StringMatcher::Exact(value.into())),
            invert: false,
            missing_is_empty: false,
        })
    };
    let group = ClaimValue::Text(StringMatcher::Exact("topsecret".into()));
    let claim = Principal::Claim(vec!["group".into()], group);
    let wants = vec![header("x-key", "topsecret")];
    let told = denied(Action::Allow, asks_for(wants, vec![claim]));
    assert!(!told.contains("topsecret"), "{told}");
    assert!(told.contains("when request.headers[x-key] does not hold"), "{told}");
    assert!(told.contains("when request.auth.claims[group] does not hold"), "{told}");

    let paths = |number: usize, path: &dyn Fn(usize) -> String| {
        let one = |n| Permission::Path(StringMatcher::Exact(path(n).into()));
        let any = Permission::Or((0..number).map(one).collect());
        denied(Action::Allow, asks_for(vec![any], vec![Principal::Any]))
    };
    let told = paths(20, &|n| format!("/{n}"));
    assert!(told.ends_with("/ is not one of /0, /1, /2, /3, /4, /5, /6, /7, 12 more"), "{told}");
    let told = paths(1, &|_| "/a\r\nb".to_owned());
    assert!(told.ends_with("/ is not /a??b"), "{told}");
    let told = paths(1, &|_| "/\u{e4}".repeat(5000));
    assert!(told.ends_with("\u{e4}...") && told.chars().count() < 1100, "{}", told.len());
}

/// A request whose token has a text `team` and a list `teams`.
struct Signed(Request);

impl RequestFacts for Signed {
    fn method(&self) -> &str {
        self.0.method()
    }
    fn path(&self) -> &str {
        self.0.path()
    }
    fn authority(&self) -> &str {
        self.0.authority()
    }
    fn scheme(&self) -> &str {
        self.0.scheme()
    }
    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.field(name)
    }
    fn claim(&self, path: &[Arc<str>]) -> Option<Claim<'_>> {
        match path {
            [name] if **name == *"team" => Some(Claim::Text("red")),
            [name] if **name == *"teams" => Some(Claim::List(vec!["blue", "red"])),
            _ => None,
        }
    }
}

#[test]
fn a_condition_on_a_text_is_none_on_members_of_a_list() {
    let connection = plain();
    let request = Signed(Request("GET", "/"));
    let facts = Facts { connection, request: Some(&request) };
    let red = || StringMatcher::Exact("red".into());
    let told = |name: &str, value| {
        let principals = vec![Principal::Claim(vec![name.into()], value)];
        let policy = Policy { permissions: vec![Permission::Any], principals };
        let rules = Rules::new(Action::Allow, vec![(Arc::from("p"), policy)]);
        let (decision, tried) = trace(&rules, &facts);
        let miss = tried[0].misses.first().map(ToString::to_string);
        assert_eq!(decision.allowed, miss.is_none());
        miss
    };
    assert_eq!(told("team", ClaimValue::Text(red())), None);
    assert_eq!(told("teams", ClaimValue::Member(red())), None);
    assert_eq!(told("teams", ClaimValue::Present), None);
    let either = || ClaimValue::Any(vec![ClaimValue::Member(red()), ClaimValue::Text(red())]);
    assert_eq!((told("team", either()), told("teams", either())), (None, None));
    let missed = |name: &str, found: &str| {
        Some(format!("when request.auth.claims[{name}]: {found} is not red"))
    };
    assert_eq!(told("team", ClaimValue::Member(red())), missed("team", "red"));
    assert_eq!(told("teams", ClaimValue::Text(red())), missed("teams", "blue, red"));
    assert_eq!(told("none", either()), missed("none", "a call without this claim"));
}
