//! Values that all parts share.

use crate::Any;

use super::{
    Agentgateway, Arch, DefaultResources, IstiodAnalysis, Logging, MultiCluster, Proxy, ProxyInit,
    ResourceScope, Resources, Sds, Sts, Switch, Tracer,
};
use crate::mesh_config::mesh_record;

mesh_record! {
    /// What all parts share.
    Global {
        /// Processor kinds that pods want (deprecated: use `affinity`).
        "arch" arch: Option<Arch>,
        /// Signers whose certificates the control plane may approve.
        "certSigners" cert_signers: Vec<String>,
        /// Whether objects are validated by webhook.
        "configValidation" config_validation: Option<bool>,
        /// Labels of the nodes that parts run on.
        "defaultNodeSelector" default_node_selector: Option<Any>,
        /// Whether one pod of each part always stays.
        "defaultPodDisruptionBudget" default_pod_disruption_budget: Option<Switch>,
        /// Processor and memory of parts.
        "defaultResources" default_resources: Option<DefaultResources>,
        /// Taints of nodes that pods of parts bear.
        "defaultTolerations" default_tolerations: Vec<Any>,
        /// Where images come from.
        "hub" hub: String,
        /// When images are pulled.
        "imagePullPolicy" image_pull_policy: String,
        /// Secrets by which images are pulled.
        "imagePullSecrets" image_pull_secrets: Vec<String>,
        /// Namespace of the control plane. Default `istio-system`.
        "istioNamespace" istio_namespace: String,
        /// Whether logs are JSON.
        "logAsJson" log_as_json: Option<bool>,
        /// What is logged.
        "logging" logging: Option<Logging>,
        /// Name of the mesh in telemetry. Default: the trust domain.
        "meshID" mesh_id: String,
        /// Networks by name, as in `MeshNetworks`.
        "meshNetworks" mesh_networks: Option<Any>,
        /// Several clusters in one mesh.
        "multiCluster" multi_cluster: Option<MultiCluster>,
        /// Network of this cluster.
        "network" network: String,
        /// Further ends of names that pods look up.
        "podDNSSearchNamespaces" pod_dns_search_namespaces: Vec<String>,
        /// Whether the injector's ConfigMap is left out.
        "omitSidecarInjectorConfigMap" omit_sidecar_injector_config_map: Option<bool>,
        /// Whether webhooks are made by the installation, not by the control plane.
        "operatorManageWebhooks" operator_manage_webhooks: Option<bool>,
        /// Priority of pods of parts.
        "priorityClassName" priority_class_name: String,
        /// The proxies.
        "proxy" proxy: Option<Proxy>,
        /// The container that captures traffic.
        "proxy_init" proxy_init: Option<ProxyInit>,
        /// Secrets by the older way.
        "sds" sds: Option<Sds>,
        /// Tag of images.
        "tag" tag: Option<Any>,
        /// `debug` or `distroless`.
        "variant" variant: String,
        /// Where spans go.
        "tracer" tracer: Option<Tracer>,
        /// Address of a control plane that is elsewhere.
        "remotePilotAddress" remote_pilot_address: String,
        /// What the control plane does besides.
        "istiod" istiod: Option<IstiodAnalysis>,
        /// Who signs the control plane's certificate: `istiod`, `kubernetes`, `custom` or `none`.
        "pilotCertProvider" pilot_cert_provider: String,
        /// Unused.
        "jwtPolicy" jwt_policy: String,
        /// The exchange of tokens.
        "sts" sts: Option<Sts>,
        /// Revision of this control plane.
        "revision" revision: String,
        /// Whether certificates are mounted from a Secret.
        "mountMtlsCerts" mount_mtls_certs: Option<bool>,
        /// Address of the certificate authority. Default: the control plane.
        "caAddress" ca_address: String,
        /// Whether the control plane is elsewhere.
        "externalIstiod" external_istiod: Option<bool>,
        /// Whether this cluster has the configuration of a control plane elsewhere.
        "configCluster" config_cluster: Option<bool>,
        /// Name of the certificate authority.
        "caName" ca_name: String,
        /// Platform: `openshift`, `gcp`, or empty.
        "platform" platform: String,
        /// `IPv4`, `IPv6`, in the order of preference.
        "ipFamilies" ip_families: Vec<String>,
        /// `SingleStack`, `PreferDualStack` or `RequireDualStack`.
        "ipFamilyPolicy" ip_family_policy: String,
        /// Proxies of whole namespaces.
        "waypoint" waypoint: Option<Waypoint>,
        /// Name of the ConfigMap with the mesh's root.
        "trustBundleName" trust_bundle_name: String,
        /// Whether traffic is captured by nftables instead of iptables.
        "nativeNftables" native_nftables: Option<bool>,
        /// Whether NetworkPolicies are made for parts.
        "networkPolicy" network_policy: Option<Switch>,
        /// Which objects are installed.
        "resourceScope" resource_scope: ResourceScope,
        /// The other data plane.
        "agentgateway" agentgateway: Option<Agentgateway>,
        /// Whether other clusters get a reader's account.
        "enableReaderRBAC" enable_reader_rbac: Option<bool>,
    }
}

mesh_record! {
    /// How proxies of namespaces run.
    Waypoint {
        /// Processor and memory.
        "resources" resources: Option<Resources>,
        /// Nodes and neighbours that they want.
        "affinity" affinity: Option<Any>,
        /// How they are spread.
        "topologySpreadConstraints" topology_spread_constraints: Vec<Any>,
        /// Labels of the nodes that they run on.
        "nodeSelector" node_selector: Option<Any>,
        /// Taints of nodes that they bear.
        "toleration" toleration: Vec<Any>,
    }
}
