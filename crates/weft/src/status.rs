//! `weft status`: what runs, and where to reach it.

use std::process::ExitCode;

use ctl_source::{Source as _, kinds};
use ctl_source_kube::KubeSource;
use local_node::record;

use crate::failure::{Failure, say};
use crate::ready;
use crate::state::{self, Place};

/// Prints; the exit code is 1 when no mesh runs.
pub(crate) async fn run(place: &Place) -> Result<ExitCode, Failure> {
    let folder = place.folder()?;
    if !folder.exists() || state::lock(&folder)?.is_some() {
        say!("no mesh runs with the state in {}", folder.display());
        return Ok(ExitCode::FAILURE);
    }
    let record =
        record::read(&folder).map_err(|error| Failure::new(format!("node.json: {error}")))?;
    let source = KubeSource::from_kubeconfig(&folder.join("kubeconfig")).await?;
    let pods = kinds::find("", "Pod").ok_or_else(|| Failure::new("no kind Pod"))?;
    let pods = source.list(&pods.resource(), None).await?;
    let count = pods.iter().filter(|pod| ready::ready(pod)).count();
    let pid = |pid: Option<u32>| pid.map_or("none".to_owned(), |pid| pid.to_string());
    say!("state          {}", folder.display());
    say!("version        {}", record.version);
    say!("node           pid {}", pid(record.node_pid));
    say!("control plane  pid {}", pid(record.control_plane_pid));
    say!("API server     https://localhost:{}", record.extra["apiPort"]);
    say!(
        "ingress        http://localhost:{} https://localhost:{}",
        record.extra["ingressHttpPort"],
        record.extra["ingressHttpsPort"]
    );
    say!("pods           {count} of {} ready", pods.len());
    Ok(ExitCode::SUCCESS)
}
