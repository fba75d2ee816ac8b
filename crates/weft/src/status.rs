//! `weft status`: what runs, where to reach it, and how it fares.
//! In: the state folder, the API server. Out: a few lines, or the same as JSON. Holds: the exit code is 1 when no mesh runs.

use std::path::Path;
use std::process::ExitCode;

use ctl_source::Object;
use ctl_source_kube::KubeSource;
use local_node::record;
use serde::Serialize;
use weft_admin_api::sync::SyncReport;

use crate::failure::{Failure, say};
use crate::proxy_status::{self, Output};
use crate::state::{self, Place};
use crate::{ready, target};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How to answer.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// How many of how many, and the ones that are not.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Share {
    good: usize,
    all: usize,
    /// Each with why.
    behind: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    running: bool,
    state_dir: String,
    version: Option<String>,
    node_pid: Option<u32>,
    control_plane_pid: Option<u32>,
    api_server: Option<String>,
    ingress_http: Option<String>,
    ingress_https: Option<String>,
    kubeconfig: Option<String>,
    pods_ready: Share,
    proxies_synced: Share,
}

/// Prints; the exit code is 1 when no mesh runs.
pub(crate) async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let folder = options.place.folder()?;
    let state_dir = folder.display().to_string();
    if !folder.exists() || state::lock(&folder)?.is_some() {
        match options.output {
            Output::Table => say!("no mesh runs with the state in {state_dir}"),
            Output::Json => print_json(&Status { state_dir, ..Status::default() })?,
        }
        return Ok(ExitCode::FAILURE);
    }
    let source = target::connect(&options.place).await?;
    let status = look(&source, &folder).await?;
    match options.output {
        Output::Table => tell(&status),
        Output::Json => print_json(&status)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn look(source: &KubeSource, folder: &Path) -> Result<Status, Failure> {
    let record =
        record::read(folder).map_err(|error| Failure::new(format!("node.json: {error}")))?;
    let url = |scheme: &str, key: &str| {
        record.extra[key].as_u64().map(|port| format!("{scheme}://localhost:{port}"))
    };
    Ok(Status {
        running: true,
        state_dir: folder.display().to_string(),
        version: Some(record.version.clone()),
        node_pid: record.node_pid,
        control_plane_pid: record.control_plane_pid,
        api_server: url("https", "apiPort"),
        ingress_http: url("http", "ingressHttpPort"),
        ingress_https: url("https", "ingressHttpsPort"),
        kubeconfig: Some(folder.join("kubeconfig").display().to_string()),
        pods_ready: pods(&target::list(source, "", "Pod").await?),
        proxies_synced: proxies(&proxy_status::report(source).await?),
    })
}

fn pods(pods: &[Object]) -> Share {
    // A pod that has done its work is not behind.
    let counted: Vec<&Object> =
        pods.iter().filter(|pod| pod["status"]["phase"] != "Succeeded").collect();
    let behind = counted.iter().filter(|pod| !ready::ready(pod));
    let behind: Vec<String> =
        behind.map(|pod| format!("{}: {}", ready::name(pod), ready::why(pod))).collect();
    Share { good: counted.len() - behind.len(), all: counted.len(), behind }
}

fn proxies(report: &SyncReport) -> Share {
    let mut behind = Vec::new();
    for proxy in &report.proxies {
        let refused: usize = proxy.types.iter().map(|sync| sync.refused.len()).sum();
        if refused > 0 {
            behind.push(format!("{}: refused {refused} of its resources", proxy.name));
        } else if proxy.acknowledged < report.revision {
            behind.push(format!("{}: has not acknowledged the newest yet", proxy.name));
        }
    }
    Share { good: report.proxies.len() - behind.len(), all: report.proxies.len(), behind }
}

fn print_json(status: &Status) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(status);
    say!("{}", text.map_err(|error| Failure::new(error.to_string()))?);
    Ok(())
}

fn tell(status: &Status) {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let pid = |pid: Option<u32>| pid.map_or("none".to_owned(), |pid| pid.to_string());
    say!("state          {}", status.state_dir);
    say!("version        {}", text(&status.version));
    say!("node           pid {}", pid(status.node_pid));
    say!("control plane  pid {}", pid(status.control_plane_pid));
    say!("API server     {}", text(&status.api_server));
    say!("kubeconfig     {}", text(&status.kubeconfig));
    say!("ingress        {} {}", text(&status.ingress_http), text(&status.ingress_https));
    share("pods", "ready", &status.pods_ready);
    share("proxies", "synced", &status.proxies_synced);
}

fn share(what: &str, good: &str, share: &Share) {
    say!("{what:14} {} of {} {good}", share.good, share.all);
    share.behind.iter().for_each(|line| say!("  {line}"));
}
