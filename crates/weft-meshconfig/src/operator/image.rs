//! Rules of the names of images.

use serde_json::Value;

use crate::scalar::{Checked, fault, host_and_port, is_label};

const TAG: usize = 128;

/// Where images come from: a registry, and folders in it.
pub(super) fn hub(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let (first, rest) = text.split_once('/').unwrap_or((text, ""));
    let registry = first == "localhost" || first.contains(['.', ':']);
    let (registry, folders) = if registry { (Some(first), rest) } else { (None, text) };
    let host = |host: &str| host_and_port(host).is_ok() || host.split('.').all(is_label);
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-./".contains(&byte);
    if registry.is_none_or(host) && folders.bytes().all(plain) && !folders.ends_with('/') {
        return Ok(());
    }
    fault(
        format!("{text:?} is no place of images"),
        "write REGISTRY/FOLDER, such as docker.io/istio",
    )
}

/// The tag of an image; a plain number is one too.
pub(super) fn tag(value: &Value) -> Checked {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => other.to_string(),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let begin = !text.starts_with(['.', '-']);
    if begin && (1..=TAG).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(());
    }
    fault(format!("{text:?} is no tag"), "use letters, digits, dots, dashes and underscores")
}
