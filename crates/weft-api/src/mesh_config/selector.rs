//! Selecting by labels, as Kubernetes does.

use std::collections::BTreeMap;

use super::mesh_record;

mesh_record! {
    /// Objects whose labels satisfy all of these; an empty selector takes every object.
    LabelSelector {
        /// Labels that must have exactly these values.
        "matchLabels" match_labels: BTreeMap<String, String>,
        /// Further conditions, all of which must hold.
        "matchExpressions" match_expressions: Vec<Requirement>,
    }
}

mesh_record! {
    /// A condition on one label.
    Requirement {
        /// Name of the label.
        "key" key: String,
        /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
        "operator" operator: String,
        /// Values for `In` and `NotIn`; empty for the others.
        "values" values: Vec<String>,
    }
}
