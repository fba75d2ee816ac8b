//! Replays the corpora of `fuzz/`: what was written, with seeded changes, and what fuzzing has found, as it is.
//!
//! In: a target's name, words that its input may have, and what to do with each input. Out: a panic that names the input's seed.
//! Holds: the same inputs on every machine. Never: keeping what it finds; `make fuzz` does.

use std::path::PathBuf;

/// Runs everything that the corpus of a target says, each written input with `rounds` changes.
///
/// # Panics
/// When `run` does, with the input and its seed.
pub fn replay(target: &str, words: &[&str], rounds: u64, run: fn(&[u8])) {
    let judge = |data: &[u8], name: &str| {
        if std::panic::catch_unwind(|| run(data)).is_err() {
            panic!("{target}, {name}: {}", String::from_utf8_lossy(data));
        }
    };
    let written = inputs("corpus", target);
    for (number, input) in written.iter().enumerate() {
        judge(input, "as it is");
        for round in 1..rounds {
            let seed = number as u64 * rounds + round;
            judge(&changed(input, &written, words, seed), &format!("seed {seed}"));
        }
    }
    inputs("found", target).iter().for_each(|input| judge(input, "found by fuzzing"));
}

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

fn inputs(kind: &str, target: &str) -> Vec<Vec<u8>> {
    // Cargo runs a test in the folder of its crate.
    let folder = PathBuf::from("../../fuzz").join(kind).join(target);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn changed(input: &[u8], others: &[Vec<u8>], words: &[&str], seed: u64) -> Vec<u8> {
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
                let word = words[numbers.below(words.len())].bytes();
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
