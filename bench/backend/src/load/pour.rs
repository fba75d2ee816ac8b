//! One stream, as fast as it comes.
//! In: an address. Out: bytes, in how long. Holds: one connection; the backend's largest answers, one after another.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::Arguments;
use crate::line::{self, Dialer, Protection};

const BODY: usize = 64 * 1024 * 1024;
const PIECE: usize = 256 * 1024;

pub(crate) fn run(wish: &Arguments) -> Result<String> {
    let mut line = Dialer::new(wish.address, &wish.host, Protection::None)?.dial()?;
    let request = line::request(&wish.host, BODY, "keep-alive");
    let (mut piece, mut bytes) = (vec![0; PIECE], 0);
    // Two answers are asked for at any time, so that the stream has no gap between them.
    line.write_all(&request)?;
    let start = Instant::now();
    while start.elapsed() < wish.duration() {
        line.write_all(&request)?;
        let until = bytes + BODY;
        while bytes < until {
            let count = line.read(&mut piece)?;
            ensure!(count > 0, "the stream ended after {bytes} bytes");
            bytes += count;
        }
    }
    Ok(format!(r#"{{"bytes": {bytes}, "seconds": {:.4}}}"#, start.elapsed().as_secs_f64()))
}
