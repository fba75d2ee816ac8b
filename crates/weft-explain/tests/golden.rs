//! Every file of `golden/` holds both borders of a proxy's configuration: objects, the resources that they become, and what
//! weft-proxy reads out of those resources.
//!
//! A file is three documents: the objects with the proxy and the resources to show (`TYPE/NAME`), the resources in Envoy's
//! canonical JSON, and the runtime configuration as text. After a change that is meant, `WEFT_BLESS=1 cargo test -p
//! weft-explain --test golden` writes the second and third anew; the difference is then read like any other change.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ctl_snapshot::MeshSettings;
use serde_json::{Map, Value};
use weft_explain::{Mesh, Origin, Proxy, Resource};
use weft_model::api::yaml;
use weft_proto::type_url;

/// What stands between the objects and what they become.
const MADE: &str = "\n---\n# Made of the objects above; see golden.rs.\n";

const TYPES: [(&str, &str); 5] = [
    ("listeners", type_url::LISTENER),
    ("routes", type_url::ROUTE),
    ("clusters", type_url::CLUSTER),
    ("endpoints", type_url::ENDPOINTS),
    ("names", type_url::NAMES),
];

#[test]
fn objects_become_the_resources_and_these_the_configuration_that_the_files_hold() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let wrong: Vec<String> = files.iter().filter_map(|file| check(file)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let (written, expected) = text.split_once(MADE).unwrap_or((text.trim_end(), ""));
    let found = made_of(written);
    if blessing() {
        std::fs::write(file, format!("{written}{MADE}{found}")).unwrap();
        return None;
    }
    let pairs = expected.lines().zip(found.lines()).enumerate();
    let first = pairs.into_iter().find(|(_, (expected, found))| expected != found);
    let name = file.file_name().unwrap().to_string_lossy();
    match first {
        Some((line, (expected, found))) => {
            let line = written.lines().count() + MADE.lines().count() + line;
            Some(format!("{name}:{line}:\n  expected {expected}\n  found    {found}"))
        }
        None => (expected != found).then(|| format!("{name} has another number of lines")),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "whether files are to be written is the test's setting"
)]
fn blessing() -> bool {
    std::env::var("WEFT_BLESS").is_ok_and(|wish| wish == "1")
}

/// The second and the third document.
fn made_of(written: &str) -> String {
    let document = yaml::read(written, "golden").unwrap().remove(0).value;
    let objects = document["objects"].as_array().unwrap().clone();
    let (mesh, problems) = Mesh::new(objects, BTreeMap::new(), MeshSettings::default());
    let errors: Vec<String> =
        problems.iter().filter(|problem| problem.is_error()).map(ToString::to_string).collect();
    assert_eq!(errors, Vec::<String>::new());
    let origin = match document["proxy"].as_str().unwrap().split_once('/') {
        Some((_, name)) => Origin::gateway(name),
        None => Origin::from(document["proxy"].as_str().unwrap()),
    };
    let proxy = Proxy::find(&mesh, &origin.unwrap()).unwrap();
    let (mut resources, mut runtime) = (Map::new(), String::new());
    for shown in document["show"].as_array().unwrap() {
        let shown = shown.as_str().unwrap();
        let (kind, resource) = find(&proxy, shown);
        let any = weft_proto::ads::Any { type_url: kind.to_owned(), value: resource.body.clone() };
        resources.insert(shown.to_owned(), weft_proto::json::to_json(&any));
        runtime.push_str(&format!("# {shown}\n{}\n", lowered(kind, resource)));
    }
    let resources = serde_yaml_ng::to_string(&Value::Object(resources)).unwrap();
    let commented: String = runtime.lines().map(|line| format!("# {line}\n")).collect();
    format!("{resources}---\n{commented}")
}

fn find<'a>(proxy: &'a Proxy, shown: &str) -> (&'static str, &'a Resource) {
    let (kind, name) = shown.split_once('/').unwrap();
    let (_, url) = TYPES.into_iter().find(|(known, _)| *known == kind).unwrap();
    let all = proxy.resources().of(url);
    let found = all.iter().find(|resource| &*resource.name == name);
    let names = || all.iter().map(|resource| &*resource.name).collect::<Vec<_>>().join(", ");
    (url, found.unwrap_or_else(|| panic!("no {shown}; there are {}", names())))
}

fn lowered(kind: &str, resource: &Resource) -> String {
    let body = &resource.body;
    match kind {
        type_url::LISTENER => format!("{:#?}", proxy_lower::lower_listener(body).unwrap()),
        type_url::ROUTE => format!("{:#?}", proxy_lower::lower_routes(body).unwrap()),
        type_url::CLUSTER => format!("{:#?}", proxy_lower::lower_cluster(body).unwrap()),
        type_url::ENDPOINTS => format!("{:#?}", proxy_lower::lower_endpoints(body).unwrap()),
        _ => format!("{:#?}", proxy_lower::lower_names(body).unwrap()),
    }
}
