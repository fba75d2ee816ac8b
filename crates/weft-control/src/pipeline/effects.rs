//! What keeps an object or a part of it from acting, and what else the analysis says of it.
//!
//! In: problems of one object, of validation and of the analysis. Out: obstacles and remarks.
//! Holds: nobody is told that an object loses which wins: of two rivals the analysis names both, so losses are looked up.

use std::collections::BTreeSet;

use ctl_status::{Obstacle, Remark};
use serde_json::Value;
use weft_model::{Problem, Severity};

use super::rivals::Loss;
use super::{effect, facts};

/// A field, or a kind, that is read and does nothing in this version.
pub(super) const NOT_HONOURED: &str = "WEFT0002";
/// Two VirtualServices for one host.
const SAME_HOST: &str = "IST0109";
/// Two Gateways for one host; one of them counts, and the code does not say which.
const SAME_SERVER: &str = "IST0145";
/// What the conditions say already.
const BY_CONDITION: &str = "IST0171";
/// Something else wins.
const SHADOWED: &[&str] = &[
    "IST0110", "IST0111", "IST0130", "IST0131", "IST0145", "IST0159", "IST0160", "WEFT0101",
    "WEFT0102", "WEFT0106", "WEFT0121", "WEFT0123",
];
/// What it needs, selects or is bound to is not there.
const WITHOUT_EFFECT: &[&str] = &[
    "IST0101", "IST0127", "IST0132", "IST0149", "IST0161", "IST0162", "IST0166", "IST0167",
    "IST0173", "IST0174", "WEFT0100", "WEFT0103", "WEFT0104", "WEFT0105", "WEFT0107", "WEFT0108",
    "WEFT0112", "WEFT0113", "WEFT0116", "WEFT0118", "WEFT0119", "WEFT0120",
];

/// Everything that keeps it from acting.
pub(super) fn obstacles(
    object: &Value,
    own: &[&Problem],
    advice: &[&Problem],
    losses: &[Loss],
) -> Vec<Obstacle> {
    let ignored = |problem: &&&Problem| problem.code == NOT_HONOURED && !problem.field.0.is_empty();
    let found = |problem: &&&Problem| problem.code != SAME_HOST && reason(problem.code).is_some();
    let known = advice.iter().filter(found).chain(own.iter().filter(ignored)).copied();
    let known: Vec<&Problem> = known.collect();
    let certain = known.iter().filter(|p| !matches!(p.code, NOT_HONOURED | SAME_SERVER));
    let fields = certain.map(|problem| problem.field.0.as_str());
    let lost = losses.iter().filter_map(|loss| loss.everywhere.as_deref());
    let whole = effect::is_dead(object, &fields.chain(lost).collect::<BTreeSet<&str>>());
    let shadowed = losses.iter().map(|loss| ("ShadowedBy", loss.message.clone()));
    let others = known
        .iter()
        .map(|problem| (reason(problem.code).unwrap_or("NoEffectBecause"), facts::words(problem)));
    let all = shadowed.chain(others);
    all.map(|(reason, message)| Obstacle { reason, message, whole }).collect()
}

fn reason(code: &str) -> Option<&'static str> {
    match code {
        code if code == SAME_HOST || SHADOWED.contains(&code) => Some("ShadowedBy"),
        code if WITHOUT_EFFECT.contains(&code) => Some("NoEffectBecause"),
        _ => None,
    }
}

/// What is worth an Event and no obstacle: warnings and errors, each code told by one of both.
pub(super) fn remarks(own: &[&Problem], advice: &[&Problem]) -> Vec<Remark> {
    let open = |problem: &&&Problem| {
        let obstacle = problem.code == NOT_HONOURED || reason(problem.code).is_some();
        problem.severity != Severity::Info && !obstacle && problem.code != BY_CONDITION
    };
    let alone = |problem: &&&Problem| !advice.iter().any(|found| found.code == problem.code);
    let all = advice.iter().chain(own.iter().filter(|problem| alone(problem))).filter(open);
    all.map(|problem| Remark { reason: name(problem.code), message: facts::words(problem) })
        .collect()
}

/// What a code is called, as the reason of an Event.
fn name(code: &str) -> &'static str {
    let known = weft_analyze::CODES.iter().find(|known| known.id == code);
    match (known, code) {
        (Some(known), _) => known.name,
        (None, "IST0106" | "WEFT0001") => "Rejected",
        (None, "IST0133") => "Suspicious",
        (None, "WEFT0003") => "WeightsDoNotAddUp",
        (None, "WEFT0004") => "Denies",
        (None, _) => "Finding",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weft_model::{Field, ObjectRef};

    use super::*;

    fn problem(code: &'static str, field: &str, severity: Severity) -> Problem {
        let (object, field) = (ObjectRef::default(), Field(field.to_owned()));
        Problem { severity, code, object, field, place: None, what: "w".into(), fix: "f".into() }
    }

    type Told<'a> = &'a [(&'static str, &'a str)];

    fn found(own: Told<'_>, advice: Told<'_>, lost: &[Option<&str>]) -> Vec<String> {
        let of = |all: Told<'_>| -> Vec<Problem> {
            all.iter().map(|(code, field)| problem(code, field, Severity::Warning)).collect()
        };
        let (own, advice) = (of(own), of(advice));
        let object = json!({ "kind": "VirtualService", "spec": { "hosts": ["a"],
            "http": [{ "timeout": "1s" }, {}] } });
        let loss = |field: &Option<&str>| {
            let everywhere = field.map(str::to_owned);
            Loss { everywhere, message: "m".to_owned() }
        };
        let lost: Vec<Loss> = lost.iter().map(loss).collect();
        let (own, advice): (Vec<_>, Vec<_>) = (own.iter().collect(), advice.iter().collect());
        let all = obstacles(&object, &own, &advice, &lost);
        all.iter().map(|o| format!("{} {}", o.reason, o.whole)).collect()
    }

    #[test]
    fn only_the_loser_of_two_rivals_is_shadowed() {
        let both = ("IST0109", "/spec/hosts");
        assert_eq!(found(&[], &[both], &[Some("/spec/hosts/0")]), ["ShadowedBy true"]);
        assert_eq!(found(&[], &[both], &[None]), ["ShadowedBy false"]);
        assert_eq!(found(&[], &[both], &[]), Vec::<String>::new());
    }

    #[test]
    fn a_field_that_is_not_honoured_takes_away_a_part() {
        let ignored = ("WEFT0002", "/spec/http/0/timeout");
        assert_eq!(found(&[ignored], &[], &[]), ["NoEffectBecause false"]);
        assert_eq!(found(&[("WEFT0002", "")], &[], &[]), Vec::<String>::new());
        assert_eq!(found(&[], &[("WEFT0101", "/spec/http/1")], &[]), ["ShadowedBy false"]);
    }

    #[test]
    fn each_code_is_remarked_once_and_what_conditions_say_never() {
        let warning = |code| problem(code, "", Severity::Warning);
        let (own, other) = (warning("IST0112"), warning("IST0133"));
        let told = [warning("IST0112"), warning("IST0171"), warning("WEFT0101")];
        let info = problem("IST0118", "", Severity::Info);
        let advice: Vec<&Problem> = told.iter().chain([&info]).collect();
        let all = remarks(&[&own, &other], &advice);
        let reasons: Vec<&str> = all.iter().map(|remark| remark.reason).collect();
        assert_eq!(reasons, ["VirtualServiceDestinationPortSelectorRequired", "Suspicious"]);
    }
}
