//! How objects point at each other: selectors, target references, string matches, destinations.

use std::collections::BTreeMap;

use crate::read::record;

record! {
    /// Selects workloads by label.
    WorkloadSelector { "matchLabels" match_labels: BTreeMap<String, String> }
}

record! {
    /// Binds a policy to a gateway or service.
    TargetRef {
        "group" group: String,
        "kind" kind: String,
        "name" name: String,
        "namespace" namespace: String,
    }
}

record! {
    /// How a text is compared; all unset means that it only has to be there.
    StringMatch {
        "exact" exact: Option<String>,
        "prefix" prefix: Option<String>,
        "regex" regex: Option<String>,
    }
}

record! {
    /// A port by number.
    PortSelector { "number" number: u32 }
}

record! {
    /// A service, or a subset of it.
    Destination {
        "host" host: String,
        "subset" subset: String,
        "port" port: Option<PortSelector>,
    }
}

record! {
    /// A share in percent.
    Percent { "value" value: f64 }
}
