//! Finds routes and conditions of one VirtualService that no request reaches, because an earlier one always matches.

use std::collections::BTreeMap;

use weft_api::reference::StringMatch;
use weft_api::virtual_service::{HttpMatch, TcpMatch, TlsMatch, VirtualService};

use super::Findings;
use super::findings::code;

pub(crate) fn check(spec: &VirtualService, findings: &mut Findings) {
    let http: Vec<&[HttpMatch]> = spec.http.iter().map(|r| r.matches.as_slice()).collect();
    let tls: Vec<&[TlsMatch]> = spec.tls.iter().map(|r| r.matches.as_slice()).collect();
    let tcp: Vec<&[TcpMatch]> = spec.tcp.iter().map(|r| r.matches.as_slice()).collect();
    routes("http", &http, takes, findings);
    routes("tls", &tls, |one, other| one == other, findings);
    routes("tcp", &tcp, |one, other| one == other, findings);
}

/// Most pairs of conditions that are compared; an object with more is too large to judge here.
const MOST: usize = 4096;

/// `takes(a, b)` says that `a` matches whatever `b` matches.
fn routes<M>(
    field: &str,
    routes: &[&[M]],
    takes: impl Fn(&M, &M) -> bool,
    findings: &mut Findings,
) {
    let mut seen: Vec<(usize, &M)> = Vec::new();
    let all = routes.iter().position(|matches| matches.is_empty());
    findings.within(field, |findings| {
        for (number, matches) in routes.iter().enumerate() {
            if let Some(first) = all.filter(|first| *first < number) {
                let what = format!("is never reached: route {first} before it has no conditions");
                let fix = "move the route without conditions to the end";
                findings.warning_in(&number.to_string(), code::UNREACHABLE, what, fix);
                continue;
            }
            findings.within(&number.to_string(), |findings| {
                findings.each("match", matches, |found, findings| {
                    let earlier = seen.iter().take(MOST).find(|(_, other)| takes(other, found));
                    if let Some((route, _)) = earlier {
                        let what = format!(
                            "has no effect: a condition of route {route} takes all of it before"
                        );
                        let fix = "put the narrower condition first, or remove it";
                        findings.add(crate::Severity::Warning, code::UNREACHABLE, what, fix);
                    }
                    seen.push((number, found));
                });
            });
        }
    });
}

/// Whether every condition of `outer` is met by whatever meets `inner`.
fn takes(outer: &HttpMatch, inner: &HttpMatch) -> bool {
    let HttpMatch {
        name: _,
        uri,
        scheme,
        method,
        authority,
        headers,
        without_headers,
        query_params,
        ignore_uri_case,
        port,
        source_labels,
        source_namespace,
        gateways,
        stat_prefix: _,
    } = outer;
    let text = |outer: &Option<StringMatch>, inner: &Option<StringMatch>| match (outer, inner) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(outer), Some(inner)) => covers(outer, inner),
    };
    text(uri, &inner.uri)
        && (uri.is_none() || *ignore_uri_case == inner.ignore_uri_case)
        && text(scheme, &inner.scheme)
        && text(method, &inner.method)
        && text(authority, &inner.authority)
        && all(headers, &inner.headers)
        && without_headers
            .iter()
            .all(|(name, value)| inner.without_headers.get(name) == Some(value))
        && all(query_params, &inner.query_params)
        && (*port == 0 || *port == inner.port)
        && source_labels.iter().all(|(name, value)| inner.source_labels.get(name) == Some(value))
        && (source_namespace.is_empty() || *source_namespace == inner.source_namespace)
        && (gateways.is_empty() || *gateways == inner.gateways)
}

type Texts = BTreeMap<String, StringMatch>;

fn all(outer: &Texts, inner: &Texts) -> bool {
    outer.iter().all(|(name, outer)| inner.get(name).is_some_and(|inner| covers(outer, inner)))
}

/// Whether every text that `inner` takes is taken by `outer`.
fn covers(outer: &StringMatch, inner: &StringMatch) -> bool {
    if outer == inner || *outer == StringMatch::default() {
        return true;
    }
    let Some(prefix) = &outer.prefix else { return false };
    let begins = |text: &Option<String>| text.as_ref().is_some_and(|t| t.starts_with(prefix));
    begins(&inner.exact) || begins(&inner.prefix)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    fn warned(matches: serde_json::Value) -> Vec<String> {
        let object = json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "a"}, "spec": {"hosts": ["a"], "http": matches}});
        let (_, problems) = crate::validate_object(&object);
        let reach = problems.into_iter().filter(|problem| problem.code == "IST0130");
        reach.map(|problem| problem.field.0).collect()
    }

    #[test]
    fn a_condition_behind_a_wider_one_is_told_of() {
        let to = json!([{"destination": {"host": "a"}}]);
        let found = warned(json!([
            {"match": [{"uri": {"prefix": "/a"}}], "route": to},
            {"match": [{"uri": {"exact": "/a/b"}, "method": {"exact": "GET"}}, {"uri": {"prefix": "/"}}], "route": to},
            {"route": to}, {"route": to}]));
        assert_eq!(found, ["/spec/http/1/match/0", "/spec/http/3"]);
    }

    #[test]
    fn a_narrower_condition_before_a_wider_one_is_fine() {
        let to = json!([{"destination": {"host": "a"}}]);
        let found = warned(json!([
            {"match": [{"uri": {"prefix": "/a"}, "headers": {"x": {"exact": "1"}}}], "route": to},
            {"match": [{"uri": {"prefix": "/a"}, "headers": {"x": {}}}], "route": to},
            {"match": [{"uri": {"regex": "/a.*"}}], "route": to},
            {"match": [{"uri": {"prefix": "/a"}}], "route": to}]));
        assert_eq!(found, Vec::<String>::new());
    }
}
