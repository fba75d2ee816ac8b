//! `weft webhooks`: what a Kubernetes API server must be told to ask the mesh about objects and pods.
//! In: the root certificate of a mesh. Out: webhook configurations as JSON documents.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::failure::{Failure, say};
use crate::state::Place;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Root certificate that the server of the webhooks is certified by [default: the one of the mesh].
    #[arg(long, value_name = "PEM")]
    root_cert: Option<PathBuf>,
}

/// Prints.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let path = match &options.root_cert {
        Some(path) => path.clone(),
        None => options.place.folder()?.join("ca/root-cert.pem"),
    };
    let root = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("{}: {error}", path.display()))
            .hint("--name or --state-dir names a mesh, --root-cert a certificate")
    })?;
    if !root.contains("-----BEGIN CERTIFICATE-----") {
        return Err(Failure::new(format!("{}: there is no PEM certificate in it", path.display()))
            .hint("--root-cert takes the root certificate of a mesh"));
    }
    for object in weft_control::webhook_objects(&root) {
        let text = serde_json::to_string_pretty(&object).map_err(anyhow::Error::from)?;
        say!("---\n{text}");
    }
    Ok(ExitCode::SUCCESS)
}
