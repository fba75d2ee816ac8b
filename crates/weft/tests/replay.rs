//! `weft replay` as people start it: requests of a log against a change of the sample shop.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const DENY: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: private, namespace: payments}
spec:
  action: DENY
  rules: [{to: [{operation: {paths: [/private]}}]}]
";

/// The checkout of the shop calls payments; its log as `kubectl logs --prefix` prints it.
fn log(paths: &[&str]) -> String {
    let line = |path: &&str| {
        format!(
            "[pod/checkout-service-6f7c-x2/istio-proxy] [2026-11-22T17:00:00.001Z] \"GET {path} HTTP/1.1\" 200 - via_upstream - \"-\" 0 1 2 3 \"-\" \
             \"curl/8\" \"id\" \"payment-service.payments:8080\" \"10.1.0.2:8080\" \
             outbound|8080||payment-service.payments.svc.cluster.local 10.1.0.9:1 10.2.0.1:8080 10.1.0.1:4711 - default\n"
        )
    };
    paths.iter().map(line).collect()
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn weft(arguments: &[&str], input: &str) -> Output {
    let mut started = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not want its input has ended already.
    started.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    started.wait_with_output().unwrap()
}

fn told(done: &Output) -> String {
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout.clone()).unwrap()
}

const SHOP: [&str; 4] = ["--against", "samples/shop", "-f", "samples/shop"];

#[test]
fn requests_that_a_change_denies_are_told_with_their_number() {
    let files = Files::new();
    let change = files.write("change.yaml", DENY);
    let text = format!(
        "{}ready\n[2026-11-22T17:00:00Z] \"cut",
        log(&["/private?a", "/private?b", "/open"])
    );
    let path = files.write("sleep.log", &text);
    let (change, path) = (change.to_str().unwrap(), path.to_str().unwrap());
    let asked = [&["replay", path][..], &SHOP, &["-f", change]].concat();
    let json: Value =
        serde_json::from_str(&told(&weft(&[&asked[..], &["-o", "json"]].concat(), ""))).unwrap();
    assert_eq!(
        (&json["requests"], &json["shapes"], &json["changed"]),
        (&3.into(), &2.into(), &2.into())
    );
    assert_eq!((&json["read"]["other"], &json["read"]["unreadable"]), (&1.into(), &1.into()));
    assert_eq!(json["disagreeing"], 0, "{json:#}");
    let people = told(&weft(&asked, ""));
    for part in [
        "log: 3 requests in 5 lines; 1 of something else, 1 cannot be read",
        "sleep.log:5: it has another form than Istio's default",
        "2 of 3 requests (1 shape) end otherwise",
        "  2 requests: from checkout-service.checkout: GET payment-service.payments:8080/private",
        "    outcome: routed -> denied",
        "    because of AuthorizationPolicy payments/private [",
        "assumed absent, as no log has them: ",
    ] {
        assert!(people.contains(part), "{part}: {people}");
    }
    let bounded = [&asked[..], &["--max-shapes", "1"]].concat();
    assert!(
        told(&weft(&bounded, ""))
            .contains("not asked about: 1 request: there are more than 1 shapes")
    );
}

#[test]
fn a_plan_asks_about_the_requests_of_logs_beside_its_own() {
    let files = Files::new();
    let change = files.write("change.yaml", DENY);
    let asked = [&["plan", "--log", "-"][..], &SHOP, &["-f", change.to_str().unwrap()]].concat();
    let people = told(&weft(&asked, &log(&["/private"])));
    assert!(
        people.contains("\ncalls: ") && people.contains("1 of 1 request (1 shape)"),
        "{people}"
    );
}

#[test]
fn a_log_that_cannot_be_used_is_an_error_that_says_what_to_do() {
    let files = Files::new();
    let empty = files.write("empty.log", "ready\n");
    let packed = files.folder.path().join("packed.log.gz");
    std::fs::write(&packed, [0x1f, 0x8b, 8, 0]).unwrap();
    let failed = |log: &str, more: &[&str]| {
        let done = weft(&[&["replay", log][..], &SHOP, more].concat(), "");
        assert!(!done.status.success());
        String::from_utf8(done.stderr).unwrap()
    };
    assert!(
        failed(empty.to_str().unwrap(), &[])
            .contains("hint: write it with meshConfig.accessLogFile")
    );
    assert!(failed(packed.to_str().unwrap(), &[]).contains("hint: unpack it on the way"));
    assert!(failed("/none.log", &[]).contains("error: /none.log: "));
    assert!(failed("-", &["-f", "-"]).contains("standard input (-) is named twice"));
}
