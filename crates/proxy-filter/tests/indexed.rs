//! Many policies are looked up by what a request is; the answer must be that of looking at each.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;
use proxy_config::matcher::StringMatcher;
use proxy_config::pieces::Pieces;
use proxy_config::rbac::{Action, Permission, Policy, Principal, Rbac, Rules};
use proxy_config::route::{HeaderMatch, HeaderValueMatch};
use proxy_config::{ConnectionFacts, RequestFacts};
use proxy_filter::rbac::{Facts, decide};

#[derive(Debug, Clone)]
struct Request {
    method: String,
    path: String,
    tenant: Option<String>,
}

impl RequestFacts for Request {
    fn method(&self) -> &str {
        &self.method
    }
    fn path(&self) -> &str {
        &self.path
    }
    fn authority(&self) -> &'static str {
        "web"
    }
    fn scheme(&self) -> &'static str {
        "http"
    }
    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let tenant = self.tenant.as_deref().filter(|_| name == "x-tenant");
        tenant.map(Cow::Borrowed)
    }
}

const PATH: &str = "(/[abé]){0,3}/?";
const IDENTITY: &str = "(spiffe://[xy]/ns/[ab]/sa/[de]|(spiffe://)?[xy](/ns/)?[abc]?(/sa/)?[de]?)";
const NAMES: &str = r"spiffe://(x|\[\^/\]\+)/ns/[ab](/\.\*|/sa/d|)";
const TEMPLATE: &str = r"(/[ab]|/\{\*\}|/\{\*\*\}){1,3}";

fn text(of: &'static str) -> impl Strategy<Value = StringMatcher> {
    (of, 0..12).prop_map(|(text, kind)| match kind {
        0 => StringMatcher::Prefix(text.into()),
        1 => StringMatcher::Suffix(text.into()),
        2 => StringMatcher::IgnoreCase(Box::new(StringMatcher::Exact(text.into()))),
        _ => StringMatcher::Exact(text.into()),
    })
}

fn name() -> impl Strategy<Value = StringMatcher> {
    let pieces = NAMES.prop_filter_map("pieces", |text| Pieces::of(&text));
    prop_oneof![text(IDENTITY), pieces.prop_map(StringMatcher::Pieces)]
}

fn field() -> impl Strategy<Value = HeaderMatch> {
    let names = prop_oneof![Just(":method"), Just("x-tenant")];
    let parts = (names, text("(GET|POST|blue|)"), any::<bool>(), any::<bool>());
    parts.prop_map(|(name, value, invert, missing_is_empty)| HeaderMatch {
        name: name.into(),
        value: HeaderValueMatch::Text(value),
        invert,
        missing_is_empty,
    })
}

fn permission() -> impl Strategy<Value = Permission> {
    let leaf = prop_oneof![
        1 => Just(Permission::Any),
        3 => field().prop_map(Permission::Header),
        5 => text(PATH).prop_map(Permission::Path),
        2 => TEMPLATE.prop_map(|text| Permission::PathTemplate(text.into())),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Permission::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Permission::Or),
            inner.prop_map(|one| Permission::Not(Box::new(one))),
        ]
    })
}

fn principal() -> impl Strategy<Value = Principal> {
    let leaf = prop_oneof![
        1 => Just(Principal::Any),
        1 => Just(Principal::Authenticated(None)),
        6 => name().prop_map(|name| Principal::Authenticated(Some(name))),
        1 => field().prop_map(Principal::Header),
        1 => text(PATH).prop_map(Principal::Path),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Principal::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Principal::Or),
            inner.prop_map(|one| Principal::Not(Box::new(one))),
        ]
    })
}

/// As policies of users are: mostly about some paths and some callers, with more conditions beside.
fn policies() -> impl Strategy<Value = Vec<(Arc<str>, Policy)>> {
    let template = TEMPLATE.prop_map(|text| Permission::PathTemplate(text.into()));
    let paths = prop_oneof![2 => text(PATH).prop_map(Permission::Path), 1 => template];
    let paths = prop::collection::vec(paths, 1..3);
    let names = name().prop_map(|name| Principal::Authenticated(Some(name)));
    let names = prop::collection::vec(names, 1..3);
    let asked = (paths, field(), permission()).prop_map(|(paths, field, more)| {
        Permission::And(vec![Permission::Or(paths), Permission::Header(field), more])
    });
    let asking = (names, principal())
        .prop_map(|(names, more)| Principal::And(vec![more, Principal::Or(names)]));
    let permissions = prop::collection::vec(prop_oneof![8 => asked, 1 => permission()], 1..3);
    let principals = prop::collection::vec(prop_oneof![8 => asking, 1 => principal()], 1..3);
    let policy = (permissions, principals)
        .prop_map(|(permissions, principals)| Policy { permissions, principals });
    prop::collection::vec(policy, 8..90).prop_map(|policies| {
        let named = |(number, policy): (usize, Policy)| (number.to_string().into(), policy);
        policies.into_iter().enumerate().map(named).collect()
    })
}

fn request() -> impl Strategy<Value = Option<Request>> {
    let tenant = prop::option::of("(blue|green|)");
    let one = ("(GET|POST)", PATH, tenant);
    let one = one.prop_map(|(method, path, tenant)| Request { method, path, tenant });
    prop::option::weighted(0.9, one)
}

fn connection(peer_names: &[String], peer_verified: bool) -> ConnectionFacts<'_> {
    ConnectionFacts {
        direct_remote: IpAddr::from([10, 0, 0, 1]),
        remote: IpAddr::from([10, 0, 0, 1]),
        destination: ([10, 0, 0, 2], 80).into(),
        server_name: None,
        peer_names,
        peer_verified,
    }
}

/// The first that matches, each looked at alone, which is too few for an index.
fn one_by_one(policies: &[(Arc<str>, Policy)], facts: &Facts<'_>) -> Option<String> {
    let found = policies.iter().find(|(name, policy)| {
        let policies = vec![(Arc::clone(name), policy.clone())];
        let rules = Some(Rules::new(Action::Allow, policies));
        decide(&Rbac { rules, ..Rbac::default() }, facts).allowed
    });
    found.map(|(name, _)| name.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn an_index_changes_no_decision(
        policies in policies(),
        calls in prop::collection::vec((request(), prop::collection::vec(IDENTITY, 0..6), any::<bool>()), 20),
    ) {
        let rules = Rules::new(Action::Allow, policies.clone());
        let rbac = Rbac { rules: Some(rules), ..Rbac::default() };
        for (request, names, peer_verified) in &calls {
            let connection = connection(names, *peer_verified);
            let request = request.as_ref().map(|request| request as &dyn RequestFacts);
            let facts = Facts { connection, request };
            let found = decide(&rbac, &facts).policy.map(str::to_owned);
            prop_assert_eq!(found, one_by_one(&policies, &facts), "{:?}", names);
        }
    }
}

/// Is the last of eight policies found, of which the others are about other paths and callers?
fn is_found(permission: Permission, principal: &str, path: &str, names: &[String]) -> bool {
    let policy = |permission, name: &str| Policy {
        permissions: vec![permission],
        principals: vec![Principal::Authenticated(Some(StringMatcher::Exact(name.into())))],
    };
    let other = |number: usize| {
        let path = Permission::Path(StringMatcher::Exact("/".repeat(number + 1).into()));
        (number.to_string().into(), policy(path, "spiffe://x/ns/other/sa/o"))
    };
    let mut policies: Vec<(Arc<str>, Policy)> = (0..7).map(other).collect();
    policies.push(("wanted".into(), policy(permission, principal)));
    let rbac = Rbac { rules: Some(Rules::new(Action::Allow, policies)), ..Rbac::default() };
    let request = Request { method: "GET".into(), path: path.into(), tenant: None };
    let facts = Facts { connection: connection(names, true), request: Some(&request) };
    decide(&rbac, &facts).policy == Some("wanted")
}

#[test]
fn what_is_rare_is_found_too() {
    let web = "spiffe://x/ns/shop/sa/web";
    let names = [web.to_owned()];
    let template = |text: &str| Permission::PathTemplate(text.into());
    assert!(is_found(template("/a/{**}"), web, "/a/", &names));
    assert!(is_found(template("/{*}/b"), web, "/a/b", &names));
    // No other key is as short as its first character is long.
    let path = Permission::Path(StringMatcher::Prefix("é".into()));
    assert!(is_found(path, web, "é/a", &names));
    let mut many: Vec<String> =
        (0..9).map(|number| format!("spiffe://x/ns/n{number}/sa/a")).collect();
    many.push(web.to_owned());
    assert!(is_found(Permission::Any, web, "/a", &many));
}
