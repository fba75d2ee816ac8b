//! Gateways and sets of listeners.

use super::{gateway, object};
use crate::check::fixture::{refused, taken};

#[test]
fn every_part_of_a_gateway_is_taken() {
    taken(
        &object(
            "Gateway",
            "{gatewayClassName: istio, defaultScope: All, \
             listeners: [{name: mesh, port: 15008, protocol: HBONE}, \
              {name: a, port: 443, protocol: HTTPS, hostname: a.b, tls: {mode: Terminate, \
               certificateRefs: [{group: '', kind: Secret, name: c, namespace: certs}], options: {a.b/c: d}}, \
               allowedRoutes: {namespaces: {from: All}, kinds: [{kind: HTTPRoute}]}}], \
             infrastructure: {labels: {a: b}, annotations: {a/b: c d}, \
              parametersRef: {group: '', kind: ConfigMap, name: p}}, \
             allowedListeners: {namespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Exists}]}}}, \
             tls: {backend: {clientCertificateRef: {name: c}}, frontend: {default: {validation: \
              {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}], mode: AllowInsecureFallback}}, \
              perPort: [{port: 443, tls: {}}]}}}",
        ),
        &[],
    );
    taken(
        &object(
            "GatewayClass",
            "{controllerName: istio.io/gateway-controller, description: a, \
            parametersRef: {group: '', kind: ConfigMap, name: p, namespace: n}}",
        ),
        &[],
    );
    taken(
        &object("GatewayClass", "{controllerName: istio.io/gateway-controler}"),
        &["spec.controllerName: nobody makes gateways as"],
    );
}

#[test]
fn listeners_that_no_connection_can_tell_apart_are_refused() {
    refused(
        &gateway(
            "{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: http}, \
             {name: c, port: 81, protocol: HTTP}",
        ),
        &["spec.listeners[1]: has the port, protocol and hostname of \"a\""],
    );
    refused(
        &gateway("{name: a, port: 80, protocol: HTTP}, {name: a, port: 81, protocol: HTTP}"),
        &["spec.listeners[1]: stands here twice"],
    );
    taken(
        &gateway("{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: TCP}"),
        &["spec.listeners[1].port: TCP and HTTP (of \"a\") share a port"],
    );
}

#[test]
fn tls_of_a_listener_fits_its_protocol() {
    refused(
        &gateway("{name: a, port: 80, protocol: HTTP, tls: {certificateRefs: [{name: c}]}}"),
        &["spec.listeners[0].tls: does not go with HTTP"],
    );
    refused(
        &gateway("{name: a, port: 443, protocol: HTTPS, tls: {mode: Passthrough}}"),
        &["spec.listeners[0].tls.mode: Passthrough does not go with HTTPS"],
    );
    refused(
        &gateway("{name: a, port: 443, protocol: HTTPS, tls: {}}"),
        &["spec.listeners[0].tls.certificateRefs: is missing"],
    );
    refused(
        &gateway("{name: a, port: 443, protocol: TLS}"),
        &["spec.listeners[0].tls: is missing"],
    );
    taken(
        &gateway("{name: a, port: 443, protocol: HTTPS}"),
        &["spec.listeners[0].tls: no client can connect"],
    );
}

#[test]
fn hosts_of_listeners_are_names() {
    refused(
        &gateway("{name: a, port: 80, protocol: HTTP, hostname: 'a.*.com'}"),
        &["spec.listeners[0].hostname: is not allowed here"],
    );
    refused(
        &gateway("{name: a, port: 80, protocol: TCP, hostname: a.com}"),
        &["spec.listeners[0].hostname: does not go with TCP"],
    );
    refused(
        &gateway("{name: a, port: 0, protocol: HTTP}"),
        &["spec.listeners[0].port: 0 is too small"],
    );
}

#[test]
fn addresses_of_a_gateway_fit_their_type() {
    let with = |addresses: &str| {
        let listener = "{name: a, port: 80, protocol: HTTP}";
        object(
            "Gateway",
            &format!(
                "{{gatewayClassName: istio, listeners: [{listener}], addresses: [{addresses}]}}"
            ),
        )
    };
    taken(
        &with("{value: 10.0.0.1}, {type: Hostname, value: a.example.com}, {type: a.b/c, value: x}"),
        &[],
    );
    refused(&with("{value: a.example.com}"), &["spec.addresses[0].value: is no IP address"]);
    refused(&with("{value: 10.0.0.1}, {value: 10.0.0.1}"), &["spec.addresses[1].value: twice"]);
    refused(&with("{type: Hostname, value: A_b}"), &["spec.addresses[0].value: is no host name"]);
}

#[test]
fn sets_of_listeners_have_a_parent() {
    let listener = "{name: a, port: 80, protocol: HTTP}";
    taken(
        &object("ListenerSet", &format!("{{parentRef: {{name: g}}, listeners: [{listener}]}}")),
        &[],
    );
    refused(
        &object("ListenerSet", &format!("{{listeners: [{listener}]}}")),
        &["spec.parentRef: is missing"],
    );
}

#[test]
fn selectors_are_those_of_kubernetes() {
    let with = |selector: &str| {
        gateway(&format!(
            "{{name: a, port: 80, protocol: HTTP, allowedRoutes: {{namespaces: {{from: Selector, selector: {selector}}}}}}}"
        ))
    };
    refused(
        &with("{matchExpressions: [{key: a, operator: In}]}"),
        &[
            "spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions[0].values: needs values",
        ],
    );
    refused(
        &with("{matchLabels: {'a b': c}}"),
        &["spec.listeners[0].allowedRoutes.namespaces.selector.matchLabels: is no label key"],
    );
}
