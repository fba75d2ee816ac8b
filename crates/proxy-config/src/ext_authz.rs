//! Asking somebody else whether a request or a connection may pass.
//! In: nothing. Out: types. Source of the semantics: Envoy's external authorization filters.

use std::sync::Arc;
use std::time::Duration;

use crate::matcher::StringMatcher;

/// The filter that asks.
#[derive(Debug, Clone)]
pub struct ExtAuthz {
    /// Asked only where such rules have matched; `None` asks always.
    pub gate: Option<Gate>,
    /// Who is asked.
    pub service: Service,
    /// How long an answer may take; `None` has no bound.
    pub timeout: Option<Duration>,
    /// Passes when nobody could be asked.
    pub fail_open: bool,
    /// What the client is told when nobody could be asked.
    pub status_on_error: u16,
    /// What of the body is shown.
    pub body: Option<Shown>,
    /// The route is found again when the answer changed the request.
    pub finds_route_again: bool,
}

/// A condition on what rules that are only watched have found.
#[derive(Debug, Clone)]
pub struct Gate {
    /// [`crate::rbac::Rbac::shadow_prefix`] of the rules.
    pub prefix: Arc<str>,
    /// The policy that matched.
    pub policy: StringMatcher,
}

/// How much of a body is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// At most so many bytes.
    pub most: u32,
    /// The beginning of a longer one will do; else a longer one is refused.
    pub partial: bool,
    /// As bytes, not as text.
    pub as_bytes: bool,
}

/// Who is asked.
#[derive(Debug, Clone)]
pub enum Service {
    /// By Envoy's `Authorization` service.
    Grpc {
        /// Its cluster.
        cluster: Arc<str>,
        /// How it is called.
        authority: Arc<str>,
    },
    /// By a request like the one that is asked about.
    Http(Box<HttpService>),
}

impl Service {
    /// The cluster of it.
    #[must_use]
    pub const fn cluster(&self) -> &Arc<str> {
        match self {
            Self::Grpc { cluster, .. } => cluster,
            Self::Http(http) => &http.cluster,
        }
    }
}

/// Who is asked by a request.
#[derive(Debug, Clone)]
pub struct HttpService {
    /// Its cluster.
    pub cluster: Arc<str>,
    /// Stands before the path.
    pub path_prefix: Arc<str>,
    /// Fields of the request that are shown, beside the usual ones.
    pub shown: Vec<StringMatcher>,
    /// Fields that are added.
    pub added: Vec<(Arc<str>, Arc<str>)>,
    /// Fields of a yes that go on to the server.
    pub to_server: Vec<StringMatcher>,
    /// Fields of a no that go back to the client, beside the usual ones; `None` means all.
    pub to_client_on_no: Option<Vec<StringMatcher>>,
    /// Fields of a yes that go back to the client.
    pub to_client_on_yes: Vec<StringMatcher>,
}
