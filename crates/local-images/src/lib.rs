//! The programs behind image names that start with `weft/`: what the sample's pods run.
//!
//! In: an image name and its arguments. Out: the program's exit code.
//! Holds: every program ends by itself soon after SIGTERM, having answered what it had begun.
//! Never: mesh logic; these are ordinary applications that a mesh carries.
//! Why inside our binary: a laptop needs no image registry and no container runtime to try a mesh.

use std::process::ExitCode;

use clap::Parser as _;

mod client;
mod curl;
mod echo;
pub mod load;
mod serve;
mod shop;
mod sleep;
mod stop;

/// Names of the images that exist.
pub const IMAGES: &[&str] = &["curl", "echo", "load", "shop", "sleep"];

/// Runs the program of image `weft/NAME`.
///
/// # Errors
/// An unknown name, bad arguments, or a socket that cannot be bound: the message says which.
pub async fn run(name: &str, args: &[String]) -> anyhow::Result<ExitCode> {
    let argv = std::iter::once(name.to_owned()).chain(args.iter().cloned());
    match name {
        "curl" => curl::run(curl::Options::try_parse_from(argv)?).await,
        "echo" => echo::run(echo::Options::try_parse_from(argv)?).await,
        "load" => load::run_image(load::Arguments::try_parse_from(argv)?).await,
        "shop" => shop::run(shop::Options::try_parse_from(argv)?).await,
        "sleep" => sleep::run().await,
        other => anyhow::bail!("no image weft/{other}; there is: {}", IMAGES.join(", ")),
    }
}
