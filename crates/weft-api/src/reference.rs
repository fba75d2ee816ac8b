//! How objects point at each other: selectors, target references, string matches, destinations.

use std::collections::BTreeMap;

use crate::describe::Form as Written;
use crate::read::record;

record! {
    /// Selects workloads by the labels of their pods, in the namespace of the object.
    WorkloadSelector {
        /// Labels that a pod must carry, all of them. No wildcards. Without any, every pod of the namespace is selected.
        "matchLabels" match_labels: BTreeMap<String, String> = [
            MaxEntries(4096),
            Cel("self.all(key, key.size() != 0)", "name every label"),
            Cel("self.all(key, !key.contains('*'))", "selectors know no wildcards"),
        ],
    }
}

record! {
    /// Selects workloads by the labels of their pods, in the namespace of the object.
    LabelSelector {
        /// Labels that a pod must carry, all of them. No wildcards. Without any, every pod of the namespace is selected.
        "labels" labels: BTreeMap<String, String> = [MaxEntries(256)],
    }
}

record! {
    /// Binds a policy to a gateway, a waypoint or a service by name.
    TargetRef {
        /// API group of the target; empty for the core group.
        "group" group: String = [MaxLength(253), Form(Written::ApiGroup)],
        /// Kind of the target: Gateway, GatewayClass (in the root namespace), Service or ServiceEntry.
        "kind" kind: String = [Required, MinLength(1), MaxLength(63), Form(Written::KindName)],
        /// Name of the target.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
        /// Must be empty: a target lives in the namespace of the policy.
        "namespace" namespace: String =
            [Cel("self.size() == 0", "targets of other namespaces are not supported")],
    }
}

record! {
    /// How a text is compared. Empty means that the text only has to be there.
    StringMatch {
        /// The whole text, with the case as written.
        "exact" exact: Option<String>,
        /// How the text begins.
        "prefix" prefix: Option<String>,
        /// An RE2 pattern that the whole text matches.
        "regex" regex: Option<String>,
    } where [OneOf(&["exact", "prefix", "regex"])]
}

record! {
    /// A port by number.
    PortSelector {
        /// The number, 1 to 65535.
        "number" number: u32,
    }
}

record! {
    /// A service, or a subset of it.
    Destination {
        /// Name of the service in the registry. A short name is completed with the namespace of this object, not of the
        /// service, so full names are safer.
        "host" host: String = [Required],
        /// Name of a subset that a DestinationRule of the host defines.
        "subset" subset: String,
        /// Port of the service; needed when it has more than one.
        "port" port: Option<PortSelector>,
    }
}

record! {
    /// A share of requests.
    Percent {
        /// In percent, 0 to 100; fractions down to 0.0001.
        "value" value: f64,
    }
}
