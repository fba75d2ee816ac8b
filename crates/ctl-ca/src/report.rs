//! How the authority stands, for people and metrics.
//! Holds: what will end is told months before: half a year, or a fifth of its life when that is shorter.

use std::time::{Duration, SystemTime};

use weft_admin_api::ca::{CaReport, CertificateReport, RootReport, RootUse};
use weft_identity::x509::{self, Facts};

use crate::Ca;
use crate::authority::unix;
use crate::keeper::{Memory, SECRET, SETTLE};
use crate::material::{Material, fingerprint};

/// How many of those who are waited for are named.
const NAMED: usize = 20;
/// Longest time ahead that an end is told.
const AHEAD: Duration = Duration::from_secs(180 * 24 * 3600);
/// Time over which renewals spread, for each certificate, and at least.
const SPREAD_EACH_MS: u64 = 5;
const SPREAD_LEAST_MS: u64 = 1000;

impl Ca {
    /// How it stands.
    #[must_use]
    pub fn report(&self) -> CaReport {
        let (now, serving, memory) = (self.clock.wall(), self.serving(), self.memory());
        let (state, live, signer) = (&memory.state, memory.live(), &serving.signer);
        // A Secret that is refused is not where the authority comes from.
        let refused = memory.problem.is_some();
        let source = if state.target().is_self_made() && (refused || !memory.by_secret) {
            "self-made".to_owned()
        } else if memory.by_secret {
            SECRET.to_owned()
        } else {
            format!("folder {}", self.folder.display())
        };
        let roots = roots(&memory, &serving.anchor);
        let waiting: Vec<String> = memory.waiting(&serving.anchor).map(str::to_owned).collect();
        let issuer = certificate(&state.signer.cert, &signer.facts);
        let above = signer.above.iter().skip(1);
        let above = above.filter_map(|pem| Some(certificate(pem, &x509::facts(pem).ok()?)));
        CaReport {
            now: unix(now),
            phase: state.phase,
            since: state.since,
            source,
            issuer,
            above: above.collect(),
            horizon: unix(signer.not_after),
            roots,
            trust_version: state.version,
            holders: live.len(),
            behind: live.behind(state.version).count(),
            oldest: live.oldest().map(|(holder, version)| (holder.to_owned(), version)),
            waits_for: waiting.len(),
            waiting: waiting.into_iter().take(NAMED).collect(),
            first_end: live.first_end(),
            last_end: live.last_end(),
            settle_seconds: SETTLE.as_secs(),
            spread_ms: spread_ms(live.len()),
            problem: memory.problem.clone(),
            warnings: warnings(&memory, now),
            cannot_rotate: memory.cannot_rotate(),
            order: state.rotate.clone(),
            refused: state.refused.clone(),
            finished: state.finish.clone(),
        }
    }

    /// End of the root and of the issuing certificate, in seconds of Unix time.
    #[must_use]
    pub fn ends(&self) -> (u64, u64) {
        let serving = self.serving();
        (unix(serving.signer.anchor_facts.not_after), unix(serving.signer.facts.not_after))
    }
}

/// Time over which so many renewals spread.
pub(crate) fn spread_ms(live: usize) -> u64 {
    (live as u64 * SPREAD_EACH_MS).max(SPREAD_LEAST_MS)
}

fn certificate(pem: &str, facts: &Facts) -> CertificateReport {
    CertificateReport {
        subject: facts.subject.clone(),
        serial: facts.serial.clone(),
        key: facts.key.clone(),
        not_after: unix(facts.not_after),
        fingerprint: fingerprint(pem),
    }
}

fn roots(memory: &Memory, anchor: &str) -> Vec<RootReport> {
    let state = &memory.state;
    let next = state.next.as_ref().map(Material::roots).unwrap_or_default();
    let told = state.roots().into_iter().filter_map(|pem| {
        let certificate = certificate(&pem, &x509::facts(&pem).ok()?);
        let usage = if certificate.fingerprint == anchor {
            RootUse::Signing
        } else if state.retired.contains(&pem) {
            RootUse::Retiring
        } else if next.contains(&pem) {
            RootUse::Next
        } else {
            RootUse::Trusted
        };
        let live = memory.live().under(&certificate.fingerprint);
        Some(RootReport { certificate, usage, live })
    });
    told.collect()
}

/// What of the authority that is to sign ends soon.
fn warnings(memory: &Memory, now: SystemTime) -> Vec<String> {
    let target = memory.state.target();
    let mut all = target.roots();
    all.extend([target.cert.clone()].into_iter().filter(|_| target.cert != target.root));
    all.extend(x509::split(&target.chain).unwrap_or_default());
    all.sort();
    all.dedup();
    let mut told: Vec<String> = all
        .iter()
        .filter_map(|pem| x509::facts(pem).ok())
        .filter_map(|facts| Some((facts.subject.clone(), days_left(&facts, now)?)))
        .map(|(subject, days)| {
            format!("{subject} ends in {days} days: rotate before (weft ca rotate, or give a new authority)")
        })
        .collect();
    told.dedup();
    told
}

/// Days that are left, when that is to be told.
fn days_left(facts: &Facts, now: SystemTime) -> Option<u64> {
    let life = facts.not_after.duration_since(facts.not_before).unwrap_or_default();
    let left = facts.not_after.duration_since(now).unwrap_or_default();
    (left < AHEAD.min(life / 5)).then_some(left.as_secs() / 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_half_a_year_or_a_fifth_of_a_life_before() {
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let told = |life: u64, at: u64| {
            let (not_before, not_after) = (begin, begin + days(life));
            let facts = Facts {
                public_key_info: Vec::new(),
                is_ca: true,
                not_before,
                not_after,
                subject: String::new(),
                serial: String::new(),
                key: String::new(),
            };
            days_left(&facts, begin + days(at))
        };
        assert_eq!((told(3650, 3400), told(3650, 3500)), (None, Some(150)));
        assert_eq!((told(100, 79), told(100, 90), told(100, 200)), (None, Some(10), Some(0)));
    }
}
