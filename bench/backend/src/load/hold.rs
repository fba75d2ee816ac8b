//! Connections that are open and idle.
//! In: how many, and how they are protected. Out: a line when they are open; then nothing until standard input ends.
//! Holds: each has done one request, so that the proxy has met it.

use std::io::Read as _;

use anyhow::Result;

use crate::Arguments;
use crate::line::{self, Dialer};

const BODY: usize = 64;

pub(crate) fn run(wish: &Arguments) -> Result<String> {
    let dialer = Dialer::new(wish.address, &wish.host, wish.tls)?;
    let request = line::request(&wish.host, BODY, "keep-alive");
    let mut held = Vec::new();
    for _ in 0..wish.connections {
        let mut line = dialer.dial()?;
        line::exchange(line.as_mut(), &request, &mut Vec::new())?;
        held.push(line);
    }
    println!(r#"{{"held": {}}}"#, held.len());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(format!(r#"{{"let go": {}}}"#, held.len()))
}
