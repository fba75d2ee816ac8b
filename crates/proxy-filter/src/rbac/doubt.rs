//! Fields about whose value two readers may differ, and how conditions count there.
//!
//! In: a condition on a field, a request, the side of doubt. Out: whether it counts as holding.
//! Holds: what allows needs every reading, what denies needs one; a request cannot be written so that it passes a rule that another
//! reader of the same bytes would find broken. Never: changes the request.
//! Why: lines of one field may be joined by commas or read one by one (RFC 9110, 5.3), and a host may have a dot behind it.

use std::borrow::Cow;

use proxy_config::RequestFacts;
use proxy_config::rbac::Action;
use proxy_config::route::HeaderMatch;

/// How a condition counts that holds in one reading and not in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// As holding: it is about what must not be.
    Holds,
    /// As not holding: it is about what must be.
    Fails,
}

impl Doubt {
    pub(super) const fn of(action: Action) -> Self {
        match action {
            Action::Deny => Self::Holds,
            Action::Allow | Action::Log => Self::Fails,
        }
    }

    /// Inside of a negation.
    pub(super) const fn inside(self) -> Self {
        match self {
            Self::Holds => Self::Fails,
            Self::Fails => Self::Holds,
        }
    }

    /// Whether a condition on a field counts as holding.
    pub(super) fn holds(self, header: &HeaderMatch, request: &dyn RequestFacts) -> bool {
        let value = request.any_field(&header.name);
        let holds = header.accepts(value.as_deref());
        let Some(value) = value.filter(|_| holds == (self == Self::Fails)) else {
            return holds;
        };
        let counts = |reading: Cow<'_, str>| header.accepts(Some(&reading)) != holds;
        let otherwise = match &*header.name {
            ":authority" | "host" => undotted(&value).is_some_and(|host| counts(host.into())),
            name if name.starts_with(':') || !value.contains(',') => false,
            // One line with commas is often no list (`user-agent`): what must be there need not be in each part of it.
            name if self == Self::Fails => {
                let lines = request.values(name);
                lines.len() > 1 && lines.into_iter().any(counts)
            }
            _ => value.split(',').any(|part| counts(part.trim().into())),
        };
        holds != otherwise
    }
}

/// A host without the dots behind it, with its port; `None` where there are none.
fn undotted(authority: &str) -> Option<String> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    };
    let bare = host.strip_suffix('.')?.trim_end_matches('.');
    Some(port.map_or_else(|| bare.to_owned(), |port| format!("{bare}:{port}")))
}

#[cfg(test)]
mod tests {
    use proxy_config::matcher::StringMatcher;
    use proxy_config::route::HeaderValueMatch;

    use super::*;

    struct Lines(Vec<&'static str>);

    impl RequestFacts for Lines {
        fn method(&self) -> &str {
            "GET"
        }
        fn path(&self) -> &str {
            "/"
        }
        fn authority(&self) -> &str {
            self.0[0]
        }
        fn scheme(&self) -> &str {
            "http"
        }
        fn field(&self, _name: &str) -> Option<Cow<'_, str>> {
            (!self.0.is_empty()).then(|| self.0.join(",").into())
        }
        fn values(&self, _name: &str) -> Vec<Cow<'_, str>> {
            self.0.iter().map(|line| Cow::Borrowed(*line)).collect()
        }
    }

    fn wanted(name: &str, value: StringMatcher, invert: bool) -> HeaderMatch {
        let value = HeaderValueMatch::Text(value);
        HeaderMatch { name: name.into(), value, invert, missing_is_empty: false }
    }

    /// Whether it counts as holding where it denies, and where it allows.
    #[track_caller]
    fn check(header: &HeaderMatch, lines: &[&'static str], denies: bool, allows: bool) {
        let request = Lines(lines.to_vec());
        let found = [Doubt::Holds, Doubt::Fails].map(|doubt| doubt.holds(header, &request));
        assert_eq!(found, [denies, allows], "{lines:?}");
    }

    #[test]
    fn a_value_among_others_is_denied_and_does_not_allow() {
        let exact = wanted("x-role", StringMatcher::Exact("bad".into()), false);
        check(&exact, &["bad"], true, true);
        check(&exact, &["bad", "good"], true, false);
        check(&exact, &["good", "bad"], true, false);
        check(&exact, &["good, bad"], true, false);
        check(&exact, &["good"], false, false);
        check(&exact, &[], false, false);
        let prefix = wanted("x-role", StringMatcher::Prefix("ba".into()), false);
        check(&prefix, &["bad", "good"], true, false);
        check(&prefix, &["bad, good"], true, true);
        let not = wanted("x-role", StringMatcher::Exact("bad".into()), true);
        check(&not, &["bad"], false, false);
        check(&not, &["bad", "good"], true, false);
        check(&not, &["good"], true, true);
    }

    #[test]
    fn a_dot_behind_a_host_hides_nothing_and_opens_nothing() {
        let host = wanted(":authority", StringMatcher::Exact("evil.example".into()), false);
        check(&host, &["evil.example"], true, true);
        check(&host, &["evil.example."], true, false);
        check(&host, &["evil.example.."], true, false);
        check(&host, &["good.example."], false, false);
        assert_eq!(undotted("evil.example.:80").as_deref(), Some("evil.example:80"));
        assert_eq!(undotted("[::1]:80"), None);
    }
}
