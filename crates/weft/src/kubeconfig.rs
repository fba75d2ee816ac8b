//! `weft kubeconfig`: where kubectl finds the mesh.

use std::process::ExitCode;

use crate::failure::{Failure, say};
use crate::state::Place;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Print the file instead of its path.
    #[arg(long)]
    show: bool,
}

/// Prints.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let path = options.place.folder()?.join("kubeconfig");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("{}: {error}", path.display())).hint("weft up starts a mesh")
    })?;
    if options.show {
        print!("{text}");
    } else {
        say!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
