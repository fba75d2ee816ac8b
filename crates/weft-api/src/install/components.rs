//! Parts of an installation and how they run on Kubernetes.

use std::collections::BTreeMap;

use crate::Any;

use crate::mesh_config::mesh_record;

mesh_record! {
    /// The parts.
    Components {
        /// Kinds and roles of the whole cluster.
        "base" base: Option<BaseComponent>,
        /// The control plane.
        "pilot" pilot: Option<Component>,
        /// Traffic capture by the node.
        "cni" cni: Option<Component>,
        /// The node proxy.
        "ztunnel" ztunnel: Option<Component>,
        /// What a cluster needs whose control plane is elsewhere.
        "istiodRemote" istiod_remote: Option<Component>,
        /// Gateways for traffic that comes in.
        "ingressGateways" ingress_gateways: Vec<GatewayComponent>,
        /// Gateways for traffic that goes out.
        "egressGateways" egress_gateways: Vec<GatewayComponent>,
        /// A gateway that is not installed by default.
        "gateway" gateway: Option<Component>,
    }
}

mesh_record! {
    /// Kinds and roles of the whole cluster.
    BaseComponent {
        /// Whether it is installed.
        "enabled" enabled: Option<bool>,
        /// How it runs.
        "k8s" k8s: Option<KubernetesResources>,
    }
}

mesh_record! {
    /// A part.
    Component {
        /// Whether it is installed.
        "enabled" enabled: Option<bool>,
        /// Its namespace. Default: that of the control plane.
        "namespace" namespace: String,
        /// Where its image comes from. Default: as for all.
        "hub" hub: String,
        /// Tag of its image. Default: as for all.
        "tag" tag: Option<Any>,
        /// How it runs.
        "k8s" k8s: Option<KubernetesResources>,
    }
}

mesh_record! {
    /// A gateway.
    GatewayComponent {
        /// Whether it is installed.
        "enabled" enabled: Option<bool>,
        /// Its namespace. Default: that of the control plane.
        "namespace" namespace: String,
        /// Where its image comes from. Default: as for all.
        "hub" hub: String,
        /// Tag of its image. Default: as for all.
        "tag" tag: Option<Any>,
        /// How it runs.
        "k8s" k8s: Option<KubernetesResources>,
        /// Its name.
        "name" name: String,
        /// Its labels.
        "label" label: BTreeMap<String, String>,
    }
}

mesh_record! {
    /// How a part runs; the values are Kubernetes' own.
    KubernetesResources {
        /// Nodes and neighbours that its pods want.
        "affinity" affinity: Option<Any>,
        /// Environment variables of its containers.
        "env" env: Vec<Any>,
        /// How its replicas follow the load.
        "hpaSpec" hpa_spec: Option<Any>,
        /// When its images are pulled.
        "imagePullPolicy" image_pull_policy: String,
        /// Labels of the nodes that it runs on.
        "nodeSelector" node_selector: BTreeMap<String, String>,
        /// How many of its pods may be missing.
        "podDisruptionBudget" pod_disruption_budget: Option<Any>,
        /// Annotations of its pods.
        "podAnnotations" pod_annotations: BTreeMap<String, String>,
        /// Priority of its pods.
        "priorityClassName" priority_class_name: String,
        /// How its readiness is asked.
        "readinessProbe" readiness_probe: Option<Any>,
        /// Its replicas.
        "replicaCount" replica_count: u32,
        /// Processor and memory of its containers.
        "resources" resources: Option<Any>,
        /// Its Service.
        "service" service: Option<Any>,
        /// How its pods are replaced.
        "strategy" strategy: Option<Any>,
        /// Taints of nodes that its pods bear.
        "tolerations" tolerations: Vec<Any>,
        /// Annotations of its Service.
        "serviceAnnotations" service_annotations: BTreeMap<String, String>,
        /// Rights of its pods.
        "securityContext" security_context: Option<Any>,
        /// Volumes of its pods.
        "volumes" volumes: Vec<Any>,
        /// Where the volumes stand in its containers.
        "volumeMounts" volume_mounts: Vec<Any>,
        /// Changes of the objects that are made for it.
        "overlays" overlays: Vec<Overlay>,
    }
}

mesh_record! {
    /// Changes of one object.
    Overlay {
        /// Version of its kind.
        "apiVersion" api_version: String,
        /// Its kind.
        "kind" kind: String,
        /// Its name.
        "name" name: String,
        /// The changes, in this order.
        "patches" patches: Vec<Patch>,
    }
}

mesh_record! {
    /// One change.
    Patch {
        /// Where: fields parted by dots, list items by `[KEY:VALUE]`.
        "path" path: String,
        /// What stands there afterwards; absent to remove it.
        "value" value: Option<Any>,
    }
}
