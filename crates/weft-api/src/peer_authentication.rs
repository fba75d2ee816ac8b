//! `PeerAuthentication` of `security.istio.io`: whether workloads accept mutual TLS, plaintext or both.

use std::collections::BTreeMap;

use crate::read::{record, words};
use crate::reference::WorkloadSelector;

words! {
    /// What a port accepts.
    Mode { Unset = "UNSET", Disable = "DISABLE", Permissive = "PERMISSIVE", Strict = "STRICT" }
}

record! {
    /// Mutual TLS of a workload or port.
    MutualTls { "mode" mode: Mode }
}

record! {
    /// `spec`
    PeerAuthentication {
        "selector" selector: Option<WorkloadSelector>,
        "mtls" mtls: Option<MutualTls>,
        "portLevelMtls" port_level_mtls: Option<BTreeMap<String, MutualTls>>,
    }
}
