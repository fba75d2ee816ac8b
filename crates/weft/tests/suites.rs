//! `weft test` as people start it: what it prints, and with which exit code.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Exit code, standard output, standard error.
fn weft(arguments: &[&str]) -> (i32, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(arguments)
        .current_dir(repository())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

/// A suite in a folder of its own.
struct Written(tempfile::TempDir, String);

impl Written {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("suite.yaml");
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap().to_owned();
        Self(folder, file)
    }
}

/// The suite that docs/test.md shows.
fn shown() -> String {
    let page = std::fs::read_to_string(repository().join("docs/test.md")).unwrap();
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_suites_of_the_shop_pass_and_reach_and_hold_all_of_it() {
    let flags = ["--min-coverage", "75", "--min-noticed", "75"];
    let (code, told, wrong) = weft(&[&["test", "samples/shop/tests"], flags.as_slice()].concat());
    assert_eq!((code, wrong.as_str()), (0, ""), "{told}");
    assert!(told.contains("samples/shop/tests/doors.yaml: 8 cases, all as expected"), "{told}");
    assert!(told.contains("coverage: ") && told.contains("mutation: "), "{told}");
}

#[test]
fn the_suite_of_the_documentation_passes_with_everything_reached() {
    let suite = Written::new(&shown());
    let (code, told, wrong) = weft(&["test", &suite.1, "--min-coverage", "100", "--mutate"]);
    assert_eq!((code, wrong.as_str()), (0, ""), "{told}");
    assert!(told.contains("3 cases, all as expected"), "{told}");
}

#[test]
fn what_is_not_as_expected_is_said_with_its_line_and_its_reason() {
    let text = shown().replace("timeout: 3s}\n  - name: old", "timeout: 4s}\n  - name: old");
    let suite = Written::new(&text.replace("rules[0]", "rules[1]"));
    let (code, told, _) = weft(&["test", &suite.1]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("timeout: expected 4s, got 3s"), "{told}");
    let denied = "denied_by: expected denied by shop/readers rules[1], got denied by shop/readers";
    assert!(told.contains(denied), "{told}");
    assert!(told.contains("3 cases, 2 not as expected"), "{told}");
    let (_, told, _) = weft(&["test", &suite.1, "--tap"]);
    assert!(told.starts_with("TAP version 14\n1..3\nnot ok 1 - books are read\n"), "{told}");
    let file = suite.0.path().join("junit.xml");
    let (_, told, _) = weft(&["test", &suite.1, "-o", "json", "--junit", file.to_str().unwrap()]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["passed"], &told["failed"]), (&1.into(), &2.into()));
    assert_eq!(told["suites"][0]["cases"][0]["differences"][0]["got"], "3s");
    let xml = std::fs::read_to_string(file).unwrap();
    assert!(xml.contains("<testsuites tests=\"3\" failures=\"2\">"), "{xml}");
}

#[test]
fn a_suite_that_cannot_be_read_is_exit_code_2() {
    let suite = Written::new(&shown().replace("allowed: true", "alowed: true"));
    let (code, _, wrong) = weft(&["test", &suite.1]);
    assert_eq!(code, 2);
    assert!(wrong.contains("no \"alowed\"; did you mean allowed?"), "{wrong}");
    let (code, _, wrong) = weft(&["test", "/nowhere/at/all"]);
    assert_eq!(code, 2);
    assert!(wrong.contains("/nowhere/at/all"), "{wrong}");
}

#[test]
fn a_route_that_nobody_calls_and_a_change_that_nobody_notices_are_named() {
    let text = shown().replace("call: {path: /old/1}", "call: {path: /books/1}");
    let suite = Written::new(&text);
    let (code, told, wrong) = weft(&["test", &suite.1, "--min-coverage", "100"]);
    assert_eq!(code, 1, "{told}{wrong}");
    let missed = "not reached: spec.http[0] of VirtualService shop/books";
    assert!(told.contains(missed), "{told}");
    assert!(wrong.contains("--min-coverage asks for 100%"), "{wrong}");
    let text = shown().replace(", denied_by: \"shop/readers rules[0]\"", "");
    let suite = Written::new(&text.replace("notMethods: [GET]", "notMethods: [GET, HEAD]"));
    let (code, told, _) = weft(&["test", &suite.1, "--mutate"]);
    assert_eq!(code, 0, "{told}");
    let unnoticed = "removing spec.rules[0].to[0].operation.notMethods[1] of AuthorizationPolicy";
    assert!(told.contains(unnoticed), "{told}");
}
