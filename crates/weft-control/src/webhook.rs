//! Port 15017: the judgement of this control plane, for an API server that is not ours.
//!
//! In: AdmissionReviews over HTTPS on `/validate` and `/inject`. Out: the same answers that the embedded API server gives.
//! Holds: a question that cannot be read is answered with 400 and the reason, so that the asker's `failurePolicy` decides.
//! Holds: at most [`AT_ONCE`] bodies are held, none over [`MOST_BYTES`], and none that takes longer than [`PATIENCE`].
//! Never: a rule of its own; what is asked here goes through [`MeshAdmission`].

pub(crate) mod bundle;
mod configuration;
mod listen;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use ctl_admission::review::{Answer, Question};
use ctl_source::{ObjectKey, Source};
use serde_json::Value;
use tokio::sync::Semaphore;
use weft_rt::Clock;

use crate::admission::MeshAdmission;
pub use configuration::objects;
pub(crate) use listen::Incoming;

/// An object and the one before it, each as large as an API server takes them.
const MOST_BYTES: usize = 8 << 20;
const PATIENCE: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 16;

/// What the paths need.
pub(crate) struct Hooks {
    pub(crate) admission: MeshAdmission,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) clock: Clock,
}

struct Shared {
    hooks: Hooks,
    room: Semaphore,
}

type Reply = Result<String, (StatusCode, String)>;

/// The paths; below `/inject/` stand settings of a cluster that Istio writes and that are the mesh's here.
pub(crate) fn router(hooks: Hooks) -> Router {
    let shared = Arc::new(Shared { hooks, room: Semaphore::new(AT_ONCE) });
    Router::new()
        .route("/validate", post(validate))
        .route("/inject", post(inject))
        .route("/inject/{*settings}", post(inject))
        .route("/httpsReady", get(async || "ready\n"))
        .with_state(shared)
}

async fn validate(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    reply(answer(&shared, request, async |question| shared.hooks.validate(question)).await)
}

async fn inject(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    reply(answer(&shared, request, async |question| shared.hooks.inject(question).await).await)
}

fn reply(reply: Reply) -> Response {
    match reply {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err((code, why)) => (code, format!("{why}\n")).into_response(),
    }
}

async fn answer(
    shared: &Shared,
    request: Request,
    judge: impl AsyncFnOnce(&Question) -> Answer,
) -> Reply {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind != "application/json" {
        let why = format!("send an AdmissionReview as application/json, not as {kind:?}");
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    let gone = |_closed| (StatusCode::SERVICE_UNAVAILABLE, "the server is ending".to_owned());
    let _seat = shared.room.acquire().await.map_err(gone)?;
    let body = read(&shared.hooks.clock, request.into_body()).await?;
    let question = Question::parse(&body).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    let answer = judge(&question).await;
    Ok(question.answered(answer).to_string())
}

async fn read(clock: &Clock, body: Body) -> Result<axum::body::Bytes, (StatusCode, String)> {
    let read = clock.timeout(PATIENCE, to_bytes(body, MOST_BYTES)).await.map_err(|_elapsed| {
        (StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {PATIENCE:?}"))
    })?;
    read.map_err(|error| {
        let why = format!("the body cannot be read, or is over {MOST_BYTES} bytes: {error}");
        (StatusCode::PAYLOAD_TOO_LARGE, why)
    })
}

impl Hooks {
    fn validate(&self, question: &Question) -> Answer {
        if !matches!(question.operation.as_str(), "CREATE" | "UPDATE") {
            return Answer::Allowed { warnings: Vec::new(), changed: None };
        }
        match self.admission.judge(question) {
            Ok(warnings) => Answer::Allowed { warnings, changed: None },
            Err(fault) => Answer::Refused(fault.status()),
        }
    }

    async fn inject(&self, question: &Question) -> Answer {
        if question.operation != "CREATE" || question.kind != "Pod" || !question.group.is_empty() {
            return Answer::Allowed { warnings: Vec::new(), changed: None };
        }
        let labels = match self.labels(&question.namespace).await {
            Ok(labels) => labels,
            Err(fault) => return Answer::Refused(fault.status()),
        };
        let mut pod = question.object.clone();
        match self.admission.inject(question, &labels, &mut pod) {
            Ok(warnings) => Answer::Allowed { warnings, changed: Some(pod) },
            Err(fault) => Answer::Refused(fault.status()),
        }
    }

    /// The labels of the pod's namespace, which say whether it wants a proxy.
    async fn labels(&self, namespace: &str) -> Result<Value, ctl_apiserver::Fault> {
        let Some(kind) = ctl_source::kinds::find("", "Namespace") else { return Ok(Value::Null) };
        let name = namespace.to_owned();
        let key = ObjectKey { resource: kind.resource(), namespace: None, name };
        match self.source.get(&key).await {
            Ok(found) => {
                Ok(found.map(|found| found["metadata"]["labels"].clone()).unwrap_or_default())
            }
            Err(error) => {
                let why = format!("the labels of namespace {namespace} cannot be read: {error}");
                Err(ctl_apiserver::Fault::unavailable(why))
            }
        }
    }
}

#[cfg(test)]
mod tests;
