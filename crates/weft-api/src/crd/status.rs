//! The schema of what the mesh says of an object.

use serde_json::{Value, json};

pub(super) fn schema() -> Value {
    let text = |about: &str| json!({"type": "string", "description": about});
    json!({
        "type": "object",
        "description": "What became of the object; written by the mesh.",
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "observedGeneration": {"type": "integer", "format": "int64",
                "description": "The generation of the object that the conditions are about."},
            "conditions": {
                "type": "array",
                "description": "Accepted, Programmed and Effective, each with its reason.",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": {
                    "type": "object",
                    "required": ["type", "status"],
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {
                        "type": text("Name of the condition."),
                        "status": text("True, False or Unknown."),
                        "reason": text("Why, in one word."),
                        "message": text("Why, in a sentence, and what to do."),
                        "lastTransitionTime": {"type": "string", "format": "date-time",
                            "description": "When the status changed last."},
                        "observedGeneration": {"type": "integer", "format": "int64",
                            "description": "The generation of the object that the condition is about."},
                    },
                },
            },
        },
    })
}
