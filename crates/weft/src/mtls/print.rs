//! The report, for people and for programs.

use std::time::Duration;

use serde_json::{Value, json};
use weft_admin_api::mtls::{Caller, MtlsReport, Port, Workload};

use super::verdict::{Verdict, judge, quiet};
use super::{Output, span};
use crate::failure::{Failure, say};
use crate::table;

/// Prints the report with verdicts.
pub(super) fn report(
    report: &MtlsReport,
    when_quiet: Duration,
    output: Output,
) -> Result<(), Failure> {
    if output == Output::Json {
        let text = serde_json::to_string_pretty(&json(report, when_quiet)?);
        say!("{}", text.map_err(|error| Failure::new(error.to_string()))?);
        return Ok(());
    }
    let ports: Vec<Vec<String>> = report
        .workloads
        .iter()
        .flat_map(|workload| workload.ports.iter().map(|port| row(report.now, workload, port)))
        .collect();
    table::print(
        &["WORKLOAD", "PORT", "MODE", "FROM", "PLAINTEXT", "QUIET", "WATCHED", "MTLS"],
        &ports,
    );
    // The table has said all of those that are STRICT and that nobody calls in plaintext.
    for workload in report.workloads.iter().filter(|one| !silent(one, when_quiet)) {
        say!();
        tell(report.now, workload, when_quiet);
    }
    Ok(())
}

/// Whether there is nothing to tell of a workload but that it is STRICT.
fn silent(workload: &Workload, when_quiet: Duration) -> bool {
    judge(workload, when_quiet) == Verdict::Strict
        && workload.bypassing.is_empty()
        && workload.ports.iter().all(|port| port.callers.is_empty() && port.forgotten == 0)
}

fn json(report: &MtlsReport, when_quiet: Duration) -> Result<Value, Failure> {
    let fail = |error: serde_json::Error| Failure::new(error.to_string());
    let mut told = Vec::new();
    for workload in &report.workloads {
        let verdict = judge(workload, when_quiet);
        let mut value = serde_json::to_value(workload).map_err(fail)?;
        value["verdict"] = json!(verdict.word());
        value["reasons"] = json!(verdict.reasons());
        for (port, written) in
            workload.ports.iter().zip(value["ports"].as_array_mut().into_iter().flatten())
        {
            written["quiet_ms"] = json!(quiet(workload, port));
        }
        told.push(value);
    }
    let asked = u64::try_from(when_quiet.as_millis()).unwrap_or(u64::MAX);
    Ok(json!({"now": report.now, "when_quiet_ms": asked, "workloads": told}))
}

fn row(now: u64, workload: &Workload, port: &Port) -> Vec<String> {
    let served: u64 = port.callers.iter().map(|caller| caller.connections).sum();
    let watched = workload.since.zip(workload.heard);
    let secured = match port.secured_last {
        0 => "-".to_owned(),
        last => format!("{}, {} ago", port.secured, span::text(now.saturating_sub(last))),
    };
    vec![
        format!("{}/{}", workload.namespace, workload.name),
        port.port.to_string(),
        port.mode.as_str().to_owned(),
        if port.from.is_empty() { "default".to_owned() } else { port.from.clone() },
        match port.callers.len() {
            0 => "-".to_owned(),
            1 => format!("1 caller, {served} connections"),
            many => format!("{many} callers, {served} connections"),
        },
        quiet(workload, port).map_or_else(|| "?".to_owned(), span::text),
        watched.map_or_else(
            || "no".to_owned(),
            |(since, heard)| span::text(heard.saturating_sub(since)),
        ),
        secured,
    ]
}

/// A workload: its verdict, why, and who calls.
pub(super) fn tell(now: u64, workload: &Workload, when_quiet: Duration) {
    let verdict = judge(workload, when_quiet);
    say!("{}/{}: {}", workload.namespace, workload.name, verdict.word());
    for reason in verdict.reasons() {
        say!("  - {reason}");
    }
    for port in &workload.ports {
        for caller in &port.callers {
            say!("  port {}: {}", port.port, told(now, caller));
        }
        if port.forgotten > 0 {
            say!("  port {}: {} callers of before are forgotten", port.port, port.forgotten);
        }
    }
    if !workload.bypassing.is_empty() {
        say!(
            "  ports {} are kept from the proxy (excludeInboundPorts): they are not watched, and stay plaintext",
            workload.bypassing
        );
    }
}

fn told(now: u64, caller: &Caller) -> String {
    let ago = |then: u64| span::text(now.saturating_sub(then));
    let who = match (caller.is_known(), caller.address.is_empty()) {
        (true, _) => format!("{} (pod {}, {})", caller.workload, caller.pod, caller.address),
        (false, false) => format!("{} (no pod has this address)", caller.address),
        (false, true) => "more callers than are told apart".to_owned(),
    };
    let meshed = if caller.meshed { ", has a sidecar" } else { "" };
    let refused = match caller.refused {
        0 => String::new(),
        refused => format!(", {refused} refused, the last {} ago", ago(caller.refused_last)),
    };
    format!(
        "{who}{meshed}: {} connections, first {} ago, last {} ago{refused}",
        caller.connections,
        ago(caller.first),
        ago(caller.last)
    )
}
