//! Rules of what a `Canary` measures and when it goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use weft_api::flagger::analysis::{
    Alert, Analysis, SameSite, SessionAffinity, TestHeader, TestMatch,
};

use super::{duration, metric, webhook};
use crate::check::findings::code;
use crate::check::{Findings, labels, pattern, union};

/// Shorter intervals are taken for this one.
const SHORTEST: Duration = Duration::from_secs(10);

pub(super) fn check(spec: &Analysis, findings: &mut Findings) {
    let Analysis {
        interval,
        threshold: _,
        iterations: _,
        max_weight: _,
        step_weight: _,
        step_weights: _,
        step_weight_promotion: _,
        mirror: _,
        mirror_weight: _,
        primary_ready_threshold: _,
        canary_ready_threshold: _,
        matches,
        metrics,
        alerts,
        webhooks,
        session_affinity,
    } = spec;
    if duration("interval", interval, findings).is_some_and(|interval| interval < SHORTEST) {
        let what = format!("{interval} is shorter than 10s, which is taken instead");
        findings.warning_in("interval", code::SUSPICIOUS, what, "use 10s or more");
    }
    steps(spec, findings);
    findings.each("match", matches, test);
    let mut seen = BTreeSet::new();
    findings.each("metrics", metrics, |found, findings| {
        if !seen.insert(&found.name) {
            let what = format!("{:?} stands here twice", found.name);
            findings.warning_in("name", code::SUSPICIOUS, what, "name each once");
        }
        metric::check(found, findings);
    });
    if metrics.is_empty() && webhooks.is_empty() {
        let what = "is empty as webhooks are, so that every version passes";
        let fix = "measure request-success-rate and request-duration";
        findings.warning_in("metrics", code::SUSPICIOUS, what, fix);
    }
    findings.each("alerts", alerts, |Alert { name: _, severity: _, provider_ref: _ }, _| {});
    findings.each("webhooks", webhooks, webhook::check);
    findings.given("sessionAffinity", session_affinity.as_ref(), |cookie, findings| {
        affinity(cookie, spec, findings);
    });
}

/// How it goes on: a number of checks, or shares that grow.
fn steps(spec: &Analysis, findings: &mut Findings) {
    let Analysis { iterations, max_weight, step_weight, step_weights, matches, mirror, .. } = spec;
    union::exactly_one(
        &[
            ("iterations", iterations.is_some()),
            ("stepWeight", step_weight.is_some()),
            ("stepWeights", step_weights.is_some()),
        ],
        findings,
    );
    let most = max_weight.unwrap_or(100);
    if let Some(step) = step_weight.filter(|step| *step > most) {
        let what = format!("{step} is more than maxWeight, {most}");
        findings.error_in("stepWeight", what, "make it smaller, or maxWeight larger");
    }
    findings.given("stepWeights", step_weights.as_ref(), |weights, findings| {
        self::weights(weights, findings);
    });
    if max_weight.is_some() && iterations.is_some() {
        let what = "has no effect with iterations";
        findings.warning_in("maxWeight", code::SUSPICIOUS, what, "use stepWeight, or remove it");
    }
    if !matches.is_empty() && iterations.is_none() {
        let what = "is for A/B tests, which go on by iterations";
        findings.warning_in("match", code::SUSPICIOUS, what, "set iterations, or remove it");
    }
    if spec.mirror_weight.is_some() && !mirror {
        let what = "has no effect without mirror";
        findings.warning_in("mirrorWeight", code::SUSPICIOUS, what, "set mirror: true");
    }
}

fn weights(weights: &[i32], findings: &mut Findings) {
    let mut before = 0;
    findings.within_each(weights, |weight, findings| {
        if !(1..=100).contains(weight) {
            findings.error(format!("{weight} is no share of traffic"), "use 1 to 100");
        } else if *weight <= before {
            let what = format!("{weight} is not more than the step before, {before}");
            findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, "let shares grow");
        }
        before = *weight;
    });
}

fn test(spec: &TestMatch, findings: &mut Findings) {
    let TestMatch { headers, query_params, source_labels } = spec;
    findings.within("headers", |findings| {
        for (name, header) in headers {
            findings.within(name, |findings| {
                crate::check::header::name(name, findings);
                self::header(header, findings);
            });
        }
    });
    findings.within("queryParams", |findings| {
        for (name, matcher) in query_params {
            findings.within(name, |findings| pattern::string_match(matcher, findings));
        }
    });
    labels::check("sourceLabels", source_labels, findings);
}

fn header(spec: &TestHeader, findings: &mut Findings) {
    let TestHeader { exact, prefix, suffix, regex } = spec;
    union::exactly_one(
        &[
            ("exact", exact.is_some()),
            ("prefix", prefix.is_some()),
            ("suffix", suffix.is_some()),
            ("regex", regex.is_some()),
        ],
        findings,
    );
    findings.given("regex", regex.as_ref(), |pattern, findings| pattern::regex(pattern, findings));
}

fn affinity(cookie: &SessionAffinity, spec: &Analysis, findings: &mut Findings) {
    let SessionAffinity {
        cookie_name,
        primary_cookie_name,
        domain: _,
        http_only: _,
        max_age: _,
        partitioned,
        path: _,
        same_site,
        secure,
    } = cookie;
    for (field, name) in [("cookieName", cookie_name), ("primaryCookieName", primary_cookie_name)] {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if !name.bytes().all(plain) {
            findings.error_in(field, format!("{name:?} is no name of a cookie"), "use a-z and -");
        }
    }
    if cookie_name == primary_cookie_name {
        let what = format!("{primary_cookie_name:?} is the cookieName as well");
        findings.error_in("primaryCookieName", what, "use two names");
    }
    if spec.iterations.is_some() {
        let what = "has no effect with iterations, where all traffic changes at once";
        findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, "use stepWeight");
    }
    if (*partitioned || *same_site == Some(SameSite::None)) && !secure {
        let what = "is not set, and browsers drop such a cookie without it";
        findings.warning_in("secure", code::SUSPICIOUS, what, "set secure: true");
    }
}
