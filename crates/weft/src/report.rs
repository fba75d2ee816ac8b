//! Prints problems for people and for machines.
//!
//! In: problems with their places. Out: text, JSON, SARIF 2.1.0, or GitHub's workflow commands.
//! Holds: every form has the code, the object, the field, the place, what is wrong and what to do.

use clap::ValueEnum;
use serde_json::{Value, json};
use weft_model::{Problem, Severity};

use crate::failure::say;

/// How problems are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line for each problem.
    Text,
    /// A list of objects.
    Json,
    /// SARIF 2.1.0, which code hosts show beside the lines.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
}

/// Prints all; `looked_at` says what was judged, for people.
pub(crate) fn print(problems: &[Problem], format: Format, looked_at: &str) {
    match format {
        Format::Text => text(problems, looked_at),
        Format::Json => {
            let all: Vec<Value> = problems.iter().map(entry).collect();
            say!("{:#}", Value::Array(all));
        }
        Format::Sarif => say!("{:#}", sarif(problems)),
        Format::Github => problems.iter().for_each(|problem| say!("{}", command(problem))),
    }
}

fn text(problems: &[Problem], looked_at: &str) {
    problems.iter().for_each(|problem| say!("{}", line(problem)));
    let count = |severity| problems.iter().filter(|p| p.severity == severity).count();
    let counts = [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
        (count(Severity::Info), "hint"),
    ];
    let told: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
        .collect();
    match told.is_empty() {
        true => say!("{looked_at}: no problems"),
        false => say!("{looked_at}: {}", told.join(", ")),
    }
}

/// A problem of a file has no object to be named.
fn line(problem: &Problem) -> String {
    match (&problem.place, problem.object.kind.is_empty()) {
        (Some(place), true) => {
            format!("{place}: {}: {} [{}]", problem.severity, sentence(problem), problem.code)
        }
        _ => problem.to_string(),
    }
}

fn entry(problem: &Problem) -> Value {
    let Problem { severity, code, object, field, place, what, fix } = problem;
    json!({
        "severity": severity.to_string(),
        "code": code,
        "object": {"kind": object.kind, "namespace": object.namespace, "name": object.name},
        "field": field.to_string(),
        "pointer": field.0,
        "file": place.as_ref().map(|place| &place.file),
        "line": place.as_ref().map(|place| place.line),
        "column": place.as_ref().map(|place| place.column),
        "message": what,
        "fix": fix,
    })
}

/// The problem without place, severity and code, which machines get apart.
fn sentence(problem: &Problem) -> String {
    let Problem { object, field, what, fix, .. } = problem;
    let field = if field.0.is_empty() { String::new() } else { format!("{field}: ") };
    let fix = if fix.is_empty() { String::new() } else { format!("; {fix}") };
    let object = if object.kind.is_empty() { String::new() } else { format!("{object}: ") };
    format!("{object}{field}{what}{fix}")
}

fn sarif(problems: &[Problem]) -> Value {
    let mut codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| json!({"id": code})).collect();
    let results: Vec<Value> = problems.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "weft", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(problem: &Problem) -> Value {
    let level = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    };
    let mut location = json!({"logicalLocations": [
        {"fullyQualifiedName": problem.object.to_string(), "kind": "object"}]});
    if let Some(place) = &problem.place {
        location["physicalLocation"] = json!({
            "artifactLocation": {"uri": place.file.replace(' ', "%20")},
            "region": {"startLine": place.line, "startColumn": place.column},
        });
    }
    json!({"ruleId": problem.code, "level": level, "message": {"text": sentence(problem)},
        "locations": [location]})
}

fn command(problem: &Problem) -> String {
    let kind = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let message = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| message(text).replace(':', "%3A").replace(',', "%2C");
    let mut properties = format!("title={}", property(problem.code));
    if let Some(place) = &problem.place {
        let (file, line, column) = (property(&place.file), place.line, place.column);
        properties = format!("file={file},line={line},col={column},{properties}");
    }
    format!("::{kind} {properties}::{}", message(&sentence(problem)))
}

#[cfg(test)]
mod tests {
    use weft_model::{Field, ObjectRef, Place};

    use super::*;

    fn problem() -> Problem {
        Problem {
            severity: Severity::Warning,
            code: "WEFT0003",
            object: ObjectRef {
                group: String::new(),
                kind: "A".into(),
                namespace: "b".into(),
                name: "c".into(),
            },
            field: Field("/spec/x".into()),
            place: Some(Place { file: "a,b.yaml".into(), line: 3, column: 5 }),
            what: "is 50% off".into(),
            fix: "do".into(),
        }
    }

    #[test]
    fn github_gets_one_escaped_line() {
        assert_eq!(
            command(&problem()),
            "::warning file=a%2Cb.yaml,line=3,col=5,title=WEFT0003::A b/c: spec.x: is 50%25 off; do"
        );
    }

    #[test]
    fn sarif_names_rule_level_and_region() {
        let found = sarif(&[problem()]);
        let result = &found["runs"][0]["results"][0];
        assert_eq!(result["ruleId"], "WEFT0003");
        assert_eq!(result["level"], "warning");
        let physical = &result["locations"][0]["physicalLocation"];
        assert_eq!(physical["region"], json!({"startLine": 3, "startColumn": 5}));
        assert_eq!(found["runs"][0]["tool"]["driver"]["rules"], json!([{"id": "WEFT0003"}]));
    }
}
