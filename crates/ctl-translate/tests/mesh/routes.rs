//! HTTP routes of VirtualServices, condition by condition and action by action.

use crate::everything::both_take;
use crate::fixture::Mesh;
use crate::words;

const WEB: &str = "web.east.svc.cluster.local:80";

/// Routes of a VirtualService for `web` in `east`, as the client there takes them. `http` is a YAML list.
#[track_caller]
fn check(http: &str, expected: &[&str]) {
    let mesh = Mesh::small().and(&virtual_service(http));
    let served = mesh.served("client.east");
    assert_eq!(words::routes(&served.host("80", WEB)), expected, "{http}");
    both_take(http, &served.0);
}

fn virtual_service(http: &str) -> String {
    let mut text = String::from(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web, namespace: east}\n\
         spec:\n  hosts: [web]\n  http:\n",
    );
    for line in http.lines().filter(|line| !line.trim().is_empty()) {
        text += &format!("{line}\n");
    }
    text
}

const TO: &str = "route: [{destination: {host: web}}]";
const GOES: &str = "-> outbound|80||web.east; default retry";

/// One route with this condition, and what comes of the condition.
#[track_caller]
fn condition(written: &str, expected: &str) {
    check(&format!("  - match: [{{{written}}}]\n    {TO}"), &[&format!("{expected}; {GOES}")]);
}

/// One route to `web` with more fields, and what comes of it.
#[track_caller]
fn action(more: &str, expected: &str) {
    check(&format!("  - {TO}\n    {more}"), &[expected]);
}

#[test]
fn paths_are_matched_exactly_by_prefix_and_by_pattern() {
    condition("uri: {exact: /a}", "/a");
    condition("uri: {prefix: /a}", "/a*");
    condition("uri: {regex: '/a/[0-9]+'}", "~/a/[0-9]+");
    condition("uri: {prefix: /a}, ignoreUriCase: true", "/a* in any case");
}

#[test]
fn fields_are_matched_by_value_and_by_presence() {
    condition("headers: {x-a: {exact: b}}", "/* x-a=b");
    condition("headers: {x-a: {prefix: b}}", "/* x-a=b*");
    condition("headers: {x-a: {regex: 'b.*'}}", "/* x-a~b.*");
    condition("headers: {x-a: {}}", "/* x-a?");
    condition("withoutHeaders: {x-a: {exact: b}}", "/* !x-a=b or none");
    condition("withoutHeaders: {x-a: {}}", "/* !x-a?");
}

#[test]
fn conditions_stand_in_the_order_of_their_names_and_those_of_the_request_line_last() {
    condition(
        "headers: {x-b: {exact: '1'}, a: {exact: '2'}}, withoutHeaders: {m: {}}, method: {exact: GET}, \
         authority: {prefix: web}, scheme: {exact: http}",
        "/* a=2 !m? x-b=1 :method=GET :authority=web* :scheme=http",
    );
    condition("queryParams: {q: {exact: '1'}, r: {}}", "/* ?q=1 ?r?");
}

#[test]
fn each_of_several_conditions_is_a_route_and_one_for_all_ends_the_list() {
    check(
        &format!("  - match: [{{uri: {{exact: /a}}}}, {{uri: {{prefix: /}}}}]\n    {TO}\n  - {TO}"),
        &[&format!("/a; {GOES}"), &format!("/*; {GOES}")],
    );
}

#[test]
fn weights_headers_first_then_the_rest() {
    let rule = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: east}
spec:
  host: web
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
";
    let http = "
  - match: [{headers: {x-canary-user: {exact: 'true'}}}]
    route: [{destination: {host: web, subset: v2}}]
  - route:
    - {destination: {host: web, subset: v1}, weight: 90}
    - {destination: {host: web, subset: v2}, weight: 10, headers: {request: {set: {x-v: '2'}}}}
    - {destination: {host: web}, weight: 0}
";
    let mesh = Mesh::small().and(rule).and(&virtual_service(http));
    let expected = [
        "/* x-canary-user=true; -> outbound|80|v2|web.east; default retry",
        "/*; -> 90 outbound|80|v1|web.east; -> 10 outbound|80|v2|web.east request x-v=2; default retry",
    ];
    let served = mesh.served("client.east");
    assert_eq!(words::routes(&served.host("80", WEB)), expected);
    both_take(http, &served.0);
}

#[test]
fn each_of_several_destinations_may_have_a_host_of_its_own() {
    let http = "
  - route:
    - {destination: {host: web}, weight: 90, headers: {request: {set: {host: a.example}}}}
    - {destination: {host: shop}, weight: 10}
    rewrite: {authority: b.example}
";
    let served = Mesh::small().and(&virtual_service(http)).served("client.east");
    let action = &served.host("80", WEB)["routes"][0]["route"];
    let first = &action["weighted_clusters"]["clusters"][0];
    assert_eq!(first["host_rewrite_literal"], "a.example");
    assert_eq!(action["host_rewrite_literal"], "b.example");
    both_take(http, &served.0);
}

#[test]
fn timeouts_and_retries() {
    action("timeout: 5s", "/*; -> outbound|80||web.east; within 5s; default retry");
    action("retries: {attempts: 0}", "/*; -> outbound|80||web.east; once");
    action(
        "retries: {attempts: 3, perTryTimeout: 2s, retryOn: 'gateway-error,503'}",
        "/*; -> outbound|80||web.east; retry 3 on gateway-error,retriable-status-codes (503) each 2s",
    );
    action(
        "retries: {attempts: 1, retryIgnorePreviousHosts: false}",
        "/*; -> outbound|80||web.east; retry 1 on connect-failure,refused-stream,unavailable,cancelled,\
         retriable-status-codes at any host",
    );
}

#[test]
fn rewrites_of_path_and_host() {
    let goes = |more: &str| format!("/a*; -> outbound|80||web.east; {more}; default retry");
    let rewrite = |written: &str, more: &str| {
        let http = format!("  - match: [{{uri: {{prefix: /a}}}}]\n    {TO}\n    {written}");
        check(&http, &[&goes(more)]);
    };
    rewrite("rewrite: {uri: /b}", "path /b");
    rewrite("rewrite: {authority: other.example}", "host other.example");
    rewrite(
        "rewrite: {uriRegexRewrite: {match: '/a/(.*)', rewrite: '/\\1'}}",
        r"path ~/a/(.*) /\1",
    );
    rewrite("headers: {request: {set: {Host: other.example}}}", "host other.example");
    rewrite("headers: {request: {set: {':authority': o.example}}}", "host o.example");
}

#[test]
fn changes_of_fields_of_the_route_and_of_its_only_destination() {
    let http = "
  - headers:
      request: {set: {x-a: '1'}, add: {x-b: '2'}, remove: [x-c]}
      response: {set: {x-d: '3'}}
    route:
    - {destination: {host: web}, headers: {request: {remove: [x-e]}, response: {add: {x-f: '4'}}}}
";
    let changes = "request x-a=1; request x-b+=2; request -x-c; request -x-e; response x-d=3; response x-f+=4";
    check(http, &[&format!("/*; {GOES}; {changes}")]);
}

#[test]
fn redirects_and_fixed_answers() {
    let answers = |written: &str, expected: &str| check(&format!("  - {written}"), &[expected]);
    answers("redirect: {uri: /b}", "/*; redirect MOVED_PERMANENTLY; path /b");
    answers(
        "redirect: {authority: b.example, scheme: https, port: 8443, redirectCode: 307}",
        "/*; redirect TEMPORARY_REDIRECT; scheme https; host b.example; port 8443",
    );
    answers(
        "redirect: {derivePort: FROM_REQUEST_PORT, uri: /b}",
        "/*; redirect MOVED_PERMANENTLY; path /b",
    );
    answers("directResponse: {status: 418, body: {string: tea}}", "/*; answer 418 tea");
    answers("directResponse: {status: 503}", "/*; answer 503 ");
    answers("directResponse: {status: 200, body: {bytes: dGVh}}", "/*; answer 200 dGVh");
    let large =
        format!("directResponse: {{status: 200, body: {{string: '{}'}}}}", "x".repeat(9000));
    answers(&large, &format!("/*; answer 200 {}", "x".repeat(9000)));
}

#[test]
fn copies_of_requests() {
    let goes = |more: &str| format!("/*; -> outbound|80||web.east; {more}default retry");
    let shop = "copy 100% outbound|80||shop.east; ";
    action("mirror: {host: shop, port: {number: 80}}", &goes(shop));
    let twenty = "copy 20% outbound|80||shop.east; ";
    action("mirror: {host: shop}\n    mirrorPercentage: {value: 20}", &goes(twenty));
    action("mirror: {host: shop}\n    mirrorPercent: 20", &goes(twenty));
    action("mirror: {host: shop}\n    mirrorPercentage: {value: 0}", &goes(""));
    action("mirrors: [{destination: {host: shop}, percentage: {value: 20}}]", &goes(twenty));
}

#[test]
fn faults_touch_the_share_that_is_said_and_nothing_when_none_is() {
    action(
        "fault: {delay: {fixedDelay: 5s, percentage: {value: 10}}, abort: {httpStatus: 503, percentage: {value: 0.5}}}",
        &format!("/*; {GOES}; fault 10% 5s 0.5% 503"),
    );
    action("fault: {delay: {fixedDelay: 5s, percent: 25}}", &format!("/*; {GOES}; fault 25% 5s"));
    action(
        "fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}",
        &format!("/*; {GOES}; fault 100% 14"),
    );
    action("fault: {abort: {httpStatus: 500}}", &format!("/*; {GOES}; fault 0% 500"));
}

#[test]
fn cross_origin_rules() {
    action(
        "corsPolicy: {allowOrigins: [{exact: 'https://a.example'}, {prefix: 'https://b'}], allowMethods: [GET, PUT], \
         allowHeaders: [x-a], exposeHeaders: [x-b], maxAge: 1m}",
        &format!("/*; {GOES}; cors =https://a.example =https://b* GET,PUT x-a x-b 60"),
    );
    action(
        "corsPolicy: {allowOrigin: ['https://a.example']}",
        &format!("/*; {GOES}; cors =https://a.example"),
    );
}

#[test]
fn destinations_by_name_port_and_absence() {
    let to = |destination: &str, cluster: &str| {
        let http = format!("  - route: [{{destination: {destination}}}]");
        let mesh = Mesh::small().and(&virtual_service(&http));
        let (snapshot, _) = mesh.snapshot_with_problems();
        let served = mesh.served_from(&snapshot, "client.east");
        let goes = format!("/*; -> {cluster}; default retry");
        assert_eq!(words::routes(&served.host("80", WEB)), [goes], "{destination}");
        both_take(destination, &served.0);
    };
    to("{host: store.west.svc.cluster.local}", "outbound|80||store.west");
    // One port: that one. Several: the one that was called.
    to("{host: shop}", "outbound|80||shop.east");
    to("{host: shop, port: {number: 81}}", "outbound|81||shop.east");
    // No cluster has these names, so the answer is 503.
    to("{host: store}", "outbound|80||store.east");
    to("{host: nowhere.example}", "outbound|80||nowhere.example");
}

#[test]
fn keys_of_consistent_hashing_are_taken_from_the_request() {
    let rule = |key: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: web, namespace: east}}\n\
             spec: {{host: web, trafficPolicy: {{loadBalancer: {{consistentHash: {{{key}}}}}}}}}"
        )
    };
    let keys = [
        ("httpHeaderName: x-user", r#"{"header":{"header_name":"x-user"}}"#),
        ("useSourceIp: true", r#"{"connection_properties":{"source_ip":true}}"#),
        ("httpQueryParameterName: q", r#"{"query_parameter":{"name":"q"}}"#),
        ("httpCookie: {name: c, ttl: 0s}", r#"{"cookie":{"name":"c","ttl":"0s"}}"#),
    ];
    for (key, hash) in keys {
        let mesh = Mesh::small().and(&rule(key));
        let goes = format!("/*; -> outbound|80||web.east; hash {hash}; default retry");
        assert_eq!(words::routes(&mesh.served("client.east").host("80", WEB)), [goes]);
        let mesh = mesh.and(&virtual_service(&format!("  - {TO}")));
        let goes = format!("/*; -> outbound|80||web.east; hash {hash}; default retry at any host");
        let served = mesh.served("client.east");
        assert_eq!(words::routes(&served.host("80", WEB)), [goes]);
        both_take(key, &served.0);
    }
}

#[test]
fn a_service_without_rules_has_one_route_with_the_default_retry() {
    let host = Mesh::small().served("client.east").host("80", WEB);
    assert_eq!(words::routes(&host), [format!("/*; {GOES}")]);
    assert_eq!(host["routes"][0]["name"], "default");
    assert_eq!(host["routes"][0]["decorator"]["operation"], format!("{WEB}/*"));
    assert_eq!(host["include_request_attempt_count"], true);
}

#[test]
fn routes_name_their_object_and_what_traces_call_them() {
    let http = format!("  - match: [{{uri: {{prefix: /a}}}}]\n    name: first\n    {TO}");
    let host = Mesh::small().and(&virtual_service(&http)).served("client.east").host("80", WEB);
    let route = &host["routes"][0];
    assert_eq!(route["name"], "first");
    assert_eq!(route["decorator"]["operation"], format!("{WEB}/a*"));
    let object = "/apis/networking.istio.io/v1/namespaces/east/virtual-service/web";
    assert_eq!(route["metadata"]["filter_metadata"]["istio"]["config"], object);
    let http =
        format!("  - match: [{{uri: {{prefix: /a}}, name: part}}]\n    name: first\n    {TO}");
    let host = Mesh::small().and(&virtual_service(&http)).served("client.east").host("80", WEB);
    assert_eq!(host["routes"][0]["name"], "first.part");
}

#[test]
fn statistics_of_a_route_have_the_prefix_of_its_condition() {
    let http = format!(
        "  - match: [{{uri: {{prefix: /a}}, statPrefix: one}}, {{uri: {{prefix: /b}}}}]\n    {TO}\n"
    );
    let served = Mesh::small().and(&virtual_service(&http)).served("client.east");
    let routes = served.host("80", WEB)["routes"].clone();
    assert_eq!(routes[0]["stat_prefix"], "one");
    assert!(routes[1].get("stat_prefix").is_none(), "{routes}");
    both_take(&http, &served.0);
}
