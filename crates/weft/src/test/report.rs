//! What became of suites, for people and for programs.
//! In: outcomes. Out: lines, or JSON. Holds: what is as expected is only counted for people; colours only on a terminal.

use std::io::IsTerminal as _;

use serde_json::{Value, json};
use weft_suite::{Coverage, Mutation, Verdict};

use super::{Outcome, Tested};
use crate::failure::say;

/// For people.
pub(super) fn text(outcome: &Outcome) {
    let paint = Paint(std::io::stdout().is_terminal());
    for one in &outcome.tested {
        let failed: Vec<&Verdict> = one.verdicts.iter().filter(|one| !one.passed()).collect();
        failed.iter().for_each(|verdict| case(verdict, &paint));
        say!("{}", summary(one, failed.len(), &paint));
    }
    if let Some(coverage) = &outcome.coverage {
        covered(outcome, coverage, &paint);
    }
    if let Some(mutation) = &outcome.mutation {
        mutated(outcome, mutation, &paint);
    }
}

struct Paint(bool);

impl Paint {
    fn dress(&self, text: &str, code: u8) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bad(&self, text: &str) -> String {
        self.dress(text, 31)
    }

    fn good(&self, text: &str) -> String {
        self.dress(text, 32)
    }
}

fn case(verdict: &Verdict, paint: &Paint) {
    say!("{} {}: {}", paint.bad("FAIL"), verdict.place, verdict.name);
    if let Some(why) = &verdict.error {
        say!("  cannot be asked: {why}");
    }
    let mut told: Option<&Vec<String>> = None;
    for difference in &verdict.differences {
        let weft_suite::Difference { place, field, expected, got, trace } = difference;
        say!("  {place}: {field}: expected {expected}, got {got}");
        if told != Some(trace) {
            trace.iter().for_each(|step| say!("    {step}"));
        }
        told = Some(trace);
    }
}

fn summary(one: &Tested, failed: usize, paint: &Paint) -> String {
    let all = one.verdicts.len();
    let cases = if all == 1 { "1 case".to_owned() } else { format!("{all} cases") };
    let verdict = match failed {
        0 => paint.good("all as expected"),
        some => paint.bad(&format!("{some} not as expected")),
    };
    format!("{}: {cases}, {verdict}", one.suite.file)
}

fn covered(outcome: &Outcome, coverage: &Coverage, paint: &Paint) {
    let (hit, all) = (coverage.hit(), coverage.parts.len());
    say!(
        "coverage: {hit} of {all} routes, subsets and rules are reached ({:.0}%)",
        coverage.percent()
    );
    for (part, _) in coverage.parts.iter().filter(|(_, is_hit)| !**is_hit) {
        let place = outcome.place(&part.object, &part.field.0);
        say!("  {} {part}{place}", paint.bad("not reached:"));
    }
}

fn mutated(outcome: &Outcome, mutation: &Mutation, paint: &Paint) {
    let all = mutation.tried.len();
    let noticed = all - mutation.unnoticed().count();
    say!("mutation: {noticed} of {all} changes are noticed ({:.0}%)", mutation.percent());
    for mutant in mutation.unnoticed() {
        let place = outcome.place(&mutant.object, &mutant.field.0);
        say!("  {} {mutant}{place}", paint.bad("noticed by no case:"));
    }
    if mutation.untried > 0 {
        say!("  {} more were not tried; --most-changes raises the bound", mutation.untried);
    }
}

/// For programs.
pub(super) fn json(outcome: &Outcome) {
    let suites: Vec<Value> = outcome.tested.iter().map(suite).collect();
    let verdicts = || outcome.tested.iter().flat_map(|one| &one.verdicts);
    let passed = verdicts().filter(|one| one.passed()).count();
    let place = |object: &weft_model::ObjectRef, pointer: &str| {
        let place = outcome.tested.iter().find_map(|one| one.configuration.place(object, pointer));
        json!(place.map(|place| place.to_string()))
    };
    let coverage = outcome.coverage.as_ref().map(|coverage| {
        let missed = coverage.parts.iter().filter(|(_, is_hit)| !**is_hit).map(|(part, _)| {
            json!({"object": part.object.to_string(), "field": part.field.to_string(),
                "place": place(&part.object, &part.field.0)})
        });
        json!({"parts": coverage.parts.len(), "reached": coverage.hit(),
            "percent": coverage.percent(), "missed": missed.collect::<Vec<_>>()})
    });
    let mutation = outcome.mutation.as_ref().map(|mutation| {
        let unnoticed = mutation.unnoticed().map(|mutant| {
            json!({"object": mutant.object.to_string(), "field": mutant.field.to_string(),
                "change": mutant.what, "place": place(&mutant.object, &mutant.field.0)})
        });
        json!({"changes": mutation.tried.len(), "percent": mutation.percent(),
            "unnoticed": unnoticed.collect::<Vec<_>>(), "untried": mutation.untried})
    });
    say!(
        "{:#}",
        json!({"suites": suites, "passed": passed, "failed": verdicts().count() - passed,
            "coverage": coverage, "mutation": mutation})
    );
}

fn suite(one: &Tested) -> Value {
    let cases = one.verdicts.iter().map(|verdict| {
        let mut case = json!(verdict);
        case["passed"] = json!(verdict.passed());
        case
    });
    json!({"name": one.suite.name, "file": one.suite.file, "cases": cases.collect::<Vec<_>>()})
}
