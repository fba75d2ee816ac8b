//! From a request to its handler.
//!
//! In: method, path, query. Out: the answer of one handler.
//! Holds: authentication comes first, even for paths that do not exist.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::answer::{self, Answer};
use super::auth::{self, User};
use super::query::{Query, decode};
use super::view::{EVENTS, View};
use super::{Shared, collection, discovery, node, object, openapi, review};
use crate::fault::Fault;
use crate::kind::{Kind, Version};
use crate::registry::Kinds;
use crate::select::Selector;
use crate::twice::{self, Read};
use crate::{FieldValidation, Warning, WriteOptions};

/// The largest body that is read.
const MOST_BYTES: usize = 8 << 20;

/// What a path names.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) kind: Arc<Kind>,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
    pub(crate) view: View,
}

impl Target {
    /// What the version that was asked for says.
    pub(crate) fn version(&self) -> Option<&Version> {
        self.kind.version(&self.version)
    }

    /// The selectors of a request, in the names of what is stored.
    pub(crate) fn selector(&self, query: &Query) -> Result<Selector, Fault> {
        let text = |name| query.get(name).unwrap_or_default();
        let fields = self.view.selector(text("fieldSelector"));
        let own = self.version().map_or(&[][..], |version| &version.selectable);
        Selector::parse(text("labelSelector"), &fields, own).map_err(Fault::bad)
    }

    /// The namespace, or empty.
    pub(crate) fn space(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }
}

/// Everything that a handler needs.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) shared: Arc<Shared>,
    pub(crate) user: User,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) accept: String,
    pub(crate) content_type: String,
    pub(crate) agent: String,
}

impl Ask {
    /// How a write is to be done; who does not say its name is called by its program.
    pub(crate) fn write_options(&self) -> Result<WriteOptions, Fault> {
        let mut options = self.query.write_options()?;
        options.user = self.user.clone();
        if options.manager.is_empty() {
            let program = self.agent.split('/').next().unwrap_or_default();
            let name: String = program.chars().filter(|c| !c.is_control()).take(128).collect();
            options.manager = if name.is_empty() { "unknown".to_owned() } else { name };
        }
        Ok(options)
    }
}

/// Answers one request.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    certified: Option<User>,
    request: Request<Incoming>,
) -> Answer {
    handle(shared, certified, request).await.unwrap_or_else(|fault| answer::fault(&fault))
}

async fn handle(
    shared: Arc<Shared>,
    certified: Option<User>,
    request: Request<Incoming>,
) -> Result<Answer, Fault> {
    let path = request.uri().path().to_owned();
    if matches!(path.as_str(), "/healthz" | "/livez" | "/readyz") {
        return Ok(answer::bytes(StatusCode::OK, "text/plain", "ok"));
    }
    let user = auth::user(&shared.registry, certified, request.headers())?;
    let user = auth::acting(user, request.headers())?;
    let header = |name| {
        request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
    };
    let ask = Ask {
        shared,
        user,
        method: request.method().clone(),
        query: Query::parse(request.uri().query().unwrap_or_default()),
        accept: header(http::header::ACCEPT),
        content_type: header(http::header::CONTENT_TYPE),
        agent: header(http::header::USER_AGENT),
        path,
    };
    let parts: Vec<String> =
        ask.path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if let Some(found) = discovery::answer(&ask, &parts) {
        return Ok(found);
    }
    if parts.first() == Some(&"openapi") {
        return openapi::answer(&ask, &parts);
    }
    if review::knows(&parts) {
        let body = body(request, &ask.content_type).await?;
        return review::answer(&ask, &parts, body);
    }
    if parts.first() == Some(&"weft") {
        auth::admin_only(&ask.user)?;
        let extra = ask.shared.extra.get().and_then(|extra| extra(&ask.path));
        return extra.map(|found| answer::json(&found)).ok_or_else(|| Fault::no_path(&ask.path));
    }
    let target =
        target(&ask.shared.registry.kinds(), &parts).ok_or_else(|| Fault::no_path(&ask.path))?;
    auth::allow(&ask.user, &ask.method, &target)?;
    let warning = target.version().and_then(|version| version.warning.clone());
    let answer = dispatch(ask, target, request).await?;
    Ok(answer::warn(answer, warning.as_slice()))
}

async fn dispatch(ask: Ask, target: Target, request: Request<Incoming>) -> Result<Answer, Fault> {
    let streams =
        matches!(target.subresource.as_deref(), Some("log" | "exec" | "attach" | "portforward"));
    if streams && target.kind.kind == "Pod" {
        return node::pass_on(&ask, &target, request).await;
    }
    match (&target.name, ask.method.clone()) {
        (None, Method::GET) if ask.query.is_on("watch") => super::watch::collection(ask, target),
        (None, Method::GET) => collection::list(&ask, &target),
        (None, Method::POST) => {
            let raw = raw(request).await?;
            collection::create(&ask, &target, &raw).await
        }
        (None, Method::DELETE) => {
            let body = body(request, &ask.content_type).await?;
            collection::delete(&ask, &target, &body).await
        }
        (Some(_), Method::GET) if ask.query.is_on("watch") => super::watch::collection(ask, target),
        (Some(name), _) => {
            let name = name.clone();
            let raw = raw(request).await?;
            object::answer(&ask, &target, &name, &raw).await
        }
        (None, method) => Err(Fault::method(&method, &ask.path)),
    }
}

fn target(kinds: &Kinds, parts: &[&str]) -> Option<Target> {
    let (group, version, rest) = match parts {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
        _ => (None, rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (plural, None, None),
        [plural, name] => (plural, Some(*name), None),
        [plural, name, subresource] => (plural, Some(*name), Some(*subresource)),
        _ => return None,
    };
    let (group, view) = if group == EVENTS { ("", View::Events) } else { (group, View::Stored) };
    let kind =
        kinds.find_plural(group, plural).filter(|k| view == View::Stored || k.kind == "Event")?;
    let fits = kind.version(version).is_some() && (kind.namespaced || namespace.is_none());
    let scoped = !kind.namespaced || namespace.is_some() || name.is_none();
    (fits && scoped).then(|| Target {
        kind: Arc::clone(kind),
        version: version.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        subresource: subresource.map(str::to_owned),
        view,
    })
}

/// The body's bytes, up to the limit.
pub(crate) async fn raw(request: Request<Incoming>) -> Result<Bytes, Fault> {
    let limited = Limited::new(request.into_body(), MOST_BYTES).collect().await;
    limited.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            Fault::too_large(MOST_BYTES)
        } else {
            Fault::bad(format!("the body could not be read: {error}"))
        }
    })
}

/// The body as JSON; null when there is none.
pub(crate) async fn body(request: Request<Incoming>, content_type: &str) -> Result<Value, Fault> {
    parse(&raw(request).await?, content_type)
}

/// Reads a body by its content type.
pub(crate) fn parse(raw: &[u8], content_type: &str) -> Result<Value, Fault> {
    read(raw, content_type).map(|read| read.value)
}

/// Reads an object to be written; what is there twice is met as the request asks.
pub(crate) fn parse_object(
    raw: &[u8],
    content_type: &str,
    level: FieldValidation,
) -> Result<(Value, Vec<Warning>), Fault> {
    let Read { value, twice } = read(raw, content_type)?;
    let told: Vec<Warning> =
        twice.iter().map(|path| format!("duplicate field \"{path}\"")).collect();
    match level {
        FieldValidation::Ignore => Ok((value, Vec::new())),
        FieldValidation::Warn => Ok((value, told)),
        FieldValidation::Strict if told.is_empty() => Ok((value, told)),
        FieldValidation::Strict => {
            Err(Fault::bad(format!("the body is refused: {}; keep one of each", told.join(", "))))
        }
    }
}

fn read(raw: &[u8], content_type: &str) -> Result<Read, Fault> {
    if raw.is_empty() {
        return Ok(Read::default());
    }
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/yaml" => {
            twice::yaml(raw).map_err(|e| Fault::bad(format!("the body is not YAML: {e}")))
        }
        "application/vnd.kubernetes.protobuf" => {
            Ok(Read { value: crate::protobuf::decode(raw)?, twice: Vec::new() })
        }
        plain if plain.is_empty() || plain.ends_with("json") => {
            twice::json(raw).map_err(|e| Fault::bad(format!("the body is not JSON: {e}")))
        }
        other => Err(Fault::media(other)),
    }
}
