//! Values of Istio's charts, as `spec.values` of an IstioOperator has them.

mod cni;
mod gateways;
mod global;
mod injector;
mod pilot;
mod proxy;
mod small;

use crate::Any;

pub use cni::{Cni, CniAmbient, CniRepair, CniUsage, ResourceQuotas};
pub use gateways::{Gateway, Gateways, Port, SecretVolume, ServiceAccount};
pub use global::{Global, Waypoint};
pub use injector::SidecarInjector;
pub use pilot::{Pilot, Taint};
pub use proxy::{Proxy, ProxyInit, StartupProbe, Tracer, TracerKind, TracerStackdriver};
pub use small::{
    Agentgateway, Arch, Base, DefaultResources, Experimental, IstiodAnalysis, IstiodRemote,
    Logging, MultiCluster, Requests, ResourceScope, Resources, Sds, Sts, Switch, Telemetry,
    TelemetryV2, Utilization,
};

use crate::mesh_config::mesh_record;

mesh_record! {
    /// The values.
    Values {
        /// Traffic capture by the node.
        "cni" cni: Option<Cni>,
        /// The gateways that come with the installation.
        "gateways" gateways: Option<Gateways>,
        /// What all parts share.
        "global" global: Option<Global>,
        /// The control plane.
        "pilot" pilot: Option<Pilot>,
        /// The node proxy; its values are not looked at.
        "ztunnel" ztunnel: Option<Any>,
        /// Metrics of proxies.
        "telemetry" telemetry: Option<Telemetry>,
        /// Injection of sidecars.
        "sidecarInjectorWebhook" sidecar_injector_webhook: Option<SidecarInjector>,
        /// Older form of `pilot.cni`.
        "istioCni" istio_cni: Option<CniUsage>,
        /// Revision of this control plane.
        "revision" revision: String,
        /// Owner of the objects that are made.
        "ownerName" owner_name: String,
        /// Settings of the mesh, a `MeshConfig`; `spec.meshConfig` goes over it.
        "meshConfig" mesh_config: Option<Any>,
        /// Kinds and roles of the whole cluster.
        "base" base: Option<Base>,
        /// A control plane that is elsewhere (deprecated: use `pilot.istiodRemote`).
        "istiodRemote" istiod_remote: Option<IstiodRemote>,
        /// Further names of the revision, each with a webhook of its own.
        "revisionTags" revision_tags: Vec<String>,
        /// The revision that injects where none is named.
        "defaultRevision" default_revision: String,
        /// Profile that the values go over.
        "profile" profile: String,
        /// Release, such as `1.23`, whose defaults count.
        "compatibilityVersion" compatibility_version: String,
        /// What may change or go.
        "experimental" experimental: Option<Experimental>,
        /// How the gateways of each GatewayClass are made; not looked at.
        "gatewayClasses" gateway_classes: Option<Any>,
    }
}
