//! What of a Secret goes on to proxies.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use serde_json::json;
use weft_model::{Checked, validate_object};

const LEAF: &str = include_str!("../../weft-certificate/tests/pem/leaf.pem");
const KEY: &str = include_str!("../../weft-certificate/tests/pem/leaf.key");
const OTHER: &str = include_str!("../../weft-certificate/tests/pem/other.key");
const ROOT: &str = include_str!("../../weft-certificate/tests/pem/root.pem");

/// Whether the certificate and the authorities go on.
#[track_caller]
fn sent(key: &str, authorities: &str) -> Option<(bool, bool)> {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "b"},
        "stringData": {"tls.crt": LEAF, "tls.key": key, "ca.crt": authorities}});
    match validate_object(&secret).0? {
        Checked::Secret(found) => {
            Some((found.spec.has_certificate(), found.spec.has_authorities()))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_certificate_with_the_key_of_another_one_is_left_out_and_its_authorities_are_not() {
    assert_eq!(sent(KEY, ROOT), Some((true, true)));
    assert_eq!(sent(OTHER, ROOT), Some((false, true)));
    assert_eq!(sent(OTHER, ""), None);
}
