//! Objects to the model and through the analysis: a list of anything is judged, and nothing panics.
#![no_main]

use std::time::UNIX_EPOCH;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let objects = match value {
        Value::Array(objects) => objects,
        object => vec![object],
    };
    drop(weft_model::validate(&objects));
    drop(weft_analyze::analyze(&objects, &weft_analyze::Options::at(UNIX_EPOCH)));
});
