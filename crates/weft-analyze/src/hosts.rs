//! Host names and patterns of them.

use std::borrow::Cow;

/// Completes a short name with the namespace of the object that has it; patterns and full names stay.
pub(crate) fn full<'a>(host: &'a str, namespace: &str, domain: &str) -> Cow<'a, str> {
    if host.contains('.') || host.starts_with('*') {
        Cow::Borrowed(host)
    } else {
        Cow::Owned(format!("{host}.{namespace}.svc.{domain}"))
    }
}

/// Whether some host is meant by both names, each of which may begin with `*`.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    match (one.strip_prefix('*'), other.strip_prefix('*')) {
        (Some(one), Some(other)) => one.ends_with(other) || other.ends_with(one),
        (Some(suffix), None) => other.ends_with(suffix),
        (None, Some(suffix)) => one.ends_with(suffix),
        (None, None) => one == other,
    }
}

/// Whether every host that `narrow` means is meant by the pattern `wide` too, and more.
pub(crate) fn is_wider(wide: &str, narrow: &str) -> bool {
    let Some(suffix) = wide.strip_prefix('*') else { return false };
    let narrow = narrow.strip_prefix('*').unwrap_or(narrow);
    narrow.len() > suffix.len() && narrow.ends_with(suffix)
}

/// Whether an object with this `exportTo` is seen by all namespaces.
pub(crate) fn is_exported_to_all<'a>(mut export_to: impl Iterator<Item = &'a str>) -> bool {
    let mut empty = true;
    export_to.any(|to| {
        empty = false;
        to == "*"
    }) || empty
}

/// Where an object is seen: `*`, or the namespaces of its `exportTo`, `.` being its own.
pub(crate) fn scopes<'a>(
    export_to: impl Iterator<Item = &'a str> + Clone,
    namespace: &'a str,
) -> Vec<&'a str> {
    if is_exported_to_all(export_to.clone()) {
        return vec!["*"];
    }
    let mut scopes: Vec<&str> =
        export_to.map(|to| if to == "." { namespace } else { to }).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_mean_the_namespace_they_stand_in() {
        assert_eq!(full("pay", "shop", "cluster.local"), "pay.shop.svc.cluster.local");
        assert_eq!(full("pay.other", "shop", "cluster.local"), "pay.other");
        assert_eq!(full("*", "shop", "cluster.local"), "*");
    }

    #[test]
    fn patterns_overlap_where_a_host_fits_both() {
        assert!(overlap("*.example.com", "a.example.com") && overlap("*", "a"));
        assert!(overlap("*.a.example.com", "*.example.com"));
        assert!(!overlap("*.example.com", "example.com") && !overlap("a", "b"));
        assert!(is_wider("*.local", "a.local") && !is_wider("a.local", "a.local"));
    }

    #[test]
    fn a_dot_exports_to_the_own_namespace() {
        assert_eq!(scopes([".", "b"].into_iter(), "a"), ["a", "b"]);
        assert_eq!(scopes(["b", "*"].into_iter(), "a"), ["*"]);
        assert_eq!(scopes([].into_iter(), "a"), ["*"]);
    }
}
