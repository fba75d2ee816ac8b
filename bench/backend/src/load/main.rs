//! The generator for what wrk and h2load do not do: requests that are due at a fixed rate, new connections, idle connections,
//! WebSocket echoes, and one long stream.
//!
//! In: a verb and an address. Out: one line of JSON. Holds: a thread for each connection, with blocking calls, which cost
//! the core that generator and backend share less than an event loop does.
//! Never: verification of a server's certificate; a client's work would otherwise hide the proxy's.

#![allow(clippy::disallowed_methods, reason = "a generator measures time and waits for it")]
#![allow(clippy::print_stdout, reason = "the report of a command")]

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

mod connect;
mod crowd;
mod echo;
mod hold;
mod line;
mod pour;
mod rate;

/// What to do, to whom, how long.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to send.
    #[arg(value_enum)]
    verb: Verb,
    /// Where to.
    address: SocketAddr,
    /// The `Host` of the requests.
    #[arg(long, default_value = "server.bench.svc.cluster.local")]
    host: String,
    /// Connections at once.
    #[arg(short, long, default_value_t = 32)]
    connections: u32,
    /// Requests per second, all connections together (`rate`).
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// How long.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How connections are protected (`connect`, `hold`).
    #[arg(long, value_enum, default_value = "none")]
    tls: line::Protection,
}

impl Arguments {
    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Verb {
    /// Requests that are due at a fixed rate, each counted from when it was due.
    Rate,
    /// A new connection for each request.
    Connect,
    /// Connections that did one request each and then nothing, until standard input ends.
    Hold,
    /// Messages on WebSockets, each sent when the last came back.
    Echo,
    /// One stream, as fast as it comes.
    Pour,
}

fn main() -> Result<()> {
    let wish = Arguments::parse();
    let report = match wish.verb {
        Verb::Rate => rate::run(&wish)?,
        Verb::Connect => connect::run(&wish)?,
        Verb::Hold => hold::run(&wish)?,
        Verb::Echo => echo::run(&wish)?,
        Verb::Pour => pour::run(&wish)?,
    };
    println!("{report}");
    Ok(())
}
