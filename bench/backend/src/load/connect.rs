//! New connections, each for one request.
//! In: how many at once, and how they are protected. Out: how many were made, in how long.
//! Holds: a connection counts when its answer has come whole.

use std::time::Instant;

use anyhow::Result;

use crate::line::{self, Dialer};
use crate::{Arguments, crowd};

const BODY: usize = 64;

pub(crate) fn run(wish: &Arguments) -> Result<String> {
    let request = line::request(&wish.host, BODY, "close");
    let start = Instant::now();
    let end = start + wish.duration();
    let members = (0..wish.connections).collect();
    let made: u64 = crowd::all(members, |_| one_after_another(wish, &request, end))?.iter().sum();
    Ok(format!(r#"{{"connections": {made}, "seconds": {:.4}}}"#, start.elapsed().as_secs_f64()))
}

/// A dialer for each thread, so that each has tickets of its own.
fn one_after_another(wish: &Arguments, request: &[u8], end: Instant) -> Result<u64> {
    let dialer = Dialer::new(wish.address, &wish.host, wish.tls)?;
    let (mut made, mut buffer) = (0, Vec::new());
    while Instant::now() < end {
        line::exchange(dialer.dial()?.as_mut(), request, &mut buffer)?;
        made += 1;
    }
    Ok(made)
}
