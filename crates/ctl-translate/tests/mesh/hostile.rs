//! Values that users can write and no proxy takes. Either the object is refused with the field, or both data planes take
//! what is made of it: one resource that a proxy refuses would hold up every other change of that resource.

use crate::everything::objections;
use crate::fixture::Mesh;

/// A part of an object: a route, a traffic policy, or a rule of access.
enum Hostile {
    Route(String),
    Traffic(String),
    Access(String),
}

/// Objects of one kind that validation lets pass, each by itself.
struct Passed {
    parts: Vec<String>,
    whole: fn(&str) -> String,
    proxy: &'static str,
}

impl Passed {
    fn new(whole: fn(&str) -> String, proxy: &'static str) -> Self {
        Self { parts: Vec::new(), whole, proxy }
    }

    fn add(&mut self, part: String) {
        let (_, problems) = Mesh::small().and(&(self.whole)(&part)).snapshot_with_problems();
        if !problems.iter().any(|problem| problem.starts_with("error")) {
            self.parts.push(part);
        }
    }

    fn objections(&self, part: &str) -> Vec<String> {
        let mesh = Mesh::small().and(&(self.whole)(part));
        let (snapshot, _) = mesh.snapshot_with_problems();
        objections(&mesh.served_from(&snapshot, self.proxy).0)
    }

    /// All in one object first, because starting Envoy is what takes the time.
    fn judge(&self, together: bool) -> Vec<String> {
        if together && self.objections(&self.parts.join(", ")).is_empty() {
            return Vec::new();
        }
        let one = |part: &String| {
            let all = self.objections(part).into_iter();
            all.map(|objection| format!("{part}\n  {objection}")).collect::<Vec<_>>()
        };
        self.parts.iter().flat_map(one).collect()
    }
}

fn routes(http: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: east}}\n\
         spec: {{hosts: [web], http: [{http}]}}\n"
    )
}

/// A route, with a condition so that it hides none after it.
fn route(more: &str) -> Hostile {
    let found = if more.contains("match:") { "" } else { "match: [{uri: {prefix: /x}}], " };
    Hostile::Route(format!("{{{found}{more}}}"))
}

fn to_web(more: &str) -> Hostile {
    route(&format!("route: [{{destination: {{host: web}}}}], {more}"))
}

fn rule(policy: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: r, namespace: east}}\n\
         spec: {{host: web, trafficPolicy: {{{policy}}}}}\n"
    )
}

fn policy(rules: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: east}}\n\
         spec: {{rules: [{rules}]}}\n"
    )
}

fn access(rule: &str) -> Hostile {
    Hostile::Access(format!("{{{rule}}}"))
}

#[test]
fn what_no_proxy_takes_is_refused_at_the_object() {
    let texts = [
        r#""""#,
        r#""a\nb""#,
        r#""a\0b""#,
        r#""\u00e9 \u4e2d""#,
        r#"" ""#,
        r#""%""#,
        r#""\\9""#,
        r#""(""#,
        r#""*""#,
    ];
    let mut objects = Vec::new();
    for text in texts {
        objects.extend([
            to_web(&format!("headers: {{request: {{set: {{x-a: {text}}}}}}}")),
            to_web(&format!("headers: {{response: {{add: {{x-a: {text}}}}}}}")),
            to_web(&format!("headers: {{request: {{set: {{host: {text}}}}}}}")),
            to_web(&format!("headers: {{request: {{remove: [{text}]}}}}")),
            to_web(&format!("rewrite: {{uri: {text}, authority: a}}")),
            to_web(&format!("rewrite: {{authority: {text}, uri: /a}}")),
            to_web(&format!("rewrite: {{uriRegexRewrite: {{match: '/(.*)', rewrite: {text}}}}}")),
            to_web(&format!("rewrite: {{uriRegexRewrite: {{match: {text}, rewrite: /a}}}}")),
            route(&format!("redirect: {{uri: {text}, scheme: https}}")),
            route(&format!("redirect: {{authority: {text}, scheme: https}}")),
            route(&format!("redirect: {{scheme: {text}, uri: /a}}")),
            route(&format!("match: [{{uri: {{prefix: /a}}}}], redirect: {{prefixRewrite: {text}, scheme: https}}")),
            route(&format!("directResponse: {{status: 200, body: {{string: {text}}}}}")),
            to_web(&format!("name: {text}")),
            to_web(&format!("corsPolicy: {{allowOrigins: [{{exact: {text}}}], allowHeaders: [{text}]}}")),
            to_web(&format!("corsPolicy: {{allowOrigins: [{{prefix: {text}}}]}}")),
            to_web(&format!("corsPolicy: {{allowOrigins: [{{regex: {text}}}]}}")),
            Hostile::Traffic(format!("loadBalancer: {{consistentHash: {{httpHeaderName: {text}}}}}")),
            Hostile::Traffic(format!("loadBalancer: {{consistentHash: {{httpCookie: {{name: {text}, ttl: 1s}}}}}}")),
            Hostile::Traffic(format!("loadBalancer: {{consistentHash: {{httpCookie: {{name: a, path: {text}, ttl: 1s}}}}}}")),
            Hostile::Traffic(format!("loadBalancer: {{consistentHash: {{httpQueryParameterName: {text}}}}}")),
            Hostile::Traffic(format!("tls: {{mode: ISTIO_MUTUAL, sni: {text}}}")),
            Hostile::Traffic(format!("tls: {{mode: ISTIO_MUTUAL, subjectAltNames: [{text}]}}")),
        ]);
        for field in [
            "uri",
            "method",
            "authority",
            "scheme",
            "headers: {x-a",
            "queryParams: {q",
            "withoutHeaders: {x-a",
        ] {
            let close = if field.contains('{') { "}" } else { "" };
            for form in ["exact", "prefix", "regex"] {
                objects.push(to_web(&format!("match: [{{{field}: {{{form}: {text}}}{close}}}]")));
            }
        }
        for field in ["principals", "namespaces", "trustDomains", "serviceAccounts"] {
            objects.push(access(&format!("from: [{{source: {{{field}: [{text}]}}}}]")));
        }
        for field in ["hosts", "methods", "paths"] {
            objects.push(access(&format!("to: [{{operation: {{{field}: [{text}]}}}}]")));
        }
        objects.push(access(&format!("when: [{{key: 'request.headers[x-a]', values: [{text}]}}]")));
        objects.push(access(&format!("when: [{{key: connection.sni, values: [{text}]}}]")));
    }
    for key in ["request.headers[]", "request.headers[a b]", "request.headers[:path]"] {
        objects.push(access(&format!("when: [{{key: '{key}', values: [b]}}]")));
    }
    for path in ["/a/{**}/b/{*}", "/{*}/{**}", "/{**}.x", "/a{*}", "/{*}/*", "a/{*}", "/{*}/"] {
        objects.push(access(&format!("to: [{{operation: {{paths: ['{path}']}}}}]")));
    }
    for span in ["0s", "1ms", "10000h", "999999999h"] {
        objects.extend([
            to_web(&format!("timeout: {span}")),
            to_web(&format!("retries: {{attempts: 1, perTryTimeout: {span}, backoff: {span}}}")),
            to_web(&format!("fault: {{delay: {{fixedDelay: {span}, percentage: {{value: 1}}}}}}")),
            Hostile::Traffic(format!(
                "connectionPool: {{tcp: {{connectTimeout: {span}, idleTimeout: {span}}}}}"
            )),
            Hostile::Traffic(format!(
                "connectionPool: {{tcp: {{tcpKeepalive: {{time: {span}, interval: {span}}}}}}}"
            )),
            Hostile::Traffic(format!("connectionPool: {{http: {{idleTimeout: {span}}}}}")),
            Hostile::Traffic(format!(
                "outlierDetection: {{interval: {span}, baseEjectionTime: {span}}}"
            )),
            Hostile::Traffic(format!(
                "loadBalancer: {{consistentHash: {{httpCookie: {{name: a, ttl: {span}}}}}}}"
            )),
        ]);
    }
    for number in [0u64, 1, 65_537, 8_388_609, 2_147_483_647, 4_294_967_295] {
        objects.extend([
            Hostile::Traffic(format!("loadBalancer: {{consistentHash: {{useSourceIp: true, ringHash: {{minimumRingSize: {number}}}}}}}")),
            Hostile::Traffic(format!("loadBalancer: {{consistentHash: {{useSourceIp: true, maglev: {{tableSize: {number}}}}}}}")),
            Hostile::Traffic(format!("connectionPool: {{tcp: {{maxConnections: {number}}}, http: {{maxRetries: {number}}}}}")),
            Hostile::Traffic(format!("connectionPool: {{tcp: {{tcpKeepalive: {{probes: {number}}}}}}}")),
            Hostile::Traffic(format!("outlierDetection: {{consecutive5xxErrors: {number}, maxEjectionPercent: {number}}}")),
            to_web(&format!("retries: {{attempts: {number}}}")),
            to_web(&format!("mirror: {{host: shop, port: {{number: 80}}}}, mirrorPercent: {number}")),
            route(&format!("route: [{{destination: {{host: web}}, weight: {number}}}, {{destination: {{host: shop, port: {{number: 80}}}}, weight: {number}}}]")),
        ]);
    }
    let mut http = Passed::new(routes, "client.east");
    let mut traffic = Passed::new(rule, "client.east");
    let mut permitted = Passed::new(policy, "web-v1.east");
    for object in objects {
        match object {
            Hostile::Route(part) => http.add(part),
            Hostile::Traffic(part) => traffic.add(part),
            Hostile::Access(part) => permitted.add(part),
        }
    }
    let mut failed = http.judge(true);
    failed.extend(permitted.judge(true));
    failed.extend(traffic.judge(false));
    assert!(failed.is_empty(), "{}:\n{}", failed.len(), failed.join("\n"));
}
