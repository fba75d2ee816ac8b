//! `weft proxy-status`: what every proxy has of the newest configuration.
//! In: the ledger, from the API server. Out: a table, or its JSON. Holds: what a proxy refused is named with its reason.

use std::process::ExitCode;

use weft_admin_api::sync::{ProxySync, SyncReport, SyncState, TypeSync};

use crate::failure::{Failure, say};
use crate::state::Place;
use crate::{table, target};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// Columns for people.
    Table,
    /// JSON for programs.
    Json,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// The ledger of a running mesh.
pub(crate) async fn report(source: &ctl_source_kube::KubeSource) -> Result<SyncReport, Failure> {
    let path = "/weft/debug/syncz";
    serde_json::from_value(source.raw(path).await?)
        .map_err(|error| Failure::new(format!("{path}: {error}")))
}

/// Prints; the exit code is 1 when a proxy refused something.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let report = report(&target::connect(&options.place).await?).await?;
    if options.output == Output::Json {
        let text = serde_json::to_string_pretty(&report);
        say!("{}", text.map_err(|error| Failure::new(error.to_string()))?);
        return Ok(ExitCode::SUCCESS);
    }
    let types: Vec<&str> =
        report.proxies.first().map_or(Vec::new(), |p| p.types.iter().map(name).collect());
    let headings = [&["NAME", "TYPE", "VERSION"], types.as_slice()].concat();
    let rows: Vec<Vec<String>> = report.proxies.iter().map(row).collect();
    table::print(&headings, &rows);
    let refusals: Vec<String> = report.proxies.iter().flat_map(refusals).collect();
    if refusals.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say!("\nREFUSED (the last accepted version serves on):");
    for refusal in refusals {
        say!("  {refusal}");
    }
    Ok(ExitCode::FAILURE)
}

fn name(sync: &TypeSync) -> &str {
    &sync.resource_type
}

fn row(proxy: &ProxySync) -> Vec<String> {
    let mut cells = vec![proxy.name.clone(), proxy.proxy_type.clone(), proxy.version.clone()];
    cells.extend(proxy.types.iter().map(cell));
    cells
}

fn cell(sync: &TypeSync) -> String {
    let age = sync.ack_age_ms.filter(|_| sync.state != SyncState::NotSent);
    age.map_or(sync.state.as_str().to_owned(), |age| {
        format!("{} ({})", sync.state.as_str(), short(age))
    })
}

/// A time in one unit.
fn short(milliseconds: u64) -> String {
    match milliseconds / 1000 {
        0 => format!("{milliseconds}ms"),
        seconds @ 1..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3600),
    }
}

fn refusals(proxy: &ProxySync) -> impl Iterator<Item = String> {
    proxy.types.iter().flat_map(move |sync| {
        sync.refused.iter().map(move |refused| {
            let from = match refused.objects.as_slice() {
                [] => String::new(),
                objects => format!(" (from {})", objects.join(", ")),
            };
            format!(
                "{} {} {}{from}: {}",
                proxy.name, sync.resource_type, refused.resource, refused.why
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_one_unit() {
        let told: Vec<String> = [12, 3_400, 150_000, 9_000_000].into_iter().map(short).collect();
        assert_eq!(told, ["12ms", "3s", "2m", "2h"]);
    }

    #[test]
    fn a_refusal_names_proxy_resource_objects_and_reason() {
        let refused = weft_admin_api::sync::RefusedResource {
            resource: "outbound|80||web".into(),
            why: "too large".into(),
            objects: vec!["/apis/x".into()],
        };
        let sync = TypeSync {
            resource_type: "CDS".into(),
            state: SyncState::Refused,
            resources: 3,
            ack_age_ms: Some(10),
            refused: vec![refused],
        };
        assert_eq!(cell(&sync), "REFUSED (10ms)");
        let proxy = ProxySync {
            name: "web-1.shop".into(),
            proxy_type: "sidecar".into(),
            version: "weft 0.1.0".into(),
            offered: 1,
            acknowledged: 1,
            types: vec![sync],
        };
        let told: Vec<String> = refusals(&proxy).collect();
        assert_eq!(told, ["web-1.shop CDS outbound|80||web (from /apis/x): too large"]);
    }
}
