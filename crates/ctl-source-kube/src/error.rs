//! kube's errors as the Source's.
//! In: an error. Out: what a caller can act on. Holds: what may pass by itself is `Unavailable`, and only that.

use ctl_source::SourceError;

pub(crate) fn translate(error: kube::Error) -> SourceError {
    let kube::Error::Api(status) = error else {
        return SourceError::Unavailable(chain(&error));
    };
    let message = status.message.clone();
    match (status.code, status.reason.as_str()) {
        // Ours says "not found" by itself.
        (404, _) => SourceError::NotFound(message.trim_end_matches(" not found").to_owned()),
        (409, "AlreadyExists") => SourceError::AlreadyExists(message),
        (409, _) => SourceError::Conflict(message),
        (429 | 500.., _) => SourceError::Unavailable(message),
        _ => SourceError::Invalid(message),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
