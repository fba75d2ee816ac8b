//! Names of services in what a workload is started with.

use serde_json::Value;

use crate::view::{Json, Workload};

/// Texts of a workload that are looked at; more is data, not configuration.
const MOST_TEXT: usize = 64 * 1024;

/// Everything that looks like a host name.
pub(super) fn hosts<'a>(workload: &Workload<'a>) -> Vec<&'a str> {
    let mut left = MOST_TEXT;
    let texts = workload.containers().flat_map(texts).take_while(|text| {
        left = left.saturating_sub(text.len());
        left > 0
    });
    texts.flat_map(hosts_of).collect()
}

fn texts<'a>(container: &'a Value) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = container.list("env").iter().map(|variable| variable.text("value"));
    container.texts("command").chain(container.texts("args")).chain(values)
}

/// A single word counts as a host only after `://`, or before `:` and a port.
fn hosts_of(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    text.split(move |c| !is_part(c)).filter(move |word| {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        let before = text.get(..start).unwrap_or_default();
        let after = text.get(start + word.len()..).unwrap_or_default();
        let has_port = after
            .strip_prefix(':')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        !word.is_empty() && (before.ends_with("://") || has_port || word.contains(".svc"))
    })
}

/// Namespace and name of the service that a host means.
pub(super) fn service<'h>(host: &'h str, own: &'h str, domain: &str) -> Option<(&'h str, &'h str)> {
    let host = host.trim_end_matches('.');
    let host = host.strip_suffix(domain).map_or(host, |host| host.trim_end_matches('.'));
    let host = host.strip_suffix(".svc").unwrap_or(host);
    match host.split('.').collect::<Vec<_>>().as_slice() {
        [name] => Some((own, name)),
        [name, namespace] => Some((namespace, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_words_of_urls_and_addresses() {
        let found = |text| hosts_of(text).collect::<Vec<_>>();
        assert_eq!(found("--url=http://pay.shop:8080/x"), ["pay.shop"]);
        assert_eq!(found("db:5432,http://pay/"), ["db", "pay"]);
        assert_eq!(found("a.b.svc.cluster.local"), ["a.b.svc.cluster.local"]);
        assert!(found("just some words v1.2").is_empty());
    }

    #[test]
    fn a_host_means_a_service() {
        let of = |host| service(host, "own", "cluster.local");
        assert_eq!(of("pay"), Some(("own", "pay")));
        assert_eq!(of("pay.shop"), Some(("shop", "pay")));
        assert_eq!(of("pay.shop.svc.cluster.local"), Some(("shop", "pay")));
        assert_eq!(of("www.example.com"), None);
    }
}
