//! Routes of HTTP.

use super::{object, rule};
use crate::check::fixture::{refused, taken};

/// A route with one match.
fn matching(text: &str) -> String {
    rule(&format!("{{matches: [{text}]}}"))
}

#[test]
fn every_part_of_a_rule_is_taken() {
    taken(
        &rule(
            "{matches: [{path: {value: /a}}], \
             filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}, \
              {type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: x-a, value: b}], remove: [x-c]}}, \
              {type: RequestMirror, requestMirror: {backendRef: {name: copy, port: 80}, fraction: {numerator: 1, denominator: 3}}}, \
              {type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: auth, port: 80}, \
               http: {path: /check, allowedHeaders: [x-a], allowedResponseHeaders: [x-b]}, forwardBody: {maxSize: 10}}}], \
             backendRefs: [{name: web, port: 80, filters: [{type: RequestHeaderModifier, \
              requestHeaderModifier: {set: [{name: a, value: b}]}}]}], \
             sessionPersistence: {sessionName: s, type: Cookie, absoluteTimeout: 1h, idleTimeout: 1m, \
              cookieConfig: {lifetimeType: Permanent}}}",
        ),
        &[],
    );
    taken(
        &rule(
            "{filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: a.b, port: 443, \
             statusCode: 301, path: {type: ReplaceFullPath, replaceFullPath: /}}}]}",
        ),
        &[],
    );
}

#[test]
fn paths_are_clean() {
    for (path, why) in [
        ("a", "is no path"),
        ("/a//b", "\"//\""),
        ("/a/./b", "\"/./\""),
        ("/a/../b", "\"/../\""),
        ("/a%2Fb", "\"%2F\""),
        ("/a#b", "\"#\""),
        ("/a/..", "ends with dots"),
        ("/a?b", "characters"),
        ("/a%zz", "characters"),
    ] {
        let text = format!("{{path: {{value: '{path}'}}}}");
        refused(&matching(&text), &[&format!("spec.rules[0].matches[0].path.value: {why}")]);
    }
    taken(&matching("{path: {type: RegularExpression, value: '/a//?b'}}"), &[]);
    refused(
        &matching("{path: {type: RegularExpression, value: '/a('}}"),
        &["spec.rules[0].matches[0].path.value: no RE2 pattern"],
    );
    refused(
        &matching("{path: {type: Prefix, value: /a}}"),
        &["spec.rules[0].matches[0].path.type: not a known value"],
    );
}

#[test]
fn conditions_on_fields_name_fields() {
    refused(
        &matching("{headers: [{name: ':method', value: a}]}"),
        &["spec.rules[0].matches[0].headers[0].name: is not allowed here"],
    );
    refused(
        &matching("{headers: [{name: a, value: a}, {name: a, value: b}]}"),
        &["spec.rules[0].matches[0].headers[1]: stands here twice"],
    );
    taken(
        &matching("{headers: [{name: a, value: a}, {name: A, value: b}]}"),
        &["spec.rules[0].matches[0].headers[1].name: only the first counts"],
    );
    refused(&matching("{method: get}"), &["spec.rules[0].matches[0].method: not a known value"]);
}

#[test]
fn filters_carry_the_field_of_their_type() {
    refused(
        &rule("{filters: [{type: RequestRedirect, urlRewrite: {hostname: a}}]}"),
        &[
            "spec.rules[0].filters[0].requestRedirect: is missing",
            "spec.rules[0].filters[0].urlRewrite: does not go with type RequestRedirect",
        ],
    );
    refused(
        &rule(
            "{filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath}}}]}",
        ),
        &["spec.rules[0].filters[0].requestRedirect.path.replaceFullPath: is missing"],
    );
}

#[test]
fn changes_of_header_fields_are_clear() {
    let with = |modifier: &str| {
        rule(&format!(
            "{{filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {modifier}}}]}}"
        ))
    };
    let at = |rest: &str| format!("spec.rules[0].filters[0].requestHeaderModifier{rest}");
    refused(&with("{remove: [a, a]}"), &[&at(".remove[1]: stands here twice")]);
    refused(&with("{set: [{name: a, value: \"b\\nc\"}]}"), &[&at(".set[0].value: characters")]);
    taken(
        &with("{set: [{name: a, value: b}], remove: [A]}"),
        &[&at(".remove[0]: \"A\" is changed twice (see set)")],
    );
    taken(&with("{}"), &[&at(": changes nothing")]);
}

#[test]
fn filters_that_do_not_go_together_are_refused() {
    let redirect = "{type: RequestRedirect, requestRedirect: {hostname: a}}";
    let rewrite = "{type: URLRewrite, urlRewrite: {hostname: a}}";
    refused(
        &rule(&format!("{{filters: [{redirect}, {rewrite}]}}")),
        &["spec.rules[0].filters: exclude each other"],
    );
    refused(
        &rule(&format!("{{filters: [{rewrite}, {rewrite}]}}")),
        &["spec.rules[0].filters[1]: URLRewrite stands here twice"],
    );
    refused(
        &rule(&format!("{{filters: [{redirect}], backendRefs: [{{name: a, port: 80}}]}}")),
        &["spec.rules[0].backendRefs: does not go with a RequestRedirect"],
    );
}

#[test]
fn a_prefix_is_replaced_where_it_is_known() {
    let filter = "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}";
    let with = |matches: &str| rule(&format!("{{matches: [{matches}], filters: [{filter}]}}"));
    taken(&with("{path: {value: /a}}"), &[]);
    taken(&with(""), &[]);
    let wanted = "spec.rules[0].filters[0].urlRewrite.path: one match, of type PathPrefix";
    refused(&with("{path: {type: Exact, value: /a}}"), &[wanted]);
    refused(&with("{path: {value: /a}}, {path: {value: /b}}"), &[wanted]);
    let backend = format!(
        "{{matches: [{{path: {{type: Exact, value: /a}}}}], backendRefs: [{{name: a, port: 80, filters: [{filter}]}}]}}"
    );
    refused(
        &rule(&backend),
        &["spec.rules[0].backendRefs[0].filters[0].urlRewrite.path: one match"],
    );
}

#[test]
fn numbers_of_filters_are_in_range() {
    refused(
        &rule("{filters: [{type: RequestRedirect, requestRedirect: {statusCode: 304}}]}"),
        &["spec.rules[0].filters[0].requestRedirect.statusCode: 304 is no code"],
    );
    refused(
        &rule(
            "{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}, percent: 101}}]}",
        ),
        &["spec.rules[0].filters[0].requestMirror.percent: too large"],
    );
    refused(
        &rule(
            "{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}, fraction: {numerator: 3, denominator: 2}}}]}",
        ),
        &["spec.rules[0].filters[0].requestMirror.fraction.numerator: 3 is more"],
    );
    refused(
        &rule(
            "{filters: [{type: CORS, cors: {allowOrigins: ['*', 'http://a'], allowMethods: [GET, '*']}}]}",
        ),
        &[
            "spec.rules[0].filters[0].cors.allowOrigins: exclude each other",
            "spec.rules[0].filters[0].cors.allowMethods: exclude each other",
        ],
    );
    refused(
        &rule("{filters: [{type: CORS, cors: {allowOrigins: ['example.com']}}]}"),
        &["spec.rules[0].filters[0].cors.allowOrigins[0]: is not allowed here"],
    );
    refused(
        &rule(
            "{filters: [{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: a, port: 1}, http: {}}}]}",
        ),
        &[
            "spec.rules[0].filters[0].externalAuth.grpc: is missing",
            "spec.rules[0].filters[0].externalAuth.http: does not go with",
        ],
    );
}

#[test]
fn backends_name_a_port_and_a_share() {
    refused(
        &rule("{backendRefs: [{name: a}]}"),
        &["spec.rules[0].backendRefs[0].port: is missing"],
    );
    refused(
        &rule("{backendRefs: [{name: a, port: 80, weight: 1000001}]}"),
        &["spec.rules[0].backendRefs[0].weight: too large"],
    );
    taken(
        &rule(
            "{backendRefs: [{name: a, port: 80, weight: 0}, {group: x.io, kind: Y, name: b, weight: 0}]}",
        ),
        &[
            "spec.rules[0].backendRefs[1].kind: is no backend",
            "spec.rules[0].backendRefs: all weights are 0",
        ],
    );
}

#[test]
fn times_and_tries_make_sense() {
    refused(
        &rule("{timeouts: {request: 1s, backendRequest: 2s}}"),
        &["spec.rules[0].timeouts.backendRequest: is longer than request"],
    );
    taken(&rule("{timeouts: {request: 0s, backendRequest: 2s}}"), &[]);
    refused(
        &rule("{timeouts: {request: 1.5s}}"),
        &["spec.rules[0].timeouts.request: is not allowed here"],
    );
    refused(
        &rule("{retry: {codes: [500, 503, 503]}}"),
        &["spec.rules[0].retry.codes[2]: stands here twice"],
    );
    refused(&rule("{retry: {codes: [200]}}"), &["spec.rules[0].retry.codes[0]: 200 is no code"]);
    refused(
        &rule("{sessionPersistence: {cookieConfig: {lifetimeType: Permanent}}}"),
        &["spec.rules[0].sessionPersistence.absoluteTimeout: is missing"],
    );
}

#[test]
fn rules_have_names_of_their_own_and_not_too_many_matches() {
    refused(
        &object("HTTPRoute", "{rules: [{name: a}, {name: a}]}"),
        &["spec.rules[1].name: \"a\" stands here twice"],
    );
    let many = vec!["{}"; 64].join(", ");
    let rule = format!("{{matches: [{many}]}}");
    refused(
        &object("HTTPRoute", &format!("{{rules: [{rule}, {rule}, {{matches: [{{}}]}}]}}")),
        &["spec.rules: have 129 matches together"],
    );
}

#[test]
fn references_to_one_parent_differ() {
    let with = |parents: &str| object("HTTPRoute", &format!("{{parentRefs: [{parents}]}}"));
    taken(
        &with("{name: a, sectionName: x}, {name: a, sectionName: y}, {name: a, namespace: b}"),
        &[],
    );
    refused(&with("{name: a}, {name: a}"), &["spec.parentRefs[1]: stands here twice"]);
    refused(
        &with("{name: a}, {name: a, sectionName: x}"),
        &["spec.parentRefs[1]: once as a whole and once in part"],
    );
    taken(
        &with("{kind: Deployment, group: apps, name: a}"),
        &["spec.parentRefs[0].kind: nothing attaches routes"],
    );
}
