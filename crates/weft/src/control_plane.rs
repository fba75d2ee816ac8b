//! `weft control-plane`: behind `weft up`, with the API server's socket on standard input.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::node::log_to_stderr;

/// Arguments; the node writes them.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// State folder.
    #[arg(long)]
    state_dir: PathBuf,
    /// Data plane of injected pods.
    #[arg(long, default_value = "weft")]
    dataplane: weft_control::Dataplane,
}

/// Runs until SIGTERM.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    log_to_stderr();
    let failed = |error: std::io::Error| Failure::new(format!("the API server's socket: {error}"));
    let socket = std::io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let shutdown = CancellationToken::new();
    let mut stop = local_node::stop_on_signals().map_err(failed)?;
    let told = shutdown.clone();
    tokio::spawn(async move {
        if stop.wait_for(|stop| *stop).await.is_ok() {
            told.cancel();
        }
    });
    let options = weft_control::embedded::Options {
        state_dir: options.state_dir,
        api_listener: TcpListener::from(socket),
        mesh_bind: IpAddr::V4(Ipv4Addr::new(10, 244, 0, 1)),
        dataplane: options.dataplane,
        shutdown,
    };
    weft_control::embedded::run(options).await?;
    Ok(ExitCode::SUCCESS)
}
