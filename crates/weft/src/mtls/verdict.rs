//! Whether a workload may be made STRICT, and why not. Pure.
//!
//! In: what was seen, what configuration says, how long it must have been quiet. Out: a verdict with every reason.
//! Holds: what nobody watched is not quiet; a workload is judged as a whole, because its pods get one policy.

use std::time::Duration;

use weft_admin_api::mtls::{Mode, Port, Workload};

use super::span;

/// What may become of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every port takes mutual TLS only.
    Strict,
    /// It was watched for long enough, and nobody called in plaintext.
    Ready,
    /// Something speaks against it; the reasons.
    NotYet(Vec<String>),
}

impl Verdict {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Strict => "STRICT",
            Self::Ready => "ready",
            Self::NotYet(_) => "not yet",
        }
    }

    pub(super) fn reasons(&self) -> &[String] {
        match self {
            Self::NotYet(reasons) => reasons,
            Self::Strict | Self::Ready => &[],
        }
    }
}

/// How long a port was quiet, as far as it was watched: until the oldest of the last reports.
pub(super) fn quiet(workload: &Workload, port: &Port) -> Option<u64> {
    let (since, heard) = (workload.since?, workload.heard?);
    Some(heard.saturating_sub(port.last().unwrap_or(since).max(since)))
}

/// Judges a workload.
pub(super) fn judge(workload: &Workload, when_quiet: Duration) -> Verdict {
    let strict = |port: &Port| port.mode == Mode::Strict;
    if workload.mode == Mode::Strict && workload.ports.iter().all(strict) {
        return Verdict::Strict;
    }
    let mut reasons = watched(workload, when_quiet);
    if let Some(policy) = &workload.own_policy {
        reasons.push(format!(
            "PeerAuthentication {policy} selects it already, and the older of two counts: change that one (mtls.mode: STRICT)"
        ));
    }
    for pod in &workload.without_proxy {
        reasons.push(format!(
            "pod {pod} has no sidecar and takes plaintext whatever a policy says; restart it"
        ));
    }
    for port in workload.ports.iter().filter(|port| !strict(port)) {
        if port.mode == Mode::Disable {
            reasons.push(format!(
                "port {} takes plaintext only (PeerAuthentication {}): make it PERMISSIVE first, so that clients go over before it refuses them",
                port.port, port.from
            ));
        }
        reasons.extend(callers(workload, port, when_quiet));
    }
    for rule in &workload.breaking {
        reasons.push(format!(
            "DestinationRule {} sends to {} with tls mode {}; STRICT would refuse that: make it ISTIO_MUTUAL or leave it out",
            rule.rule, rule.host, rule.mode
        ));
    }
    if reasons.is_empty() { Verdict::Ready } else { Verdict::NotYet(reasons) }
}

/// Was it watched for long enough, by all of its pods?
fn watched(workload: &Workload, when_quiet: Duration) -> Vec<String> {
    let mut reasons: Vec<String> = workload
        .unheard
        .iter()
        .map(|pod| format!("the proxy of pod {pod} has not reported in the last minute"))
        .collect();
    match (workload.since, workload.heard) {
        (Some(since), Some(heard)) => {
            let watched = heard.saturating_sub(since);
            if u128::from(watched) < when_quiet.as_millis() {
                let asked = span::text(u64::try_from(when_quiet.as_millis()).unwrap_or(u64::MAX));
                reasons.push(format!(
                    "watched for {} only, and {asked} are asked for",
                    span::text(watched)
                ));
            }
        }
        _ if reasons.is_empty() => reasons.push("not watched yet".to_owned()),
        _ => {}
    }
    reasons
}

fn callers<'a>(
    workload: &'a Workload,
    port: &'a Port,
    when_quiet: Duration,
) -> impl Iterator<Item = String> + 'a {
    let heard = workload.heard.unwrap_or_default();
    let recent = port.callers.iter().filter(move |caller| {
        u128::from(heard.saturating_sub(caller.last)) < when_quiet.as_millis()
    });
    recent.map(move |caller| {
        let ago = span::text(heard.saturating_sub(caller.last));
        let who = if caller.is_known() { &caller.workload } else { &caller.address };
        let who = if who.is_empty() { "somebody" } else { who };
        let advice = match (caller.is_known(), caller.meshed) {
            (true, true) => "; it has a sidecar: look for a DestinationRule with tls, or a port or address that it keeps from its proxy",
            (true, false) => "; give it a sidecar, or leave this port PERMISSIVE",
            (false, _) => "; no pod has this address",
        };
        format!("port {}: {who} called in plaintext {ago} before the last report{advice}", port.port)
    })
}

#[cfg(test)]
mod tests {
    use weft_admin_api::mtls::{Breaking, Caller};

    use super::*;

    const HOUR: u64 = 3_600_000;
    const NOW: u64 = 1_000 * HOUR;

    fn workload() -> Workload {
        Workload {
            since: Some(NOW - 200 * HOUR),
            heard: Some(NOW),
            ports: vec![Port { port: 8080, ..Port::default() }],
            ..Workload::default()
        }
    }

    fn reasons(workload: &Workload) -> Vec<String> {
        judge(workload, Duration::from_secs(7 * 86_400)).reasons().to_vec()
    }

    #[track_caller]
    fn only(workload: &Workload, part: &str) {
        let found = reasons(workload);
        assert!(found.len() == 1 && found[0].contains(part), "{found:?}");
    }

    #[test]
    fn quiet_for_long_enough_is_ready_and_all_strict_is_done() {
        let mut one = workload();
        assert_eq!(judge(&one, Duration::from_secs(7 * 86_400)), Verdict::Ready);
        one.ports[0].callers = vec![Caller { last: NOW - 169 * HOUR, ..Caller::default() }];
        assert_eq!(judge(&one, Duration::from_secs(7 * 86_400)), Verdict::Ready);
        assert_eq!(quiet(&one, &one.ports[0]), Some(169 * HOUR));
        (one.mode, one.ports[0].mode) = (Mode::Strict, Mode::Strict);
        one.own_policy = Some("shop/web".to_owned());
        assert_eq!(judge(&one, Duration::from_secs(7 * 86_400)), Verdict::Strict);
    }

    #[test]
    fn what_was_watched_for_two_hours_is_not_quiet_for_seven_days() {
        let one = Workload { since: Some(NOW - 2 * HOUR), ..workload() };
        only(&one, "watched for 2h0m only, and 7d0h are asked for");
        only(&Workload { since: None, heard: None, ..workload() }, "not watched yet");
        let unheard = vec!["web-1".to_owned()];
        only(&Workload { unheard, heard: None, ..workload() }, "web-1 has not reported");
    }

    #[test]
    fn every_caller_of_the_time_is_named_with_what_to_do() {
        let mut one = workload();
        let known = |meshed| Caller {
            workload: "old/batch".to_owned(),
            last: NOW - HOUR,
            meshed,
            ..Caller::default()
        };
        one.ports[0].callers = vec![known(false)];
        only(
            &one,
            "port 8080: old/batch called in plaintext 1h0m before the last report; give it a sidecar",
        );
        one.ports[0].callers = vec![known(true)];
        only(&one, "look for a DestinationRule");
        let address = "192.0.2.1".to_owned();
        one.ports[0].callers = vec![Caller { address, last: NOW, ..Caller::default() }];
        only(&one, "192.0.2.1 called in plaintext 0s before");
        one.ports[0].mode = Mode::Strict;
        one.ports.push(Port { port: 9090, ..Port::default() });
        assert_eq!(
            judge(&one, Duration::from_secs(60)),
            Verdict::Ready,
            "who is refused already is no obstacle"
        );
    }

    #[test]
    fn objects_of_the_user_speak_against_it() {
        let plain = Port { port: 8080, mode: Mode::Disable, ..Port::default() };
        only(&Workload { ports: vec![plain], ..workload() }, "make it PERMISSIVE first");
        only(
            &Workload { own_policy: Some("shop/web".to_owned()), ..workload() },
            "change that one",
        );
        only(&Workload { without_proxy: vec!["web-0".to_owned()], ..workload() }, "has no sidecar");
        let rule = Breaking { rule: "shop/web".into(), host: "web".into(), mode: "SIMPLE".into() };
        only(&Workload { breaking: vec![rule], ..workload() }, "tls mode SIMPLE");
    }
}
