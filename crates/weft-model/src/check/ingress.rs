//! Rules of `Ingress` and `IngressClass`, as Kubernetes has them.

use weft_api::describe::Form;
use weft_api::ingress::{
    ClassParameters, Ingress, IngressBackend, IngressClass, IngressHttp, IngressPath, IngressPort,
    IngressRule, IngressService, IngressTls, ParametersScope, PathType,
};
use weft_api::meta::Metadata;
use weft_types::address;

use super::findings::code;
use super::{Findings, union};

/// Names the class, before there was a field for it.
const CLASS: &str = "kubernetes.io/ingress.class";

pub(crate) fn check(meta: &Metadata, spec: &Ingress, findings: &mut Findings) {
    let Ingress { ingress_class_name, default_backend, tls, rules } = spec;
    if ingress_class_name.is_some() && meta.annotations.contains_key(CLASS) {
        let what = format!("stands beside the annotation {CLASS}");
        findings.error_in("ingressClassName", what, "remove the annotation");
    }
    if rules.is_empty() && default_backend.is_none() {
        findings.error("has neither rules nor a defaultBackend", "add one of them");
    }
    findings.given("defaultBackend", default_backend.as_ref(), backend);
    findings.each("tls", tls, |IngressTls { hosts, secret_name: _ }, findings| {
        findings.each("hosts", hosts, |host, findings| self::host(host, findings));
    });
    findings.each("rules", rules, |IngressRule { host, http }, findings| {
        findings.given("host", host.as_ref().filter(|host| !host.is_empty()), |host, findings| {
            self::host(host, findings);
        });
        findings.given("http", http.as_ref(), |IngressHttp { paths }, findings| {
            findings.each("paths", paths, path);
        });
    });
}

fn host(host: &str, findings: &mut Findings) {
    if address::is_ip(host) {
        findings.error(format!("{host:?} is an address"), "write a host name, or none");
    } else if !Form::Hostname.fits(host) {
        let fix = format!("use {}", Form::Hostname.words());
        findings.error(format!("{host:?} is no host name"), fix);
    }
}

/// What Kubernetes refuses in exact paths and prefixes.
const UNCLEAN: [&str; 6] = ["//", "/./", "/../", "%2f", "%2F", "%00"];

fn path(path: &IngressPath, findings: &mut Findings) {
    let IngressPath { path, path_type, backend } = path;
    let text = path.as_deref().unwrap_or_default();
    let literal = *path_type != PathType::ImplementationSpecific;
    findings.within("path", |findings| {
        if literal && !text.starts_with('/') || !text.is_empty() && !text.starts_with('/') {
            findings.error(format!("{text:?} is no path"), "begin it with /");
        } else if let Some(part) = UNCLEAN.iter().find(|part| literal && text.contains(**part)) {
            findings.error(format!("{text:?} has {part:?}, which no path has"), "remove it");
        } else if literal && (text.ends_with("/..") || text.ends_with("/.")) {
            findings.error(format!("{text:?} ends with dots"), "write the path that is meant");
        }
    });
    findings.given("backend", backend.as_ref(), self::backend);
}

fn backend(backend: &IngressBackend, findings: &mut Findings) {
    let IngressBackend { service, resource } = backend;
    union::exactly_one(
        &[("service", service.is_some()), ("resource", resource.is_some())],
        findings,
    );
    findings.given("service", service.as_ref(), |IngressService { name, port }, findings| {
        if !Form::Label.fits(name) || name.starts_with(|c: char| c.is_ascii_digit()) {
            let fix = "use a-z, 0-9 and -, with a letter in front";
            findings.error_in("name", format!("{name:?} is no name of a Service"), fix);
        }
        let IngressPort { name, number } = port.clone().unwrap_or_default();
        findings.within("port", |findings| {
            if let Some(name) = name.as_deref().filter(|name| !is_port_name(name)) {
                let fix = "use a-z, 0-9 and single -, with a letter";
                findings.error_in("name", format!("{name:?} is no name of a port"), fix);
            }
            union::exactly_one(&[("name", name.is_some()), ("number", number.is_some())], findings);
        });
    });
    if resource.is_some() {
        let what = "no kind of backend but Service is served";
        findings.warning_in("resource", code::SUSPICIOUS, what, "use a Service");
    }
}

fn is_port_name(name: &str) -> bool {
    let lettered = name.contains(|c: char| c.is_ascii_lowercase());
    Form::Label.fits(name) && lettered && !name.contains("--")
}

/// Rules of `IngressClass`.
pub(crate) fn class(_: &Metadata, spec: &IngressClass, findings: &mut Findings) {
    let IngressClass { controller, parameters } = spec;
    if controller.is_empty() {
        findings.error_in("controller", "is missing", "use istio.io/ingress-controller");
    }
    findings.given("parameters", parameters.as_ref(), |parameters, findings| {
        let ClassParameters { api_group: _, kind: _, name: _, scope, namespace } = parameters;
        match (scope, namespace) {
            (ParametersScope::Namespace, None) => {
                let what = "is missing, and scope Namespace needs it";
                findings.error_in("namespace", what, "name the namespace");
            }
            (ParametersScope::Cluster, Some(_)) => {
                findings.error_in("namespace", "does not go with scope Cluster", "remove it");
            }
            (ParametersScope::Namespace, Some(_)) | (ParametersScope::Cluster, None) => {}
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::check::fixture::{refused, taken};

    fn ingress(spec: &str) -> String {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: a}}\nspec: {spec}\n"
        )
    }

    fn path(path: &str) -> String {
        ingress(&format!("{{rules: [{{http: {{paths: [{path}]}}}}]}}"))
    }

    const BACKEND: &str = "backend: {service: {name: a, port: {number: 80}}}";

    #[test]
    fn hosts_and_paths_are_those_of_kubernetes() {
        taken(&path(&format!("{{path: /a, pathType: Prefix, {BACKEND}}}")), &[]);
        let field = "spec.rules[0].http.paths[0]";
        refused(
            &path(&format!("{{path: /a, {BACKEND}}}")),
            &[&format!("{field}.pathType: is missing")],
        );
        refused(
            &path(&format!("{{path: a, pathType: Exact, {BACKEND}}}")),
            &[&format!("{field}.path: is no path")],
        );
        refused(
            &path("{path: /a, pathType: Exact, backend: {service: {name: a}}}"),
            &[&format!("{field}.backend.service.port: says nothing")],
        );
        refused(
            &path("{path: /a, pathType: Exact, backend: {service: {name: A, port: {name: a--b}}}}"),
            &[
                &format!("{field}.backend.service.name: is no name of a Service"),
                &format!("{field}.backend.service.port.name: is no name of a port"),
            ],
        );
        refused(&ingress("{}"), &["spec: neither rules nor a defaultBackend"]);
        refused(&ingress("{rules: [{host: 'a.*.b'}]}"), &["spec.rules[0].host: is no host name"]);
    }

    #[test]
    fn every_part_of_an_ingress_is_taken() {
        taken(
            &ingress(
                "{ingressClassName: istio, defaultBackend: {service: {name: a, port: {name: http}}}, \
                 tls: [{hosts: ['*.a.b'], secretName: c}], rules: [{host: '*.a.b', http: {paths: \
                 [{path: /a, pathType: ImplementationSpecific, backend: {service: {name: a, port: {number: 80}}}}]}}]}",
            ),
            &[],
        );
    }

    #[test]
    fn a_class_names_its_controller() {
        let class = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: a}\n";
        refused(class, &["spec.controller: is missing"]);
        taken(&format!("{class}spec: {{controller: istio.io/ingress-controller}}\n"), &[]);
    }
}
