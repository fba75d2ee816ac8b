//! Answers: JSON, faults, streams.

use std::io;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

use super::warnings;
use crate::fault::Fault;

/// Body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
/// An answer.
pub(crate) type Answer = Response<Body>;

pub(crate) fn bytes(
    code: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = code;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

pub(crate) fn json(value: &Value) -> Answer {
    coded(StatusCode::OK, value)
}

pub(crate) fn coded(code: StatusCode, value: &Value) -> Answer {
    bytes(code, "application/json", value.to_string())
}

pub(crate) fn fault(fault: &Fault) -> Answer {
    let code = StatusCode::from_u16(fault.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    coded(code, &fault.status())
}

/// Adds what the user should read, as HTTP warnings.
pub(crate) fn warn(mut answer: Answer, warnings: &[String]) -> Answer {
    for value in warnings::values(warnings) {
        answer.headers_mut().append(http::header::WARNING, value);
    }
    answer
}
