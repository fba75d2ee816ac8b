use std::borrow::Cow;

use proxy_config::claim::{Claim, ClaimMatch, ClaimValue};
use proxy_config::matcher::{Fraction, StringMatcher};
use proxy_config::route::{
    FilterOverrides, HeaderMatch, HeaderOps, HeaderValueMatch, PathMatch, QueryMatch, Redirect,
    Rewrite, RouteAction, RouteMatch,
};

use super::*;

struct Request(&'static str, &'static str, &'static [(&'static str, &'static str)]);

impl RequestFacts for Request {
    fn method(&self) -> &str {
        "GET"
    }
    fn path(&self) -> &str {
        self.1
    }
    fn authority(&self) -> &str {
        self.0
    }
    fn scheme(&self) -> &str {
        "http"
    }
    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        self.2.iter().find(|(n, _)| *n == name).map(|(_, v)| Cow::Borrowed(*v))
    }
}

fn any() -> RouteMatch {
    RouteMatch {
        path: PathMatch::Prefix("/".into()),
        case_sensitive: true,
        headers: Vec::new(),
        query: Vec::new(),
        claims: Vec::new(),
        grpc: false,
        fraction: Fraction::ALWAYS,
    }
}

fn route(name: &str, matches: RouteMatch) -> Route {
    Route {
        name: name.into(),
        matches,
        action: RouteAction::Redirect(Arc::new(Redirect::default())),
        headers: HeaderOps::default(),
        filters: FilterOverrides::default(),
        decorator: "".into(),
    }
}

fn host(name: &str, domains: &[&str], routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name: name.into(),
        domains: domains.iter().map(|d| Arc::from(*d)).collect(),
        routes,
        headers: HeaderOps::default(),
        retry: None,
        include_attempt_count: false,
        filters: FilterOverrides::default(),
    }
}

fn compile(virtual_hosts: Vec<VirtualHost>) -> Routes {
    Routes::compile(Arc::new(RouteConfig {
        name: "80".into(),
        virtual_hosts,
        ignore_port: false,
        headers: HeaderOps::default(),
    }))
}

#[test]
fn the_most_specific_host_wins_whatever_its_position() {
    let routes = compile(vec![
        host("any", &["*"], vec![]),
        host("short", &["*.example.com"], vec![]),
        host("long", &["*.api.example.com"], vec![]),
        host("prefix", &["shop.*"], vec![]),
        host("exact", &["www.example.com", "www.example.com:80"], vec![]),
    ]);
    let cases = [
        ("www.example.com", "exact"),
        ("WWW.example.com:80", "exact"),
        ("x.example.com", "short"),
        ("x.api.example.com", "long"),
        ("shop.test", "prefix"),
        ("example.com", "any"),
    ];
    for (authority, expected) in cases {
        assert_eq!(&*routes.host(authority).unwrap().name, expected, "{authority}");
    }
}

/// A request whose token says who sent it.
struct Signed(Request, &'static str);

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
        matches!(path, [name] if **name == *"sub").then_some(Claim::Text(self.1))
    }
}

#[test]
fn a_route_may_ask_who_signed() {
    let of = |name: &str, invert| {
        let value = ClaimValue::Text(StringMatcher::Exact(name.into()));
        let claims = vec![ClaimMatch { path: vec!["sub".into()], value, invert }];
        RouteMatch { claims, ..any() }
    };
    let all =
        vec![route("ann", of("ann", false)), route("others", of("bob", true)), route("bob", any())];
    let routes = compile(vec![host("h", &["*"], all)]);
    let request = || Request("h", "/", &[("sub", "ann")]);
    let name = |request: &dyn RequestFacts| routes.find(request, 0).unwrap().route.name.to_string();
    assert_eq!(name(&Signed(request(), "ann")), "ann");
    assert_eq!(name(&Signed(request(), "eve")), "others");
    assert_eq!(name(&Signed(request(), "bob")), "bob");
    assert_eq!(name(&request()), "others", "a field is no claim, and who shows none is not bob");
}

#[test]
fn the_first_route_that_matches_is_taken() {
    let canary = HeaderMatch {
        name: "x-canary".into(),
        value: HeaderValueMatch::Text(StringMatcher::Exact("true".into())),
        invert: false,
        missing_is_empty: false,
    };
    let by_header = RouteMatch { headers: vec![canary.clone()], ..any() };
    let inverted = RouteMatch { headers: vec![HeaderMatch { invert: true, ..canary }], ..any() };
    let by_query = RouteMatch {
        query: vec![QueryMatch {
            name: "v".into(),
            value: Some(StringMatcher::Exact("a b".into())),
        }],
        ..any()
    };
    let exact = RouteMatch { path: PathMatch::PathPrefix("/api".into()), ..any() };
    let routes = compile(vec![host(
        "h",
        &["*"],
        vec![
            route("header", by_header),
            route("query", by_query),
            route("api", exact),
            route("missing header never matches, inverted or not", inverted),
            route("rest", any()),
        ],
    )]);
    let find = |request: Request| routes.find(&request, 0).unwrap().route.name.to_string();
    assert_eq!(find(Request("h", "/", &[("x-canary", "true")])), "header");
    assert_eq!(find(Request("h", "/?v=a%20b", &[])), "query");
    assert_eq!(find(Request("h", "/api/x?y", &[])), "api");
    assert_eq!(find(Request("h", "/apix", &[])), "rest");
}

#[test]
fn weights_split_by_the_random_number() {
    let forward = |weights: &[u32]| Forward {
        clusters: weights
            .iter()
            .enumerate()
            .map(|(i, w)| WeightedCluster {
                cluster: i.to_string().into(),
                weight: *w,
                headers: HeaderOps::default(),
            })
            .collect(),
        timeout: None,
        idle_timeout: None,
        max_grpc_timeout: None,
        retry: None,
        rewrite: None,
        host_rewrite: None,
        hash: Vec::new(),
        mirrors: Vec::new(),
        upgrades: None,
        cluster_not_found: 503,
    };
    let split = forward(&[90, 0, 10]);
    let mut counts = [0; 3];
    for random in 0..1000 {
        let picked = pick_cluster(&split, random).unwrap();
        counts[picked.cluster.parse::<usize>().unwrap()] += 1;
    }
    assert_eq!(counts, [900, 0, 100]);
    assert!(pick_cluster(&forward(&[0, 0]), 7).is_none());
}

#[test]
fn prefixes_and_patterns_are_rewritten_and_the_query_stays() {
    let matched = RouteMatch { path: PathMatch::Prefix("/api/".into()), ..any() };
    let prefix = Rewrite::Prefix("/".into());
    assert_eq!(rewrite_path(&prefix, &matched, "/api/x?q=1"), "/x?q=1");
    let pattern = Rewrite::Regex(regex::Regex::new("^/api/(.*)$").unwrap(), "/v2/$1".into());
    assert_eq!(rewrite_path(&pattern, &matched, "/api/x?q=1"), "/v2/x?q=1");
}

#[test]
fn a_redirect_to_https_drops_the_old_default_port() {
    let to = Redirect { status: 301, scheme: Some("https".into()), ..Redirect::default() };
    let found = redirect(&to, &any(), &Request("shop:80", "/a?b", &[]));
    assert_eq!(found, RedirectTo { status: 301, location: "https://shop/a?b".into() });
    let to = Redirect { status: 302, port: Some(8443), ..Redirect::default() };
    let found = redirect(&to, &any(), &Request("shop", "/", &[]));
    assert_eq!(found.location, "http://shop:8443/");
}

#[test]
fn operators_are_filled_in() {
    let request = Request("h", "/p", &[("x-user", "ann")]);
    let facts = FormatFacts {
        request: &request,
        downstream_remote: Some("10.0.0.1:5".parse().unwrap()),
        downstream_local: None,
        peer_uri: None,
        protocol: "HTTP/1.1",
        hostname: "pod",
        route_name: "",
        cluster: None,
        response_code: None,
        response: Some(&|name| (name == "x-a").then(|| "answer".to_owned())),
        upstream: Some("10.0.0.2:80".parse().unwrap()),
        started: std::time::SystemTime::UNIX_EPOCH,
    };
    for (text, value) in [
        ("%REQ(X-User)%-%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%-100%%", "ann-10.0.0.1-100%"),
        ("%REQ(x-none?x-user):2%", "an"),
        ("%REQ(x-none)%", ""),
        ("%RESP(X-A)% of %UPSTREAM_HOST%", "answer of 10.0.0.2:80"),
        ("%START_TIME(%Y-%m)%!", "1970-01!"),
        ("%NOBODY_KNOWS%", ""),
        ("50% off", "50% off"),
    ] {
        assert_eq!(format_value(text, &facts), value, "{text}");
    }
}

struct Asked(String);

impl RequestFacts for Asked {
    fn method(&self) -> &str {
        if self.0.is_empty() { "CONNECT" } else { "GET" }
    }
    fn path(&self) -> &str {
        &self.0
    }
    fn authority(&self) -> &str {
        "a"
    }
    fn scheme(&self) -> &str {
        "http"
    }
    fn field(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

proptest::proptest! {
    #[test]
    fn a_long_list_gives_the_first_route_that_takes_the_request(
        paths in proptest::collection::vec(("[/aAé]{0,5}", 0usize..5, proptest::bool::weighted(0.9), 0u32..4), 12..60),
        asked in proptest::collection::vec("(/[/aAé]{0,6}([?]a)?)?", 20),
    ) {
        let routes: Vec<Route> = paths.iter().map(|(path, kind, case_sensitive, share)| {
            let text: Arc<str> = path.as_str().into();
            let path = [
                PathMatch::Prefix(text.clone()),
                PathMatch::PathPrefix(text.clone()),
                PathMatch::Exact(text.clone()),
                PathMatch::Regex(regex::Regex::new(&format!("^(?:{text})$")).unwrap()),
                PathMatch::Connect,
            ][*kind].clone();
            let fraction = Fraction(*share);
            route(&text, RouteMatch { path, case_sensitive: *case_sensitive, fraction, ..any() })
        }).collect();
        let long = compile(vec![host("long", &["*"], routes.clone())]);
        for asked in asked.into_iter().map(Asked) {
            let expected = routes.iter().position(|route| unmet(&route.matches, &asked, 1).is_none());
            let found = long.find(&asked, 1).map(|found| std::ptr::from_ref(found.route));
            let places = &long.config().virtual_hosts[0].routes;
            proptest::prop_assert_eq!(found, expected.map(|at| std::ptr::from_ref(&places[at])));
        }
    }
}
