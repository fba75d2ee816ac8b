//! Messages on WebSockets that come back.
//! In: how many at once. Out: messages, in how long. Holds: each socket has one message under way.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::line::{self, Dialer, Line, Protection};
use crate::{Arguments, crowd};

/// A frame of 125 bytes of text, masked with zeros, as a client has to mask.
const TEXT: usize = 125;

pub(crate) fn run(wish: &Arguments) -> Result<String> {
    let dialer = Dialer::new(wish.address, &wish.host, Protection::None)?;
    let lines =
        (0..wish.connections).map(|_| open(&dialer, &wish.host)).collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    let end = start + wish.duration();
    let messages: u64 = crowd::all(lines, |line| to_and_fro(line, end))?.iter().sum();
    Ok(format!(r#"{{"messages": {messages}, "seconds": {:.4}}}"#, start.elapsed().as_secs_f64()))
}

fn open(dialer: &Dialer, host: &str) -> Result<Box<dyn Line>> {
    let mut line = dialer.dial()?;
    line.write_all(
        format!(
            "GET /echo HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .as_bytes(),
    )?;
    let mut buffer = Vec::new();
    line::head(line.as_mut(), &mut buffer)?;
    ensure!(
        buffer.starts_with(b"HTTP/1.1 101 "),
        "no upgrade: {:?}",
        String::from_utf8_lossy(&buffer)
    );
    Ok(line)
}

fn to_and_fro(mut line: Box<dyn Line>, end: Instant) -> Result<u64> {
    let (mut messages, message) = (0, frame());
    let mut back = vec![0; message.len()];
    while Instant::now() < end {
        line.write_all(&message)?;
        line.read_exact(&mut back)?;
        messages += 1;
    }
    ensure!(back == message, "another message came back");
    Ok(messages)
}

fn frame() -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | 125, 0, 0, 0, 0];
    frame.resize(frame.len() + TEXT, b'x');
    frame
}
