//! What is taken, and what is refused and why.

mod gateway;
mod http_route;

use crate::check::fixture::{refused, taken};

fn object(kind: &str, spec: &str) -> String {
    of_version("v1", kind, spec)
}

fn of_version(version: &str, kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/{version}\nkind: {kind}\nmetadata: {{name: fixture, namespace: shop}}\nspec: {spec}\n"
    )
}

/// A route with one rule.
fn rule(rule: &str) -> String {
    object("HTTPRoute", &format!("{{rules: [{rule}]}}"))
}

/// A gateway with some listeners.
fn gateway(listeners: &str) -> String {
    object("Gateway", &format!("{{gatewayClassName: istio, listeners: [{listeners}]}}"))
}

#[test]
fn a_gateway_and_its_routes_are_taken() {
    taken(
        &gateway(
            "{name: web, port: 80, protocol: HTTP, hostname: '*.example.com'}, \
             {name: api, port: 80, protocol: HTTP, hostname: api.example.com}, \
             {name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}, \
              allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: web}}}}}, \
             {name: raw, port: 8443, protocol: TLS, tls: {mode: Passthrough}}",
        ),
        &[],
    );
    taken(
        &rule(
            "{name: all, matches: [{path: {type: Exact, value: /a%20b}, method: GET, \
             headers: [{name: x-user, type: RegularExpression, value: 'a.*'}], \
             queryParams: [{name: q, value: '1'}]}], \
             filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}]}}, \
              {type: URLRewrite, urlRewrite: {hostname: b.example.com, path: {type: ReplaceFullPath, replaceFullPath: /x}}}, \
              {type: RequestMirror, requestMirror: {backendRef: {name: copy, port: 80}, percent: 5}}, \
              {type: CORS, cors: {allowOrigins: ['https://*.example.com'], allowMethods: ['*'], maxAge: 60}}], \
             backendRefs: [{name: web, port: 80, weight: 9}, {name: web2, port: 80, namespace: other}], \
             timeouts: {request: 10s, backendRequest: 2s}, retry: {codes: [503], attempts: 2, backoff: 100ms}}",
        ),
        &[],
    );
    taken(&object("HTTPRoute", "{}"), &[]);
}

#[test]
fn what_is_missing_is_named() {
    refused(
        &object("Gateway", "{}"),
        &["spec.gatewayClassName: is missing", "spec.listeners: is missing"],
    );
    let bare =
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: a}\n";
    refused(bare, &["spec.controllerName: is missing"]);
    refused(
        &rule("{backendRefs: [{port: 80}]}"),
        &["spec.rules[0].backendRefs[0].name: is missing"],
    );
}

#[test]
fn fields_that_the_kind_does_not_have_are_named() {
    refused(&rule("{backendRef: []}"), &["spec.rules[0].backendRef: unknown field"]);
}

#[test]
fn calls_of_grpc_are_named() {
    let with = |method: &str| {
        object("GRPCRoute", &format!("{{rules: [{{matches: [{{method: {method}}}]}}]}}"))
    };
    taken(&with("{service: shop.v1.Orders, method: Get_one}"), &[]);
    taken(&with("{type: RegularExpression, method: 'Get.*'}"), &[]);
    refused(&with("{type: Exact}"), &["spec.rules[0].matches[0].method: neither"]);
    refused(
        &with("{service: shop/Orders}"),
        &["spec.rules[0].matches[0].method.service: is no name"],
    );
    refused(&with("{method: 1x}"), &["spec.rules[0].matches[0].method.method: is no name"]);
}

#[test]
fn routes_of_connections_have_backends() {
    let rule = "{backendRefs: [{name: a, port: 1}]}";
    let tls = format!("{{hostnames: [a.b], rules: [{rule}]}}");
    taken(&object("TLSRoute", &tls), &[]);
    refused(&object("TLSRoute", &format!("{{rules: [{rule}]}}")), &["spec.hostnames: is missing"]);
    taken(&of_version("v1alpha2", "TLSRoute", &format!("{{rules: [{rule}]}}")), &[]);
    refused(
        &object("TLSRoute", &format!("{{hostnames: [10.0.0.1], rules: [{rule}]}}")),
        &["spec.hostnames[0]: is an address"],
    );
    refused(
        &object("TCPRoute", &format!("{{rules: [{rule}, {rule}]}}")),
        &["spec.rules: has 2 rules"],
    );
    taken(&of_version("v1alpha2", "TCPRoute", &format!("{{rules: [{rule}, {rule}]}}")), &[]);
    refused(&object("TCPRoute", "{rules: [{}]}"), &["spec.rules[0].backendRefs: is missing"]);
}

#[test]
fn grants_say_who_and_what() {
    let from = "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: web}";
    taken(
        &of_version(
            "v1beta1",
            "ReferenceGrant",
            &format!("{{from: [{from}], to: [{{group: '', kind: Service}}]}}"),
        ),
        &[],
    );
    taken(
        &object(
            "ReferenceGrant",
            &format!("{{from: [{from}], to: [{{group: core, kind: Service}}]}}"),
        ),
        &["spec.to[0].group: is no group"],
    );
    refused(
        &object("ReferenceGrant", &format!("{{from: [{from}], to: [{{kind: Service}}]}}")),
        &["spec.to[0].group: is missing"],
    );
}

#[test]
fn policies_of_tls_trust_someone() {
    let with = |validation: &str| {
        object(
            "BackendTLSPolicy",
            &format!(
                "{{targetRefs: [{{group: '', kind: Service, name: a}}], validation: {validation}}}"
            ),
        )
    };
    taken(&with("{hostname: a.b, wellKnownCACertificates: System}"), &[]);
    refused(&with("{hostname: a.b}"), &["spec.validation: says nothing"]);
    refused(
        &with(
            "{hostname: a.b, wellKnownCACertificates: System, caCertificateRefs: [{group: '', kind: ConfigMap, name: c}]}",
        ),
        &["spec.validation: exclude each other"],
    );
    refused(
        &with("{hostname: '*.b', wellKnownCACertificates: System}"),
        &["spec.validation.hostname: is not allowed here"],
    );
    refused(
        &with(
            "{hostname: a.b, wellKnownCACertificates: System, subjectAltNames: [{type: URI, hostname: a}]}",
        ),
        &[
            "spec.validation.subjectAltNames[0].hostname: does not go with type URI",
            "spec.validation.subjectAltNames[0].uri: is missing",
        ],
    );
    let target = "{group: '', kind: Service, name: a}";
    refused(
        &object(
            "BackendTLSPolicy",
            &format!(
                "{{targetRefs: [{target}, {target}], validation: {{hostname: a, wellKnownCACertificates: System}}}}"
            ),
        ),
        &["spec.targetRefs[1]: stands here twice"],
    );
}
