//! Holds our verdicts against Istio's own on its test inputs.
//!
//! The cases stand beside the repository (`../shared/istio-cases`), not in it; without them there is nothing to compare.

use std::path::Path;

use serde_json::Value;
use weft_model::validate_object;

/// Cases of the five kinds that Istio and we judge alike; may only grow.
const AGREED: usize = 532;

const KINDS: &[&str] =
    &["VirtualService", "DestinationRule", "Gateway", "PeerAuthentication", "AuthorizationPolicy"];

#[test]
fn objects_are_refused_when_istio_refuses_them() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/istio-cases/validation.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        assert!(!file.parent().is_some_and(Path::exists), "{} cannot be read", file.display());
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let ours: Vec<&Value> =
        cases.iter().filter(|case| KINDS.contains(&case["kind"].as_str().unwrap())).collect();
    let (mut agreed, mut differ) = (0, Vec::new());
    for case in &ours {
        let (_, problems) = validate_object(&case["object"]);
        let refused = problems.iter().any(weft_model::Problem::is_error);
        if refused == (case["expect"] == "reject") {
            agreed += 1;
        } else {
            let ours: Vec<String> = problems.iter().map(ToString::to_string).collect();
            differ.push(format!(
                "{} {} istio: {} {}; ours: {}\n    {}",
                case["id"],
                case["kind"],
                case["expect"],
                case["why"],
                ours.join(" | "),
                case["object"]["spec"].to_string().chars().take(400).collect::<String>()
            ));
        }
    }
    let report = format!("{agreed} of {} agree\n{}", ours.len(), differ.join("\n"));
    assert!(agreed >= AGREED, "{report}");
    if std::env::args().any(|arg| arg == "--nocapture") {
        eprintln!("{report}");
    }
}
