//! Holds our verdicts against Istio's own on its test inputs.
//!
//! The cases stand beside the repository (`../shared/istio-cases`), not in it; without them there is nothing to compare.

use std::path::Path;

use serde_json::Value;
use weft_model::validate_object;

/// Cases that Istio and we judge alike; may only grow.
const AGREED: usize = 915;
/// Of the cases that Istio accepts with a warning, those that we warn of too; may only grow.
const WARNED: usize = 55;

#[test]
fn objects_are_refused_when_istio_refuses_them() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/istio-cases/validation.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        assert!(!file.parent().is_some_and(Path::exists), "{} cannot be read", file.display());
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut agreed, mut warned, mut differ) = (0, 0, Vec::new());
    for case in &cases {
        let (_, problems) = validate_object(&case["object"]);
        let refused = problems.iter().any(weft_model::Problem::is_error);
        let warns = case["has_warning"] == true && case["expect"] == "accept";
        // That a kind is not honoured yet is no warning about the object.
        if warns && problems.iter().any(|p| !p.is_error() && p.code != "WEFT0002") {
            warned += 1;
        }
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
    let report = format!("{agreed} of {} agree\n{}", cases.len(), differ.join("\n"));
    let report = format!("{report}\n{warned} warnings alike");
    assert!(agreed >= AGREED && warned >= WARNED, "{report}");
    if std::env::args().any(|arg| arg == "--nocapture") {
        eprintln!("{report}");
    }
}
