//! Replays the corpora of `fuzz/` with seeded changes: whatever comes, reading, judging and analyzing end without a panic.
//! A failing input is printed with its seed.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use serde_json::Value;
use weft_analyze::{Options, analyze};
use weft_api::yaml;

/// Changes of each input.
const ROUNDS: u64 = 2_000;

/// Numbers from a seed (xorshift); small, and the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (bound.max(1) as u64)).unwrap()
    }
}

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

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn changed(input: &[u8], others: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut data = input.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(data.len() + 1);
        match numbers.below(5) {
            0 => {
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1 << numbers.below(7);
                }
            }
            1 => data.truncate(at),
            2 => {
                let word = WORDS[numbers.below(WORDS.len())].bytes();
                data.splice(at..at, word);
            }
            3 => {
                let other = &others[numbers.below(others.len())];
                let from = numbers.below(other.len());
                let to = (from + numbers.below(40)).min(other.len());
                data.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let to = (at + numbers.below(20)).min(data.len());
                data.drain(at..to);
            }
        }
    }
    data
}

fn replay(target: &str, run: fn(&[u8])) {
    let inputs = corpus(target);
    for (number, input) in inputs.iter().enumerate() {
        for round in 0..ROUNDS {
            let seed = number as u64 * ROUNDS + round;
            let data = if round == 0 { input.clone() } else { changed(input, &inputs, seed) };
            if std::panic::catch_unwind(|| run(&data)).is_err() {
                panic!("{target}, seed {seed}: {}", String::from_utf8_lossy(&data));
            }
        }
    }
}

#[test]
fn any_text_is_read_or_refused() {
    replay("yaml_to_objects", |data| {
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
    replay("objects_to_model", |data| {
        let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
        let objects = match value {
            Value::Array(objects) => objects,
            object => vec![object],
        };
        weft_model::validate(&objects);
        drop(analyze(&objects, &Options::at(UNIX_EPOCH)));
    });
}
