//! Verdicts as other programs read them: JUnit's XML, and the Test Anything Protocol.
//! In: verdicts. Out: text. Holds: whatever a suite is named, the text stays well-formed.

use std::fmt::Write as _;

use weft_suite::Verdict;

use super::Tested;
use crate::failure::say;

/// Why a case is not as expected, one line each.
fn reasons(verdict: &Verdict) -> Vec<String> {
    let error = verdict.error.iter().map(|why| format!("cannot be asked: {why}"));
    let differences = verdict.differences.iter().map(|one| {
        format!("{}: {}: expected {}, got {}", one.place, one.field, one.expected, one.got)
    });
    error.chain(differences).collect()
}

/// JUnit's XML.
pub(super) fn junit(tested: &[Tested]) -> String {
    let count = |verdicts: &[Verdict]| verdicts.iter().filter(|one| !one.passed()).count();
    let all: usize = tested.iter().map(|one| one.verdicts.len()).sum();
    let failed: usize = tested.iter().map(|one| count(&one.verdicts)).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut line = |text: String| writeln!(xml, "{text}").ok();
    line(format!("<testsuites tests=\"{all}\" failures=\"{failed}\">"));
    for Tested { suite, verdicts, .. } in tested {
        let (name, file) = (escaped(&suite.name), escaped(&suite.file));
        let (tests, failures) = (verdicts.len(), count(verdicts));
        line(format!(
            "  <testsuite name=\"{name}\" file=\"{file}\" tests=\"{tests}\" failures=\"{failures}\">"
        ));
        for verdict in verdicts {
            let case = format!(
                "    <testcase name=\"{}\" classname=\"{name}\" file=\"{file}\" line=\"{}\"",
                escaped(&verdict.name),
                verdict.place.line
            );
            let reasons = reasons(verdict);
            let Some(first) = reasons.first() else {
                line(format!("{case}/>"));
                continue;
            };
            let body = escaped(&[reasons.clone(), steps(verdict)].concat().join("\n"));
            let message = escaped(first);
            line(format!("{case}><failure message=\"{message}\">{body}</failure></testcase>"));
        }
        line("  </testsuite>".to_owned());
    }
    line("</testsuites>".to_owned());
    xml
}

fn steps(verdict: &Verdict) -> Vec<String> {
    let first = verdict.differences.first();
    first.into_iter().flat_map(|one| &one.trace).map(|step| format!("  {step}")).collect()
}

/// Text for XML; characters that XML cannot have are left out.
fn escaped(text: &str) -> String {
    let mut found = String::new();
    for letter in text.chars() {
        match letter {
            '&' => found.push_str("&amp;"),
            '<' => found.push_str("&lt;"),
            '>' => found.push_str("&gt;"),
            '"' => found.push_str("&quot;"),
            '\n' => found.push_str("&#10;"),
            '\t' => found.push_str("&#9;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => found.push(letter),
        }
    }
    found
}

/// The Test Anything Protocol, version 14.
pub(super) fn tap(tested: &[Tested]) {
    let verdicts: Vec<&Verdict> = tested.iter().flat_map(|one| &one.verdicts).collect();
    say!("TAP version 14\n1..{}", verdicts.len());
    for (number, verdict) in verdicts.iter().enumerate() {
        let verb = if verdict.passed() { "ok" } else { "not ok" };
        say!("{verb} {} - {}", number + 1, plain(&verdict.name));
        if verdict.passed() {
            continue;
        }
        say!("  ---\n  at: {}\n  reasons:", serde_json::json!(verdict.place.to_string()));
        for reason in reasons(verdict) {
            say!("    - {}", serde_json::json!(reason));
        }
        say!("  ...");
    }
}

/// A description: one line, in which `#` does not begin a directive.
fn plain(name: &str) -> String {
    name.replace(['\n', '\r'], " ").replace('\\', "\\\\").replace('#', "\\#")
}

#[cfg(test)]
mod tests {
    use super::{escaped, plain};

    #[test]
    fn names_cannot_break_out_of_a_format() {
        assert_eq!(escaped("a<b & \"c\"\u{1}\n"), "a&lt;b &amp; &quot;c&quot;&#10;");
        assert_eq!(plain("x # TODO\nok 2"), "x \\# TODO ok 2");
    }
}
