//! Why a request failed, as Kubernetes clients read it.
//!
//! In: what went wrong. Out: an HTTP code, a machine-readable reason and one sentence, and the `Status` object of them.
//! Why one type for REST and for callers in the process: both take the same walk, so both get the same answer.

use crate::admission::Finding;
use crate::kind::Kind;
use ctl_source::SourceError;
use ctl_store::StoreError;
use serde_json::{Value, json};

/// A refused or failed request.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// HTTP code.
    pub code: u16,
    /// Kubernetes' word for it, e.g. `NotFound`.
    pub reason: &'static str,
    /// What is wrong and, where possible, what to do.
    pub message: String,
    /// Kind and name of what it is about.
    pub details: Value,
}

/// One thing that is wrong with an object.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    /// Path of the field, as `spec.ports[0]`.
    pub(crate) field: String,
    pub(crate) what: String,
    /// Kubernetes' word for the kind of fault.
    pub(crate) reason: &'static str,
}

/// `deployments.apps`, or `pods` for the core group.
pub(crate) fn qualified(kind: &Kind) -> String {
    if kind.group.is_empty() {
        kind.plural.clone()
    } else {
        format!("{}.{}", kind.plural, kind.group)
    }
}

impl Fault {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.details = json!({ "name": name, "group": kind.group, "kind": kind.plural });
        self
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", qualified(kind));
        Self::new(404, "NotFound", message).about(kind, name)
    }

    pub(crate) fn no_path(path: &str) -> Self {
        Self::new(404, "NotFound", format!("this server has nothing at {path}"))
    }

    pub(crate) fn exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", qualified(kind));
        Self::new(409, "AlreadyExists", message).about(kind, name)
    }

    pub(crate) fn conflict(kind: &Kind, name: &str) -> Self {
        let message = format!(
            "{} \"{name}\" was changed since you read it; read it again and repeat your change",
            qualified(kind)
        );
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// An apply would change what others own: each cause is one field.
    pub(crate) fn contested(kind: &Kind, causes: &[Cause]) -> Self {
        let texts: Vec<_> = causes.iter().map(|c| format!("{}: {}", c.what, c.field)).collect();
        let noun = if causes.len() == 1 { "conflict" } else { "conflicts" };
        let message =
            format!("the apply failed with {} {noun}: {}", causes.len(), texts.join("; "));
        let listed = |c: &Cause| json!({ "reason": c.reason, "field": c.field, "message": c.what });
        let mut fault = Self::new(409, "Conflict", message);
        fault.details = json!({ "group": kind.group, "kind": kind.plural,
            "causes": causes.iter().map(listed).collect::<Vec<_>>() });
        fault
    }

    /// The object itself is wrong: each problem is `(path, what)`.
    pub(crate) fn invalid(kind: &Kind, name: &str, problems: &[(String, String)]) -> Self {
        let cause = |(field, what): &(String, String)| Cause {
            field: field.clone(),
            what: what.clone(),
            reason: "FieldValueInvalid",
        };
        Self::invalid_for(kind, name, &problems.iter().map(cause).collect::<Vec<_>>())
    }

    /// The object itself is wrong, for these reasons.
    pub(crate) fn invalid_for(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let place = |cause: &Cause| match cause.field.as_str() {
            "" => cause.what.clone(),
            field => format!("{field}: {}", cause.what),
        };
        let texts: Vec<_> = causes.iter().map(place).collect();
        let causes: Vec<_> = causes
            .iter()
            .map(|c| json!({ "reason": c.reason, "field": c.field, "message": c.what }))
            .collect();
        let message = format!("{} \"{name}\" is invalid: {}", kind.kind, texts.join("; "));
        let mut fault = Self::new(422, "Invalid", message);
        fault.details =
            json!({ "name": name, "group": kind.group, "kind": kind.kind, "causes": causes });
        fault
    }

    /// What the mesh finds wrong with the object.
    #[must_use]
    pub fn found(kind: &Kind, name: &str, findings: &[&Finding]) -> Self {
        let cause = |finding: &&Finding| Cause {
            field: finding.field.clone(),
            what: finding.why.clone(),
            reason: "FieldValueInvalid",
        };
        Self::invalid_for(kind, name, &findings.iter().map(cause).collect::<Vec<_>>())
    }

    /// A webhook refuses the write. Its code is kept; the reason never says that trying again would help.
    pub(crate) fn denied(code: u16, webhook: &str, why: &str) -> Self {
        let reason = match code {
            400 => "BadRequest",
            401 => "Unauthorized",
            422 => "Invalid",
            429 => "TooManyRequests",
            500..=599 => "InternalError",
            _ => "Forbidden",
        };
        Self::new(
            code,
            reason,
            format!("admission webhook \"{webhook}\" denied the request: {why}"),
        )
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "Forbidden", message)
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "Unauthorized", message)
    }

    /// Nothing new while the definition of the kind is being deleted.
    pub(crate) fn ending(kind: &Kind) -> Self {
        let what = "the definition of this kind is being deleted: nothing new can be created";
        Self::new(405, "MethodNotAllowed", format!("{}: {what}", qualified(kind)))
    }

    pub(crate) fn method(method: &http::Method, path: &str) -> Self {
        Self::new(405, "MethodNotAllowed", format!("{method} is not possible on {path}"))
    }

    pub(crate) fn media(what: &str) -> Self {
        Self::unsupported(format!("bodies of type {what} are not understood"))
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("the body is over the limit of {limit} bytes");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// Somebody who is needed for the answer cannot be reached now.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    pub(crate) fn store(error: &StoreError, kind: &Kind, name: &str) -> Self {
        match error {
            StoreError::Exists => Self::exists(kind, name),
            StoreError::Missing => Self::not_found(kind, name),
            StoreError::Changed => Self::conflict(kind, name),
            StoreError::TooDeep(_) => {
                Self::invalid(kind, name, &[(String::new(), error.to_string())])
            }
            StoreError::Open { .. } | StoreError::Disk(_) => Self::internal(error.to_string()),
        }
    }

    /// The `Status` object of this fault.
    #[must_use]
    pub fn status(&self) -> Value {
        let mut status = json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}

impl From<Fault> for SourceError {
    fn from(fault: Fault) -> Self {
        match (fault.code, fault.reason) {
            (404, _) => Self::NotFound(fault.message.trim_end_matches(" not found").to_owned()),
            (409, "AlreadyExists") => {
                Self::AlreadyExists(fault.message.trim_end_matches(" already exists").to_owned())
            }
            (409, _) => Self::Conflict(fault.message),
            (400..=499, _) => Self::Invalid(fault.message),
            _ => Self::Unavailable(fault.message),
        }
    }
}
