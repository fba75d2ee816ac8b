//! Replays the corpora of `fuzz/`, those that were written with seeded changes: whatever comes, reading, judging and analyzing end without a panic.
//! A failing input is printed with its seed.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::time::UNIX_EPOCH;

use serde_json::Value;
use testkit::corpus::replay;
use weft_analyze::{Options, analyze};
use weft_api::yaml;

/// Changes of each input.
const ROUNDS: u64 = 2_000;

const WORDS: &[&str] = &[
    "null",
    "{}",
    "[]",
    "\"\"",
    "-1",
    "99999999999999999999",
    "1e400",
    "true",
    "\"*\"",
    "\"a/b\"",
    "\"\\u0000\"",
    "&a ",
    "*a",
    "<<: ",
    ": ",
    "\n",
    "\t",
    "- ",
    "\"%\"",
    "{\"a\":",
    "[",
    "]",
    "}",
];

#[test]
fn any_text_is_read_or_refused() {
    replay("yaml_to_objects", WORDS, ROUNDS, |data| {
        let Ok(text) = std::str::from_utf8(data) else { return };
        let Ok(documents) = yaml::read(text, "input.yaml") else { return };
        for document in documents {
            for problem in weft_model::validate_object(&document.value).1 {
                assert!(!problem.located(&document).to_string().is_empty());
            }
        }
    });
}

#[test]
fn any_objects_are_judged_and_analyzed() {
    replay("objects_to_model", WORDS, ROUNDS, |data| {
        let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
        let objects = match value {
            Value::Array(objects) => objects,
            object => vec![object],
        };
        weft_model::validate(&objects);
        drop(analyze(&objects, &Options::at(UNIX_EPOCH)));
    });
}
