//! The test's own process gives memory back and goes on as before.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;

#[test]
fn a_process_that_works_in_many_threads_goes_on() {
    let count = |thread: u64| {
        let squares: BTreeMap<u64, String> = (0..2_000).map(|n| (n * n, n.to_string())).collect();
        squares.values().map(String::len).sum::<usize>() as u64 + thread
    };
    let expected: Vec<u64> = (0..4).map(count).collect();
    let found: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || count(n))).collect();
        for _ in 0..20 {
            weft_resident::shrink().unwrap();
        }
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(found, expected);
}

#[test]
fn constants_read_the_same_afterwards() {
    let text = include_str!("process.rs");
    let before = text.to_owned();
    weft_resident::shrink().unwrap();
    assert_eq!(text, before);
}
