//! Values of the control plane.

use crate::Any;

use super::{CniUsage, IstiodRemote, Resources, Utilization};
use crate::mesh_config::{Time, mesh_record};

mesh_record! {
    /// The control plane.
    Pilot {
        /// Whether it is installed.
        "enabled" enabled: Option<bool>,
        /// Whether its replicas follow the load.
        "autoscaleEnabled" autoscale_enabled: Option<bool>,
        /// Fewest replicas.
        "autoscaleMin" autoscale_min: u32,
        /// Most replicas.
        "autoscaleMax" autoscale_max: u32,
        /// How fast replicas come and go.
        "autoscaleBehavior" autoscale_behavior: Option<Any>,
        /// Its replicas.
        "replicaCount" replica_count: u32,
        /// Name of its image.
        "image" image: String,
        /// Percent of the requests that are traced.
        "traceSampling" trace_sampling: f64,
        /// Processor and memory.
        "resources" resources: Option<Resources>,
        /// Processor load that the autoscaler aims at.
        "cpu" cpu: Option<Utilization>,
        /// Labels of the nodes that it runs on.
        "nodeSelector" node_selector: Option<Any>,
        /// Age at which a proxy's connection to it ends. Default 30m.
        "keepaliveMaxServerConnectionAge" keepalive_max_server_connection_age: Option<Time>,
        /// Labels of its Deployment.
        "deploymentLabels" deployment_labels: Option<Any>,
        /// Labels of its pods.
        "podLabels" pod_labels: Option<Any>,
        /// Whether the ConfigMap with the mesh's settings is made. Default true.
        "configMap" config_map: Option<bool>,
        /// Environment variables of its container.
        "env" env: Option<Any>,
        /// Nodes and neighbours that it wants.
        "affinity" affinity: Option<Any>,
        /// Pods that may be added while it is replaced.
        "rollingMaxSurge" rolling_max_surge: Option<Any>,
        /// Pods that may be missing while it is replaced.
        "rollingMaxUnavailable" rolling_max_unavailable: Option<Any>,
        /// Taints of nodes that its pods bear.
        "tolerations" tolerations: Vec<Any>,
        /// Annotations of its pods.
        "podAnnotations" pod_annotations: Option<Any>,
        /// Annotations of its Service.
        "serviceAnnotations" service_annotations: Option<Any>,
        /// Annotations of its service account.
        "serviceAccountAnnotations" service_account_annotations: Option<Any>,
        /// Further root, as PEM, by which servers of JWT keys are verified.
        "jwksResolverExtraRootCA" jwks_resolver_extra_root_ca: String,
        /// Where its image comes from.
        "hub" hub: String,
        /// Tag of its image.
        "tag" tag: Option<Any>,
        /// `debug` or `distroless`.
        "variant" variant: String,
        /// Allowed system calls.
        "seccompProfile" seccomp_profile: Option<Any>,
        /// How its pods are spread.
        "topologySpreadConstraints" topology_spread_constraints: Vec<Any>,
        /// Seconds that its pods have for their end.
        "terminationGracePeriodSeconds" termination_grace_period_seconds: u32,
        /// Further arguments of its program.
        "extraContainerArgs" extra_container_args: Vec<Any>,
        /// Where further volumes stand in its container.
        "volumeMounts" volume_mounts: Vec<Any>,
        /// Further volumes of its pods.
        "volumes" volumes: Vec<Any>,
        /// `IPv4`, `IPv6`, in the order of preference.
        "ipFamilies" ip_families: Vec<String>,
        /// `SingleStack`, `PreferDualStack` or `RequireDualStack`.
        "ipFamilyPolicy" ip_family_policy: String,
        /// Memory that the autoscaler aims at.
        "memory" memory: Option<Utilization>,
        /// Whether pods use capture by the node.
        "cni" cni: Option<CniUsage>,
        /// Keeps pods off nodes that cannot capture yet.
        "taint" taint: Option<Taint>,
        /// Namespace whose node proxies are trusted.
        "trustedZtunnelNamespace" trusted_ztunnel_namespace: String,
        /// A control plane that is elsewhere.
        "istiodRemote" istiod_remote: Option<IstiodRemote>,
        /// Environment variables from ConfigMaps and Secrets.
        "envVarFrom" env_var_from: Vec<Any>,
        /// Name of the ConfigMap with revoked certificates.
        "crlConfigMapName" crl_config_map_name: String,
    }
}

mesh_record! {
    /// Keeps pods off nodes that cannot capture yet.
    Taint {
        /// Whether it does.
        "enabled" enabled: bool,
        /// Namespace of what captures.
        "namespace" namespace: String,
        /// The taint.
        "name" name: String,
    }
}
