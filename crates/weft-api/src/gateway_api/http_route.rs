//! `HTTPRoute`: where requests of HTTP go.

use super::filter::HttpFilter;
use super::http_match::{HttpMatch, Timeouts};
use super::reference::{DefaultScope, HttpBackendRef, ParentRef};
use crate::Span;
use crate::describe::Form as Written;
use crate::read::{record, words};

record! {
    /// Where requests of HTTP go that enter at a gateway, or that call a service. Of all rules that match, the one with the
    /// most specific match is taken, wherever it is written.
    HttpRoute {
        /// Gateways or services that the route is attached to.
        "parentRefs" parent_refs: Vec<ParentRef> = [MaxItems(32)],
        /// Attaches the route to gateways with a defaultScope.
        "useDefaultGateways" use_default_gateways: Option<DefaultScope>,
        /// Hosts that the route is for, perhaps with `*.` in front; all of the listener when absent.
        "hostnames" hostnames: Vec<String> =
            [MaxItems(16), ItemMinLength(1), ItemMaxLength(253), ItemForm(Written::Hostname)],
        /// Which requests, and what happens to them; one rule for every request when absent.
        "rules" rules: Vec<HttpRule> = [
            MinItems(1),
            MaxItems(16),
            Default("[{\"matches\": [{\"path\": {\"type\": \"PathPrefix\", \"value\": \"/\"}}]}]"),
        ],
    }
}

record! {
    /// Which requests, and what happens to them.
    HttpRule {
        /// Name of the rule; once in the route.
        "name" name: Option<String> = [MinLength(1), MaxLength(253), Form(Written::Subdomain)],
        /// The rule is taken when one of these matches; every request when absent.
        "matches" matches: Vec<HttpMatch> = [
            MaxItems(64),
            Default("[{\"path\": {\"type\": \"PathPrefix\", \"value\": \"/\"}}]"),
        ],
        /// What happens to requests and responses on the way.
        "filters" filters: Vec<HttpFilter> = [MaxItems(16)],
        /// Where requests go, in proportion to weights. Without any, and without a redirect, the answer is 500.
        "backendRefs" backend_refs: Vec<HttpBackendRef> = [MaxItems(16)],
        /// How long requests may take.
        "timeouts" timeouts: Option<Timeouts>,
        /// When a failed request is tried again.
        "retry" retry: Option<Retry>,
        /// Keeps a client with one endpoint.
        "sessionPersistence" session_persistence: Option<SessionPersistence>,
    }
}

record! {
    /// When a failed request is tried again.
    Retry {
        /// Codes of answers after which it is: 400 to 599.
        "codes" codes: Vec<u32> = [
            Distinct,
            MaxItems(64),
            Cel("self.all(code, code >= 400 && code <= 599)", "use codes from 400 to 599"),
        ],
        /// How often at most, after the first try.
        "attempts" attempts: Option<i32>,
        /// How long to wait before the first retry.
        "backoff" backoff: Option<Span> = [Form(Written::ShortDuration), ZeroAllowed],
    }
}

words! {
    /// What carries the session.
    SessionType {
        /// A cookie.
        Cookie = "Cookie",
        /// A header field.
        Header = "Header",
    }
}

record! {
    /// Keeps a client with one endpoint.
    SessionPersistence {
        /// Name of the cookie or header field; chosen when absent.
        "sessionName" session_name: Option<String> = [MaxLength(128)],
        /// How long a session lasts at most.
        "absoluteTimeout" absolute_timeout: Option<Span> =
            [Form(Written::ShortDuration), ZeroAllowed],
        /// How long a session lasts without requests.
        "idleTimeout" idle_timeout: Option<Span> = [Form(Written::ShortDuration), ZeroAllowed],
        /// Cookie (the default) or Header.
        "type" kind: SessionType = [Default("\"Cookie\"")],
        /// Settings of the cookie.
        "cookieConfig" cookie_config: Option<CookieConfig>,
    } where [Holds(
        "!has(self.cookieConfig) || !has(self.cookieConfig.lifetimeType) || self.cookieConfig.lifetimeType != 'Permanent' || has(self.absoluteTimeout)",
        "a permanent cookie needs absoluteTimeout",
    )]
}

words! {
    /// How long browsers keep a cookie.
    CookieLifetime {
        /// Until they are closed.
        Session = "Session",
        /// For absoluteTimeout.
        Permanent = "Permanent",
    }
}

record! {
    /// Settings of the cookie of a session.
    CookieConfig {
        /// Session (the default) or Permanent.
        "lifetimeType" lifetime_type: CookieLifetime = [Default("\"Session\"")],
    }
}
