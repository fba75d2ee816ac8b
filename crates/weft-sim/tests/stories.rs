//! Stories from seeds, told on every processor there is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use weft_sim::{Story, Told, tell_all};

/// Stories that failed once: `SEED EVENTS calm|storm`, one a line; what stands behind `#` says why.
const KEPT: &str = include_str!("seeds.txt");

/// Events of each story. `make sim` tells sixteen of 625, which makes ten thousand.
const EVENTS: u64 = 125;
/// Stories.
const STORIES: u64 = 16;

/// As it stands in the list of kept seeds.
fn line(story: Story) -> String {
    format!("{} {} {}", story.seed, story.events, if story.storm { "storm" } else { "calm" })
}

#[track_caller]
fn without_a_failed_request((story, told): (Story, anyhow::Result<Told>)) -> Told {
    let told =
        told.unwrap_or_else(|why| panic!("add `{}` to tests/seeds.txt: {why:#}", line(story)));
    assert!(
        told.failures.is_empty(),
        "add `{}` to tests/seeds.txt: {} of {} requests failed: {:#?}",
        line(story),
        told.failures.len(),
        told.requests,
        told.failures,
    );
    told
}

#[test]
fn rolls_weights_and_policies_fail_no_request() {
    let stories: Vec<Story> =
        (1..=STORIES).map(|seed| Story { seed, events: EVENTS, storm: seed % 4 == 0 }).collect();
    let all: Vec<Told> = tell_all(&stories).into_iter().map(without_a_failed_request).collect();
    let kinds = |kind: usize| all.iter().map(|told| told.events[kind]).sum::<u64>();
    assert!(
        (0..3).all(|kind| kinds(kind) > EVENTS * STORIES / 4),
        "every kind of event has its share"
    );
    assert_eq!((0..3).map(kinds).sum::<u64>(), EVENTS * STORIES);
    assert!(all.iter().map(|told| told.requests).sum::<u64>() > EVENTS * STORIES);
    assert!(all.iter().all(|told| told.slowest < Duration::from_secs(15)));
}

#[test]
fn every_story_that_failed_once_is_told_again() {
    let read = |line: &str| {
        let words: Vec<&str> =
            line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let [seed, events, weather] = words.as_slice() else { return None };
        let (seed, events) = (seed.parse().unwrap(), events.parse().unwrap());
        Some(Story { seed, events, storm: *weather == "storm" })
    };
    let stories: Vec<Story> = KEPT.lines().filter_map(read).collect();
    tell_all(&stories).into_iter().map(without_a_failed_request).for_each(drop);
}
