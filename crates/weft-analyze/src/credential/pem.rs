//! Bytes of a Secret, and the blocks of a PEM text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use x509_parser::pem::Pem;

use crate::view::{Json, Object};

/// Blocks that are read of one text; a chain of certificates is short.
const MOST_BLOCKS: usize = 16;

/// An entry of a Secret, `data` or `stringData`.
pub(super) fn entry(secret: &Object<'_>, name: &str) -> Option<Vec<u8>> {
    let get = |map: &str| secret.raw.at(map).as_object()?.get(name).and_then(Value::as_str);
    if let Some(plain) = get("stringData") {
        return Some(plain.as_bytes().to_vec());
    }
    let packed: String = get("data")?.split_whitespace().collect();
    STANDARD.decode(packed).ok()
}

/// What stands in the blocks of a PEM text, up to the first that is malformed.
pub(super) fn blocks(text: &[u8]) -> Vec<Vec<u8>> {
    let blocks = Pem::iter_from_buffer(text).take(MOST_BLOCKS);
    blocks.map_while(Result::ok).map(|block| block.contents).collect()
}
