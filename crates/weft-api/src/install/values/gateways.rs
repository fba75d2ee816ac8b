//! Values of the gateways that come with the installation.

use std::collections::BTreeMap;

use crate::Any;

use super::Utilization;
use crate::mesh_config::mesh_record;

mesh_record! {
    /// The gateways.
    Gateways {
        /// For traffic that goes out.
        "istio-egressgateway" egress: Option<Gateway>,
        /// Whether there are any.
        "enabled" enabled: Option<bool>,
        /// For traffic that comes in.
        "istio-ingressgateway" ingress: Option<Gateway>,
        /// Rights of their pods.
        "securityContext" security_context: Option<Any>,
        /// Allowed system calls.
        "seccompProfile" seccomp_profile: Option<Any>,
    }
}

mesh_record! {
    /// A gateway.
    Gateway {
        /// Whether its replicas follow the load.
        "autoscaleEnabled" autoscale_enabled: Option<bool>,
        /// Most replicas.
        "autoscaleMax" autoscale_max: u32,
        /// Fewest replicas.
        "autoscaleMin" autoscale_min: u32,
        /// Memory that the autoscaler aims at.
        "memory" memory: Option<Utilization>,
        /// Processor load that the autoscaler aims at.
        "cpu" cpu: Option<Utilization>,
        /// Whether its Service is made by somebody else.
        "customService" custom_service: Option<bool>,
        /// Whether it is installed.
        "enabled" enabled: Option<bool>,
        /// Environment variables of its container.
        "env" env: Option<Any>,
        /// Its labels.
        "labels" labels: BTreeMap<String, String>,
        /// Address of its load balancer (inbound only).
        "loadBalancerIP" load_balancer_ip: String,
        /// Clients that its load balancer admits (inbound only).
        "loadBalancerSourceRanges" load_balancer_source_ranges: Vec<String>,
        /// Its name.
        "name" name: String,
        /// Labels of the nodes that it runs on.
        "nodeSelector" node_selector: Option<Any>,
        /// Annotations of its pods.
        "podAnnotations" pod_annotations: Option<Any>,
        /// Pods that it does not run beside, at all.
        "podAntiAffinityLabelSelector" pod_anti_affinity_label_selector: Vec<Any>,
        /// Pods that it does not run beside, if possible.
        "podAntiAffinityTermLabelSelector" pod_anti_affinity_term_label_selector: Vec<Any>,
        /// Ports of its Service.
        "ports" ports: Vec<Port>,
        /// Further ports of its Service (inbound only).
        "ingressPorts" ingress_ports: Vec<Any>,
        /// Its replicas (inbound only).
        "replicaCount" replica_count: u32,
        /// Processor and memory.
        "resources" resources: Option<Any>,
        /// Secrets that its pods have as files.
        "secretVolumes" secret_volumes: Vec<SecretVolume>,
        /// Annotations of its Service.
        "serviceAnnotations" service_annotations: Option<Any>,
        /// Type of its Service.
        "type" service_type: String,
        /// Pods that may be added while it is replaced.
        "rollingMaxSurge" rolling_max_surge: Option<Any>,
        /// Pods that may be missing while it is replaced.
        "rollingMaxUnavailable" rolling_max_unavailable: Option<Any>,
        /// `Cluster` or `Local` (inbound only).
        "externalTrafficPolicy" external_traffic_policy: String,
        /// Taints of nodes that its pods bear.
        "tolerations" tolerations: Vec<Any>,
        /// Further containers of its pods.
        "additionalContainers" additional_containers: Vec<Any>,
        /// ConfigMaps that its pods have as files.
        "configVolumes" config_volumes: Vec<Any>,
        /// Whether it runs as root, and so may open ports below 1024.
        "runAsRoot" run_as_root: Option<bool>,
        /// Template that its pods are injected with.
        "injectionTemplate" injection_template: String,
        /// Its service account.
        "serviceAccount" service_account: Option<ServiceAccount>,
        /// `IPv4`, `IPv6`, in the order of preference.
        "ipFamilies" ip_families: Vec<String>,
        /// `SingleStack`, `PreferDualStack` or `RequireDualStack`.
        "ipFamilyPolicy" ip_family_policy: String,
    }
}

mesh_record! {
    /// A port of a Service.
    Port {
        /// Its name.
        "name" name: String,
        /// Its number.
        "port" port: i32,
        /// The nodes' port for it.
        "nodePort" node_port: i32,
        /// The pods' port for it.
        "targetPort" target_port: i32,
        /// Its protocol.
        "protocol" protocol: String,
    }
}

mesh_record! {
    /// A Secret as files.
    SecretVolume {
        /// Folder of the files.
        "mountPath" mount_path: String,
        /// Name of the volume.
        "name" name: String,
        /// Name of the Secret.
        "secretName" secret_name: String,
    }
}

mesh_record! {
    /// A service account.
    ServiceAccount {
        /// Its annotations.
        "annotations" annotations: Option<Any>,
    }
}
