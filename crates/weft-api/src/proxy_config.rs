//! `ProxyConfig` of `networking.istio.io`: settings of proxies that hold from their next start.

use std::collections::BTreeMap;

use crate::read::record;
use crate::reference::WorkloadSelector;

record! {
    /// Settings of the proxies of some workloads. They hold from the next start of a pod. Those with a selector come before those
    /// of the namespace, and these before those of the root namespace.
    ProxyConfig {
        /// Workloads that it holds for; the whole namespace when absent.
        "selector" selector: Option<WorkloadSelector>,
        /// Threads of the proxy; 0 is one for each processor. By the CPU limit of the pod when absent.
        "concurrency" concurrency: Option<i32> = [Min(0)],
        /// Environment of the proxy.
        "environmentVariables" environment_variables: BTreeMap<String, String>,
        /// Image of the proxy.
        "image" image: Option<ProxyImage>,
    }
}

record! {
    /// Image of the proxy.
    ProxyImage {
        /// Kind of the image: default, debug or distroless.
        "imageType" image_type: String,
    }
}
