//! `weft ca`: how the certificate authority stands, and the change of its root.
//!
//! In: a running mesh. Out: text or JSON; orders, as the ConfigMap `weft-ca` of `istio-system`.
//! Holds: a rehearsal changes nothing; who waits is told every phase, and may leave at any time without ending the change.

use std::process::ExitCode;
use std::time::Duration;

use ctl_source::{ObjectKey, Source as _, SourceError, kinds};
use ctl_source_kube::KubeSource;
use serde_json::json;
use weft_admin_api::ca::{CaReport, CertificateReport, Phase};
use weft_rt::Clock;

use crate::failure::{Failure, say};
use crate::proxy_status::Output;
use crate::state::Place;
use crate::{table, target};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show roots, issuer, their ends, and where a change stands.
    Status {
        #[command(flatten)]
        place: Place,
        /// How to print.
        #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Make a new root and go over to it: everybody trusts it first, then it signs, then the old one is forgotten.
    Rotate {
        #[command(flatten)]
        place: Place,
        /// Say what would happen, and change nothing.
        #[arg(long, conflicts_with_all = ["finish", "detach"])]
        rehearse: bool,
        /// End the change that is under way, whoever is left behind.
        #[arg(long, conflicts_with = "detach")]
        finish: bool,
        /// Do not wait for the end.
        #[arg(long)]
        detach: bool,
    },
}

const PATH: &str = "/weft/debug/ca";
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);
/// How long a control plane may be away before we give up on it.
const PATIENCE: u32 = 120;

/// Runs one of the commands.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    match options.command {
        Command::Status { place, output } => {
            let report = report(&target::connect(&place).await?).await?;
            status(&report, output)
        }
        Command::Rotate { place, rehearse: true, .. } => {
            rehearse(&report(&target::connect(&place).await?).await?)
        }
        Command::Rotate { place, finish: true, .. } => {
            finish(&target::connect(&place).await?).await
        }
        Command::Rotate { place, detach, .. } => {
            rotate(&target::connect(&place).await?, &place, detach).await
        }
    }
}

async fn report(source: &KubeSource) -> Result<CaReport, Failure> {
    serde_json::from_value(source.raw(PATH).await?)
        .map_err(|error| Failure::new(format!("{PATH}: {error}")))
}

fn status(report: &CaReport, output: Output) -> Result<ExitCode, Failure> {
    if output == Output::Json {
        let text = serde_json::to_string_pretty(report);
        say!("{}", text.map_err(|error| Failure::new(error.to_string()))?);
        return Ok(ExitCode::SUCCESS);
    }
    say!("Phase:     {} since {}", report.phase.as_str(), date(report.since));
    say!("Authority: {}, signs until {}", report.source, date(report.horizon));
    say!("Issuer:    {}", told(&report.issuer));
    for above in &report.above {
        say!("Above it:  {}", told(above));
    }
    say!(
        "Proxies:   {} of {} holders of certificates trust the newest roots (version {})",
        report.holders - report.behind.min(report.holders),
        report.holders,
        report.trust_version
    );
    if let (Some(first), Some(last)) = (report.first_end, report.last_end) {
        say!("Their own: the first ends {}, the last {}", date(first), date(last));
    }
    if let Some((holder, version)) = &report.oldest
        && *version < report.trust_version
    {
        say!("Oldest:    {holder} trusts version {version}");
    }
    if report.waits_for > 0 {
        say!("Waits for: {} ({})", report.waits_for, report.waiting.join(", "));
    }
    say!("");
    let rows: Vec<Vec<String>> = report
        .roots
        .iter()
        .map(|root| {
            let certificate = &root.certificate;
            vec![
                certificate.subject.clone(),
                root.usage.as_str().to_owned(),
                certificate.key.clone(),
                date(certificate.not_after),
                root.live.to_string(),
                certificate.serial.clone(),
            ]
        })
        .collect();
    table::print(&["ROOT", "USE", "KEY", "NOT AFTER", "LIVE", "SERIAL"], &rows);
    if let Some(problem) = &report.problem {
        say!("\nREFUSED (the last good authority signs on): {problem}");
    }
    for warning in &report.warnings {
        say!("\nWARNING: {warning}");
    }
    Ok(if report.problem.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn told(certificate: &CertificateReport) -> String {
    let CertificateReport { subject, serial, key, not_after, fingerprint: _ } = certificate;
    format!("{subject}, {key}, serial {serial}, until {}", date(*not_after))
}

fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
    let format = &time::format_description::well_known::Rfc3339;
    time.and_then(|time| time.format(format).ok()).unwrap_or_else(|| seconds.to_string())
}

fn possible(report: &CaReport) -> Result<(), Failure> {
    let Some(why) = &report.cannot_rotate else { return Ok(()) };
    Err(Failure::new(format!("cannot rotate: {why}")).hint("weft ca status says how it stands"))
}

fn rehearse(report: &CaReport) -> Result<ExitCode, Failure> {
    possible(report)?;
    let (holders, settle) = (report.holders, report.settle_seconds);
    say!("Nothing is changed. A rotation would take these phases:");
    say!(
        "  1. trusting: a new root is made; {holders} holders of certificates are told to trust it beside the old one."
    );
    say!("     It ends when all of them have acknowledged it for {settle} s.");
    say!(
        "  2. renewing: the new root signs; {holders} certificates are renewed, spread over {} s.",
        report.spread_ms.div_ceil(1000)
    );
    say!("     It ends when none of the old root has been shown for {settle} s.");
    if let Some(end) = report.last_end {
        say!(
            "     Whoever does not answer is waited for until its certificate ends, {} at the latest.",
            date(end)
        );
    }
    say!("  3. steady: the old root is forgotten.");
    if report.behind > 0 {
        say!(
            "{} holders have not taken the roots of now; weft ca status names the oldest.",
            report.behind
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes an order; its name is new, so that it is obeyed once.
async fn order(source: &KubeSource, kind: &str) -> Result<String, Failure> {
    let name = format!(
        "{:?}",
        Clock::real().wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
    );
    let info = kinds::find("", "ConfigMap").ok_or_else(|| Failure::new("no kind ConfigMap"))?;
    let key = ObjectKey {
        resource: info.resource(),
        namespace: Some("istio-system".to_owned()),
        name: "weft-ca".to_owned(),
    };
    let patch = json!({"data": {kind: name}});
    match source.merge_patch(&key, None, patch).await {
        Ok(_) => {}
        Err(SourceError::NotFound(_)) => {
            let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": key.name, "namespace": key.namespace}, "data": {kind: name}});
            source.create(&key.resource, map).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(name)
}

async fn finish(source: &KubeSource) -> Result<ExitCode, Failure> {
    let before = report(source).await?;
    if before.phase == Phase::Steady {
        return Err(Failure::new("there is no change of the authority to finish")
            .hint("weft ca rotate begins one"));
    }
    let name = order(source, "finish").await?;
    let after = wait(source, |report| report.finished == name).await?;
    say!("finished: {} holders were still waited for; they are told to renew", before.waits_for);
    say!("the authority is {}", after.phase.as_str());
    Ok(ExitCode::SUCCESS)
}

async fn rotate(source: &KubeSource, place: &Place, detach: bool) -> Result<ExitCode, Failure> {
    possible(&report(source).await?)?;
    let name = order(source, "rotate").await?;
    let begun = wait(source, |report| report.order == name).await?;
    if let Some(why) = &begun.refused {
        return Err(Failure::new(format!("cannot rotate: {why}")));
    }
    if detach {
        say!("begun; weft ca status{} says how it stands", place.flags());
        return Ok(ExitCode::SUCCESS);
    }
    let mut told = None;
    wait(source, |report| {
        if told != Some(report.phase) {
            told = Some(report.phase);
            say!("{}", phase(report));
        }
        report.phase == Phase::Steady
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

fn phase(report: &CaReport) -> String {
    match report.phase {
        Phase::Trusting => {
            format!("trusting: {} holders of certificates are told of the new root", report.holders)
        }
        Phase::Renewing => {
            format!("renewing: the new root signs; {} certificates are renewed", report.waits_for)
        }
        Phase::Steady => "steady: the old root is forgotten".to_owned(),
    }
}

/// Looks until the report is as it should be. A control plane that starts again in between is waited for.
async fn wait(
    source: &KubeSource,
    mut done: impl FnMut(&CaReport) -> bool,
) -> Result<CaReport, Failure> {
    let (clock, mut away) = (Clock::real(), 0);
    loop {
        match report(source).await {
            Ok(report) if done(&report) => return Ok(report),
            Ok(_) => away = 0,
            Err(error) if away >= PATIENCE => return Err(error),
            Err(_) => away += 1,
        }
        clock.sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_dates() {
        assert_eq!(date(1_800_000_000), "2027-01-15T08:00:00Z");
    }

    #[test]
    fn an_authority_of_somebody_else_is_not_rotated_not_even_in_rehearsal() {
        let report =
            CaReport { cannot_rotate: Some("it is yours".to_owned()), ..CaReport::default() };
        assert_eq!(rehearse(&report).unwrap_err().to_string(), "cannot rotate: it is yours");
    }
}
