//! `weft control-plane`: behind `weft up`, with the API server's socket on standard input.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ipnet::IpNet;
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
    /// From one look at the keys of an issuer to the next; no proxy tells that it met an unknown one.
    #[arg(long, env = "PILOT_JWT_PUB_KEY_REFRESH_INTERVAL", default_value = "1m", value_parser = period)]
    key_period: Duration,
    /// Networks, separated by commas, that no URI of keys may lead to.
    #[arg(long, env = "BLOCKED_CIDRS_IN_JWKS_URIS", default_value = "", value_parser = networks)]
    blocked_networks: Networks,
}

/// Networks of one text.
#[derive(Debug, Clone)]
struct Networks(Vec<IpNet>);

fn networks(text: &str) -> Result<Networks, String> {
    let each = text.split(',').map(str::trim).filter(|one| !one.is_empty());
    let read = |one: &str| one.parse().map_err(|error| format!("{one:?}: {error}"));
    each.map(read).collect::<Result<_, _>>().map(Networks)
}

fn period(text: &str) -> Result<Duration, String> {
    let read = weft_types::duration::parse(text).map_err(|error| error.to_string())?;
    match read >= Duration::from_secs(1) {
        true => Ok(read),
        false => Err("must be a second or more".to_owned()),
    }
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
        keys: weft_control::embedded::KeyOptions {
            period: options.key_period,
            blocked: options.blocked_networks.0,
        },
        shutdown,
    };
    weft_control::embedded::run(options).await?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_and_networks_are_read_or_refused() {
        assert_eq!(period("20m"), Ok(Duration::from_secs(1200)));
        assert!(period("0s").is_err() && period("soon").is_err());
        let read = |text| networks(text).map(|networks| networks.0.len());
        assert_eq!((read(""), read("10.0.0.0/8, fd00::/8")), (Ok(0), Ok(2)));
        assert!(read("10.0.0.0/8,here").unwrap_err().starts_with("\"here\""));
    }
}
