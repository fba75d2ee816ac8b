//! Values of traffic capture by the node.

use crate::Any;

use super::{Logging, Resources};
use crate::mesh_config::mesh_record;

mesh_record! {
    /// Traffic capture by the node.
    Cni {
        /// Whether it is installed.
        "enabled" enabled: Option<bool>,
        /// Where its image comes from.
        "hub" hub: String,
        /// Tag of its image.
        "tag" tag: Option<Any>,
        /// `debug` or `distroless`.
        "variant" variant: String,
        /// Name of its image.
        "image" image: String,
        /// When its image is pulled.
        "pullPolicy" pull_policy: String,
        /// Folder of the node for its program.
        "cniBinDir" cni_bin_dir: String,
        /// Folder of the node for its configuration.
        "cniConfDir" cni_conf_dir: String,
        /// Name of its configuration file.
        "cniConfFileName" cni_conf_file_name: String,
        /// Folder of the node with network namespaces.
        "cniNetnsDir" cni_netns_dir: String,
        /// Namespaces that are left alone.
        "excludeNamespaces" exclude_namespaces: Vec<String>,
        /// Nodes that it wants.
        "affinity" affinity: Option<Any>,
        /// Environment variables of its container.
        "env" env: Option<Any>,
        /// Labels of its DaemonSet.
        "daemonSetLabels" daemon_set_labels: Option<Any>,
        /// Annotations of its pods.
        "podAnnotations" pod_annotations: Option<Any>,
        /// Labels of its pods.
        "podLabels" pod_labels: Option<Any>,
        /// Unused.
        "pspClusterRole" psp_cluster_role: String,
        /// Least level of its log (deprecated: use `logging`).
        "logLevel" log_level: String,
        /// Its log.
        "logging" logging: Option<Logging>,
        /// What is done about pods that started without it.
        "repair" repair: Option<CniRepair>,
        /// Whether it is chained to another plugin.
        "chained" chained: Option<bool>,
        /// Bound of its pods.
        "resourceQuotas" resource_quotas: Option<ResourceQuotas>,
        /// Processor and memory.
        "resources" resources: Option<Resources>,
        /// Unused.
        "privileged" privileged: Option<bool>,
        /// Allowed system calls.
        "seccompProfile" seccomp_profile: Option<Any>,
        /// Capture for node proxies.
        "ambient" ambient: Option<CniAmbient>,
        /// `default` or `multus`.
        "provider" provider: String,
        /// Pods that may be missing while it is replaced.
        "rollingMaxUnavailable" rolling_max_unavailable: Option<Any>,
        /// Whether it writes a configuration of its own.
        "istioOwnedCNIConfig" istio_owned_cni_config: Option<bool>,
        /// Name of the file of that.
        "istioOwnedCNIConfigFileName" istio_owned_cni_config_file_name: String,
        /// Whether AppArmor is set by annotation.
        "useAppArmorAnnotation" use_app_armor_annotation: Option<bool>,
    }
}

mesh_record! {
    /// How pods use capture by the node.
    CniUsage {
        /// Whether they do.
        "enabled" enabled: Option<bool>,
        /// Whether it is chained to another plugin.
        "chained" chained: Option<bool>,
        /// `default` or `multus`.
        "provider" provider: String,
    }
}

mesh_record! {
    /// Capture for node proxies.
    CniAmbient {
        /// Whether it is on.
        "enabled" enabled: Option<bool>,
        /// Folder of its configuration.
        "configDir" config_dir: String,
        /// Whether DNS is captured.
        "dnsCapture" dns_capture: Option<bool>,
        /// Whether IPv6 is captured.
        "ipv6" ipv6: Option<bool>,
        /// Whether rules of pods are corrected at start.
        "reconcileIptablesOnStartup" reconcile_iptables_on_startup: Option<bool>,
    }
}

mesh_record! {
    /// What is done about pods that started without capture.
    CniRepair {
        /// Whether something is done.
        "enabled" enabled: Option<bool>,
        /// Where the image comes from.
        "hub" hub: String,
        /// Tag of the image.
        "tag" tag: Option<Any>,
        /// Name of the image.
        "image" image: String,
        /// Whether they get a label.
        "labelPods" label_pods: bool,
        /// Whether they are repaired.
        "repairPods" repair_pods: bool,
        /// Unused.
        "createEvents" create_events: String,
        /// Whether they are deleted.
        "deletePods" delete_pods: bool,
        /// The label's name.
        "brokenPodLabelKey" broken_pod_label_key: String,
        /// The label's value.
        "brokenPodLabelValue" broken_pod_label_value: String,
        /// The container that tells of them.
        "initContainerName" init_container_name: String,
    }
}

mesh_record! {
    /// Bound of pods.
    ResourceQuotas {
        /// Whether there is one.
        "enabled" enabled: Option<bool>,
        /// The bound.
        "pods" pods: i64,
    }
}
