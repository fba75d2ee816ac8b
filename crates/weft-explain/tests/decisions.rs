//! Every file of `decisions/` is a table of AuthorizationPolicies: sets of policies for one server, requests, and who decides. `tokens` of a
//! set are RequestAuthentications of the server.
//!
//! `conformance/test_decisions.py` sends the same rows through both data planes. A row reads `CALLER METHOD PATH [name=value …]
//! => VERDICT [POLICY/RULE] [~ words of the nearest miss]`; `CALLER tcp` opens a connection of plain bytes to port 9000. Callers are `client`
//! of `shop`, `other` of `far`, and `plain`, which has no proxy. `{client}`, `{server}` and `{host}` stand for addresses and
//! the server's name, which a running mesh gives; other words in braces for tokens and keys of `tokens/signed.json`. `refused-401` is a
//! token that is not believed.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use ctl_snapshot::MeshSettings;
use serde_json::{Value, json};
use weft_explain::{Answer, Call, Mesh, Outcome, Proxies};
use weft_model::api::yaml;

const MESH: &str = "
- {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}
- {apiVersion: v1, kind: Namespace, metadata: {name: far, labels: {istio-injection: enabled}}}
- {apiVersion: v1, kind: Namespace, metadata: {name: outside}}
- {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {serviceAccountName: web}, status: {podIP: 10.244.0.10}}
- {apiVersion: v1, kind: Pod, metadata: {name: client, namespace: shop, labels: {app: client}}, spec: {serviceAccountName: client}, status: {podIP: 10.244.0.11}}
- {apiVersion: v1, kind: Pod, metadata: {name: other, namespace: far, labels: {app: other}}, spec: {serviceAccountName: other}, status: {podIP: 10.244.0.12}}
- apiVersion: v1
  kind: Service
  metadata: {name: web, namespace: shop}
  spec: {selector: {app: web}, ports: [{name: http, port: 8080}, {name: tcp, port: 9000}]}
";

/// What stands for itself in a running mesh.
const PLACES: [(&str, &str); 3] = [
    ("{client}", "10.244.0.11"),
    ("{server}", "10.244.0.10"),
    ("{host}", "web.shop.svc.cluster.local"),
];
/// Address of the caller without a proxy.
const PLAIN: &str = "10.244.0.13";
/// When everybody asks: the tokens that have ended have, and the others have not.
const NOW: u64 = 1_800_000_000;

/// What stands for what: its JSON, without quotes around it.
type Words = BTreeMap<String, String>;

fn words() -> Words {
    let places = PLACES.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let signed: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("tokens/signed.json")).unwrap();
    let signed = signed.into_iter().map(|(name, value)| {
        (format!("{{{name}}}"), value.to_string().trim_matches('"').to_owned())
    });
    places.into_iter().chain(signed).collect()
}

fn placed(text: &str, words: &Words) -> String {
    words.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

fn read(text: &str) -> Value {
    yaml::read(text, "file").unwrap().remove(0).value
}

/// `NAME`, of `shop`, or `NAMESPACE/NAME`; without a selector it selects the server.
fn object(kind: &str, (name, spec): (&String, &Value)) -> Value {
    let (namespace, name) = name.split_once('/').unwrap_or(("shop", name));
    let mut spec = spec.as_object().unwrap().clone();
    let dry = spec.remove("dryRun").is_some();
    let annotations = if dry { json!({"istio.io/dry-run": "true"}) } else { json!({}) };
    spec.entry("selector").or_insert(json!({"matchLabels": {"app": "web"}}));
    json!({"apiVersion": "security.istio.io/v1", "kind": kind, "spec": spec,
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations}})
}

fn mesh(set: &Value, words: &Words) -> Mesh {
    let mut objects = read(MESH).as_array().unwrap().clone();
    let kinds = [("policies", "AuthorizationPolicy"), ("tokens", "RequestAuthentication")];
    for (list, kind) in kinds {
        let written = set[list].as_object().into_iter().flatten().map(|one| object(kind, one));
        objects.extend(written.map(|one| read(&placed(&one.to_string(), words))));
    }
    let (mesh, problems) = Mesh::new(objects, BTreeMap::new(), MeshSettings::default());
    let errors: Vec<String> =
        problems.iter().filter(|problem| problem.is_error()).map(ToString::to_string).collect();
    assert_eq!(errors, Vec::<String>::new(), "{}", set["title"]);
    mesh
}

/// The call of a row.
fn call(row: &str) -> Call {
    let words: Vec<&str> = row.split(' ').collect();
    let (caller, tcp) = (words[0], words[1] == "tcp");
    let port = if tcp { 9000 } else { 8080 };
    let mut call = match caller {
        "plain" => json!({"inbound": "web.shop", "source_ip": PLAIN}),
        "client" => json!({"from": "client.shop"}),
        "other" => json!({"from": "other.far"}),
        other => panic!("nobody is called {other}"),
    };
    call["to"] = json!(format!("web.shop:{port}"));
    call["tcp"] = json!(tcp);
    if !tcp {
        (call["method"], call["path"]) = (json!(words[1]), json!(words[2]));
    }
    let fields = words.iter().skip(3).map(|word| match word.split_once('=').unwrap() {
        ("bearer", token) => ("authorization".to_owned(), json!(format!("Bearer {token}"))),
        (name, value) => (name.to_owned(), json!(value)),
    });
    call["headers"] = Value::Object(fields.collect());
    call["at"] = json!(NOW);
    Call::read(&call).unwrap()
}

/// What an answer says, as rows say it.
fn verdict(answer: &Answer) -> String {
    let untrusted = answer.trace.last().is_some_and(|step| step.step == "token");
    let word = match answer.outcome {
        Outcome::Denied if untrusted => return format!("refused-{}", answer.status.unwrap_or(0)),
        Outcome::Denied => "deny",
        Outcome::Routed | Outcome::Tcp => "allow",
        other => return format!("{other:?}"),
    };
    let policy = answer.policy.as_deref().map(|name| name.strip_prefix("shop/").unwrap_or(name));
    match (policy, answer.rule) {
        (Some(policy), Some(rule)) => format!("{word} {policy}/{rule}"),
        _ => word.to_owned(),
    }
}

/// What is wrong with the answer to a row.
fn check(proxies: &mut Proxies<'_>, words: &Words, row: &str) -> Option<String> {
    let whole = placed(row, words);
    let (asked, expected) = whole.split_once(" => ").unwrap();
    let (expected, words) = expected.split_once(" ~ ").unwrap_or((expected, ""));
    let answer = proxies.explain(&call(asked)).unwrap();
    let found = verdict(&answer);
    let status = answer.status.unwrap_or_default();
    let forbidden = expected.starts_with("deny") && !asked.contains(" tcp");
    if found != expected || (forbidden != (status == 403) && !expected.starts_with("refused")) {
        let steps: Vec<String> =
            answer.trace.iter().map(|step| format!("{}: {}", step.step, step.why)).collect();
        return Some(format!("{row}: {found} ({status})\n    {}", steps.join("\n    ")));
    }
    let missed = answer.nearest_miss.map(|miss| miss.conditions.join("; ")).unwrap_or_default();
    (!missed.contains(words)).then(|| format!("{row}: the nearest miss is {missed}"))
}

#[test]
fn every_row_is_decided_by_the_rule_that_it_names() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/decisions");
    let (mut wrong, mut rows, words) = (Vec::new(), 0, words());
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for set in read(&text).as_array().unwrap() {
            let mesh = mesh(set, &words);
            let mut proxies = Proxies::of(&mesh);
            for row in set["rows"].as_array().unwrap() {
                rows += 1;
                let found = check(&mut proxies, &words, row.as_str().unwrap());
                wrong.extend(found.map(|what| format!("{}\n  {what}", set["title"])));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {rows}\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows >= 520, "{rows} rows");
}
