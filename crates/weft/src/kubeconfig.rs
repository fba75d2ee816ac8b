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
    let folder = options.place.folder()?;
    let path = folder.join("kubeconfig");
    let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(format!("no mesh runs with the state in {}", folder.display()))
                .hint("weft up starts one; --name or --state-dir names another")
        }
        _ => Failure::new(format!("{}: {error}", path.display())),
    })?;
    if options.show {
        print!("{text}");
    } else {
        say!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
