//! A process of its own, in which nothing else gives memory back meanwhile.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

fn resident_kb(figure: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Blocks too small for a mapping of their own, with every thousandth kept: without trimming they stay.
fn scattered() -> Vec<Vec<u8>> {
    let blocks: Vec<Vec<u8>> = (0..40_000_u32).map(|n| n.to_le_bytes().repeat(64)).collect();
    blocks.into_iter().step_by(1000).collect()
}

#[test]
fn heap_that_nobody_uses_is_given_back_and_what_is_used_stays() {
    let kept = scattered();
    let before = resident_kb("RssAnon");
    weft_resident::shrink().unwrap();
    let after = resident_kb("RssAnon");
    assert!(before > 8_000 && after + 6_000 < before, "{before} kB before, {after} kB after");
    let expected = (0..40_000_u32).step_by(1000).map(|n| n.to_le_bytes().repeat(64));
    assert!(kept.into_iter().eq(expected));
}
