//! Tells stories of many seeds, and says which of them failed a request.

use std::process::ExitCode;

use clap::Parser;
use weft_sim::{Story, Told, tell_all};

/// Arguments.
#[derive(Debug, Parser)]
#[command(name = "weft-sim", about = "Rolls, weighs and changes a simulated mesh under load")]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 16)]
    seeds: u64,
    /// Events of each.
    #[arg(long, default_value_t = 600)]
    events: u64,
    /// Pods crash and connections break, too.
    #[arg(long)]
    storm: bool,
}

#[expect(clippy::print_stdout, reason = "its report")]
fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let Arguments { seed, seeds, events, storm } = Arguments::parse();
    let seeds = seed..seed.saturating_add(seeds);
    let stories: Vec<Story> = seeds.map(|seed| Story { seed, events, storm }).collect();
    let (mut all, mut failed) = (Told::default(), false);
    for (story, told) in tell_all(&stories) {
        match told {
            Ok(told) => {
                println!("seed {}: {told}", story.seed);
                failed |= !told.failures.is_empty();
                all.add(told);
            }
            Err(error) => {
                failed = true;
                println!("seed {}: {error:#}", story.seed);
            }
        }
    }
    println!("all: {all}");
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
