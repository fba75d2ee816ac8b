//! `weft mtls`: who still calls in plaintext, and the way to STRICT that nobody notices.
//!
//! In: a running mesh. Out: text or JSON; PeerAuthentications, one for each workload, made and taken back like a user would.
//! Holds: what is not known to be quiet stays as it is; objects of others are never touched.

use std::process::ExitCode;
use std::time::Duration;

use ctl_source_kube::KubeSource;
use weft_admin_api::mtls::{MtlsReport, Workload};

use crate::failure::Failure;
use crate::state::Place;
use crate::target;

mod enforce;
mod policy;
mod print;
mod span;
mod verdict;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// JSON for programs.
    Json,
}

/// Which workloads.
#[derive(Debug, Clone, clap::Args)]
struct Which {
    /// WORKLOAD or WORKLOAD.NAMESPACE; all when none is named.
    workloads: Vec<String>,
    /// Only this namespace.
    #[arg(short = 'n', long)]
    namespace: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what every port takes, who calls it in plaintext and since when, and whether it is ready for STRICT.
    Report {
        #[command(flatten)]
        which: Which,
        /// How long nobody may have called in plaintext: 7d, 36h, 10m.
        #[arg(long, default_value = "7d", value_parser = span::parse)]
        when_quiet: Duration,
        /// How to print.
        #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Make workloads STRICT that nobody has called in plaintext for a while, watch what happens, and take it back when somebody is refused.
    Enforce(enforce::Flags),
}

const PATH: &str = "/weft/debug/mtls";

/// Runs one of the commands.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    match options.command {
        Command::Report { which, when_quiet, output } => {
            let report = which.of(report(&target::connect(&which.place).await?).await?)?;
            print::report(&report, when_quiet, output)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Enforce(flags) => enforce::run(flags).await,
    }
}

async fn report(source: &KubeSource) -> Result<MtlsReport, Failure> {
    serde_json::from_value(source.raw(PATH).await?)
        .map_err(|error| Failure::new(format!("{PATH}: {error}")))
}

impl Which {
    /// The workloads that are meant; one that is named and is not there is an error.
    fn of(&self, mut report: MtlsReport) -> Result<MtlsReport, Failure> {
        for name in &self.workloads {
            if !report.workloads.iter().any(|workload| self.names(name, workload)) {
                let place = self.namespace.as_deref().map(|place| format!(" in namespace {place}"));
                let what =
                    format!("no workload {name} with a sidecar{}", place.unwrap_or_default());
                return Err(Failure::new(what).hint("weft mtls report lists all"));
            }
        }
        report.workloads.retain(|workload| {
            let place = self.namespace.as_ref().is_none_or(|own| *own == workload.namespace);
            let any = self.workloads.is_empty();
            place && (any || self.workloads.iter().any(|name| self.names(name, workload)))
        });
        Ok(report)
    }

    fn names(&self, name: &str, workload: &Workload) -> bool {
        let name = name.strip_prefix("deploy/").unwrap_or(name);
        let place = self.namespace.as_ref().is_none_or(|own| *own == workload.namespace);
        let dotted = name.rsplit_once('.');
        let dotted = dotted
            .is_some_and(|(name, space)| name == workload.name && space == workload.namespace);
        place && (name == workload.name || dotted)
    }
}
