//! `PeerAuthentication` of `security.istio.io`: whether workloads accept mutual TLS, plaintext or both.

use std::collections::BTreeMap;

use crate::read::{record, words};
use crate::reference::WorkloadSelector;

words! {
    /// What a port accepts.
    Mode {
        /// Whatever the next wider policy says.
        Unset = "UNSET",
        /// Plaintext only.
        Disable = "DISABLE",
        /// Mutual TLS and plaintext.
        Permissive = "PERMISSIVE",
        /// Mutual TLS only.
        Strict = "STRICT",
    }
}

record! {
    /// Mutual TLS of a workload or port.
    MutualTls {
        /// UNSET takes over from the namespace or mesh; DISABLE accepts plaintext only; PERMISSIVE accepts both, which is the
        /// default of a mesh without any policy; STRICT accepts mutual TLS only.
        "mode" mode: Mode,
    }
}

record! {
    /// What workloads accept from their clients: mutual TLS, plaintext, or both. The policy nearest to the workload holds:
    /// with a selector before without, the workload's namespace before the root namespace.
    PeerAuthentication {
        /// Workloads that the policy holds for; without it, the whole namespace, or the mesh when in the root namespace.
        "selector" selector: Option<WorkloadSelector>,
        /// What holds for all ports that portLevelMtls does not name.
        "mtls" mtls: Option<MutualTls>,
        /// What holds for single ports, by the port number on which the application listens. Needs a selector.
        "portLevelMtls" port_level_mtls: Option<BTreeMap<String, MutualTls>> =
            [Cel("self.all(key, 0 < int(key) && int(key) <= 65535)", "use ports from 1 to 65535")],
    } where [Holds(
        "has(self.portLevelMtls) ? (((has(self.selector) && has(self.selector.matchLabels)) ? self.selector.matchLabels : {}).size() > 0) : true",
        "portLevelMtls needs a selector with labels",
    )]
}
