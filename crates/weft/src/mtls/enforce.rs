//! Makes quiet workloads STRICT, one after the other, and takes it back when somebody of the mesh is refused.
//!
//! In: flags, a running mesh. Out: PeerAuthentications; what was done, and what was left and why.
//! Holds: clients come first: before the server takes mutual TLS only, every proxy has acknowledged the configuration under which it
//! sends nothing else. A workload is judged once more in that moment. Nothing is written without a yes.
//! Exit codes: 0 everything that is meant is STRICT (a dry run: would be), 1 an error, 3 something is left, 4 something was taken back.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use ctl_source::Object;
use ctl_source_kube::KubeSource;
use weft_admin_api::mtls::{Caller, Workload};
use weft_rt::Clock;

use super::verdict::{Verdict, judge};
use super::{Which, policy, print, report, span};
use crate::failure::{Failure, complain, say};
use crate::{proxy_status, target};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);
/// From one pass to the next under `--watch`.
const PASS: Duration = Duration::from_secs(30);
/// Proxies that have not acknowledged by then are told of.
const PATIENCE: Duration = Duration::from_secs(120);
const LEFT: u8 = 3;
const TAKEN_BACK: u8 = 4;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    #[command(flatten)]
    which: Which,
    /// How long nobody may have called in plaintext: 7d, 36h, 10m.
    #[arg(long, value_parser = span::parse)]
    when_quiet: Duration,
    /// How long each workload is looked at afterwards; who is refused meanwhile and is known takes it back.
    #[arg(long, default_value = "1m", value_parser = span::parse)]
    observe: Duration,
    /// Say what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Go on until every workload is STRICT.
    #[arg(long, conflicts_with = "dry_run")]
    watch: bool,
}

/// What a pass did.
#[derive(Debug, Default)]
struct Done {
    left: usize,
    taken_back: BTreeSet<String>,
}

pub(super) async fn run(flags: Flags) -> Result<ExitCode, Failure> {
    let source = target::connect(&flags.which.place).await?;
    let clock = Clock::real();
    let mut asked = flags.yes;
    let mut taken_back = BTreeSet::new();
    loop {
        let done = pass(&source, &clock, &flags, &mut asked, &taken_back).await?;
        taken_back.extend(done.taken_back);
        let over = done.left == 0 || !flags.watch;
        if over && !taken_back.is_empty() {
            return Ok(ExitCode::from(TAKEN_BACK));
        }
        if over {
            return Ok(if done.left == 0 { ExitCode::SUCCESS } else { ExitCode::from(LEFT) });
        }
        clock.sleep(PASS).await;
    }
}

/// Looks at all workloads that are meant; those that were taken back are not tried again.
async fn pass(
    source: &KubeSource,
    clock: &Clock,
    flags: &Flags,
    asked: &mut bool,
    before: &BTreeSet<String>,
) -> Result<Done, Failure> {
    let report = flags.which.of(report(source).await?)?;
    let mut done = Done::default();
    let mut ready = Vec::new();
    for workload in &report.workloads {
        match judge(workload, flags.when_quiet) {
            Verdict::Strict => {}
            Verdict::Ready if !before.contains(&place(workload)) => ready.push(workload),
            Verdict::Ready => {}
            Verdict::NotYet(_) => {
                done.left += 1;
                print::tell(report.now, workload, flags.when_quiet);
            }
        }
    }
    if ready.is_empty() {
        if done.left == 0 && before.is_empty() {
            say!("nothing to do: every workload that is meant is STRICT");
        }
        return Ok(done);
    }
    let policies = policies(source, &ready, &mut done).await;
    for (workload, policy) in &policies {
        say!("{}: quiet for {}, becomes STRICT", place(workload), span::text(quiet_for(workload)));
        if flags.dry_run {
            say!(
                "---\n{}",
                serde_yaml_ng::to_string(policy).map_err(anyhow::Error::from)?.trim_end()
            );
        }
    }
    if flags.dry_run || policies.is_empty() {
        return Ok(done);
    }
    *asked = *asked || agreed(policies.len())?;
    for (workload, policy) in policies {
        match one(source, clock, flags, workload, policy).await? {
            After::Strict => {}
            After::Left => done.left += 1,
            After::TakenBack => {
                done.taken_back.insert(place(workload));
            }
        }
    }
    Ok(done)
}

fn place(workload: &Workload) -> String {
    format!("{}/{}", workload.namespace, workload.name)
}

fn quiet_for(workload: &Workload) -> u64 {
    let ports = workload.ports.iter().filter_map(|port| super::verdict::quiet(workload, port));
    ports.min().unwrap_or_else(|| {
        let (since, heard) =
            (workload.since.unwrap_or_default(), workload.heard.unwrap_or_default());
        heard.saturating_sub(since)
    })
}

/// The objects to write; a workload for which none can be made is left, and told of.
async fn policies<'a>(
    source: &KubeSource,
    ready: &[&'a Workload],
    done: &mut Done,
) -> Vec<(&'a Workload, serde_json::Value)> {
    let mut found = Vec::new();
    for workload in ready {
        match policy::of(source, workload).await {
            Ok(policy) => found.push((*workload, policy)),
            Err(failure) => {
                done.left += 1;
                failure.tell();
            }
        }
    }
    found
}

/// Asks a person; where there is none, that is an error.
fn agreed(count: usize) -> Result<bool, Failure> {
    let hint = "--yes agrees beforehand; --dry-run only says what would be done";
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new("nobody is there to agree").hint(hint));
    }
    complain!("Make {count} workloads STRICT? [y/N]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(anyhow::Error::from)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(true),
        _ => Err(Failure::new("nothing was changed").hint(hint)),
    }
}

/// What became of a workload.
enum After {
    Strict,
    Left,
    TakenBack,
}

async fn one(
    source: &KubeSource,
    clock: &Clock,
    flags: &Flags,
    workload: &Workload,
    policy: serde_json::Value,
) -> Result<After, Failure> {
    // Clients first: what they have acknowledged is the configuration that was judged.
    acknowledged(source, clock, 0).await?;
    let Some(now) = look(source, workload).await? else {
        say!("{}: it is gone", place(workload));
        return Ok(After::Left);
    };
    if let Verdict::NotYet(reasons) = judge(&now, flags.when_quiet) {
        say!("{}: not any more: {}", place(workload), reasons.join("; "));
        return Ok(After::Left);
    }
    let before = report(source).await?.now;
    let written = policy::write(source, policy).await?;
    if let Err(failure) = acknowledged(source, clock, version(&written)).await {
        policy::take_back(source, workload).await?;
        say!("{}: taken back, since not every proxy follows: {failure}", place(workload));
        return Ok(After::TakenBack);
    }
    say!(
        "{}: STRICT, acknowledged by every proxy; looks on for {:?}",
        place(workload),
        flags.observe
    );
    match observe(source, clock, flags, workload, before).await? {
        None => {
            say!("{}: nobody known was refused", place(workload));
            Ok(After::Strict)
        }
        Some(refused) => {
            policy::take_back(source, workload).await?;
            say!("{}: taken back: {refused}", place(workload));
            Ok(After::TakenBack)
        }
    }
}

fn version(object: &Object) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Waits until every connected proxy has taken a configuration that is at least as new.
async fn acknowledged(source: &KubeSource, clock: &Clock, version: u64) -> Result<(), Failure> {
    let deadline = clock.now() + PATIENCE;
    loop {
        let report = proxy_status::report(source).await?;
        if report.settled(version, 0) {
            return Ok(());
        }
        if clock.now() > deadline {
            let behind = report.proxies.iter().filter(|p| p.acknowledged < report.built.revision);
            let names: Vec<&str> = behind.map(|proxy| proxy.name.as_str()).collect();
            return Err(Failure::new(format!(
                "after {} s these have not acknowledged the newest configuration: {}",
                PATIENCE.as_secs(),
                names.join(", ")
            ))
            .hint("weft proxy-status shows what each proxy has"));
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
}

async fn look(source: &KubeSource, workload: &Workload) -> Result<Option<Workload>, Failure> {
    let report = report(source).await?;
    let same = |now: &Workload| now.namespace == workload.namespace && now.name == workload.name;
    Ok(report.workloads.into_iter().find(same))
}

/// Looks on; the answer says who was refused, of those that are known. Strangers are told of once.
async fn observe(
    source: &KubeSource,
    clock: &Clock,
    flags: &Flags,
    workload: &Workload,
    since: u64,
) -> Result<Option<String>, Failure> {
    let end = clock.now() + flags.observe;
    let mut strangers = BTreeSet::new();
    loop {
        // A control plane that is away for a moment is no reason to end.
        let now = look(source, workload).await.ok().flatten();
        for (port, caller) in refused(now.as_ref(), since) {
            let told = format!("port {port} refused {} connections of", caller.refused);
            if caller.is_known() {
                return Ok(Some(format!("{told} {} (pod {})", caller.workload, caller.pod)));
            }
            if strangers.insert(caller.address.clone()) {
                say!("{}: {told} {}, which is no pod", place(workload), caller.address);
            }
        }
        if clock.now() >= end {
            return Ok(None);
        }
        clock.sleep(LOOK).await;
    }
}

fn refused(now: Option<&Workload>, since: u64) -> impl Iterator<Item = (u16, &Caller)> {
    let ports = now.into_iter().flat_map(|now| &now.ports);
    let callers = ports.flat_map(|port| port.callers.iter().map(|caller| (port.port, caller)));
    callers.filter(move |(_, caller)| caller.refused_last > since)
}

#[cfg(test)]
mod tests {
    use weft_admin_api::mtls::Port;

    use super::*;

    #[test]
    fn only_refusals_since_the_change_count() {
        let caller = |refused_last| Caller { refused: 1, refused_last, ..Caller::default() };
        let port = Port { port: 8080, callers: vec![caller(10), caller(30)], ..Port::default() };
        let workload = Workload { ports: vec![port], ..Workload::default() };
        let found: Vec<u64> =
            refused(Some(&workload), 20).map(|(_, caller)| caller.refused_last).collect();
        assert_eq!(found, [30]);
        assert_eq!(refused(None, 0).count(), 0);
    }
}
