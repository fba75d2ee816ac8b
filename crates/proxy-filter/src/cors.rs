//! Cross-origin requests.
//! In: the route's policy, a request. Out: whether a preflight is answered here, and fields for the response.
//! Source of the semantics: Envoy's CORS filter, the Fetch standard.

use proxy_config::RequestFacts;
use proxy_config::route::Cors;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cross {
    /// Not a cross-origin request of an admitted origin.
    Nothing,
    /// A preflight: answer 200 with these fields.
    Preflight(Vec<(&'static str, String)>),
    /// Add these fields to the response.
    Response(Vec<(&'static str, String)>),
}

/// Decides.
#[must_use]
pub fn decide(cors: &Cors, request: &dyn RequestFacts) -> Cross {
    let Some(origin) = request.field("origin").filter(|origin| !origin.is_empty()) else {
        return Cross::Nothing;
    };
    let preflight =
        request.method() == "OPTIONS" && request.field("access-control-request-method").is_some();
    if !cors.origins.iter().any(|wanted| wanted.matches(&origin)) {
        let answered_here = preflight && !cors.forward_unmatched;
        return if answered_here { Cross::Preflight(Vec::new()) } else { Cross::Nothing };
    }
    let mut fields = vec![("access-control-allow-origin", origin.into_owned())];
    if cors.credentials == Some(true) {
        fields.push(("access-control-allow-credentials", "true".to_owned()));
    }
    let mut add = |name, value: &str| {
        if !value.is_empty() {
            fields.push((name, value.to_owned()));
        }
    };
    if preflight {
        add("access-control-allow-methods", &cors.methods);
        add("access-control-allow-headers", &cors.headers);
        add("access-control-max-age", &cors.max_age);
        return Cross::Preflight(fields);
    }
    add("access-control-expose-headers", &cors.expose);
    Cross::Response(fields)
}
