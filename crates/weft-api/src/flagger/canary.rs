//! `Canary`: which workload, and how its new versions take over.

use std::collections::BTreeMap;

use super::analysis::Analysis;
use super::service::Service;
use crate::read::{record, words};

words! {
    /// Who splits traffic.
    TrafficProvider {
        /// The mesh.
        Istio = "istio",
        /// Routes of the Gateway API.
        GatewayApi = "gatewayapi:v1",
        /// Routes of the Gateway API, in its older version.
        GatewayApiBeta = "gatewayapi:v1beta1",
        /// Nobody: all traffic changes at once.
        Kubernetes = "kubernetes",
        /// Linkerd.
        Linkerd = "linkerd",
        /// Kuma.
        Kuma = "kuma",
        /// Open Service Mesh.
        Osm = "osm",
        /// Knative.
        Knative = "knative",
        /// The ingress controller of nginx.
        Nginx = "nginx",
        /// Contour.
        Contour = "contour",
        /// Gloo.
        Gloo = "gloo",
        /// Skipper.
        Skipper = "skipper",
        /// Traefik.
        Traefik = "traefik",
        /// APISIX.
        Apisix = "apisix",
        /// AppMesh.
        AppMesh = "appmesh",
        /// AppMesh, in a given version.
        AppMeshV1Beta2 = "appmesh:v1beta2",
        /// TrafficSplits.
        SmiV1Alpha1 = "smi:v1alpha1",
        /// TrafficSplits.
        SmiV1Alpha2 = "smi:v1alpha2",
        /// TrafficSplits.
        SmiV1Alpha3 = "smi:v1alpha3",
    }
}

record! {
    /// A workload whose new versions take over step by step, while it is measured.
    Canary {
        /// Who splits traffic; the mesh when absent.
        "provider" provider: Option<TrafficProvider>,
        /// URL of a server of Prometheus; that of the mesh when absent.
        "metricsServer" metrics_server: String,
        /// Seconds without progress after which an update counts as failed; 600 when absent.
        "progressDeadlineSeconds" progress_deadline_seconds: Option<i32> = [Min(0)],
        /// The workload.
        "targetRef" target_ref: Option<Workload> = [Required],
        /// Its autoscaler.
        "autoscalerRef" autoscaler_ref: Option<Autoscaler>,
        /// Ingress of it, with nginx and skipper.
        "ingressRef" ingress_ref: Option<IngressRef>,
        /// Route of it, with APISIX.
        "routeRef" route_ref: Option<ApisixRef>,
        /// Upstream of it, with Gloo.
        "upstreamRef" upstream_ref: Option<UpstreamRef>,
        /// Services and routes that are made.
        "service" service: Option<Service>,
        /// Takes new versions at once, without measuring.
        "skipAnalysis" skip_analysis: bool,
        /// Gives the workload its old form back when this object is deleted.
        "revertOnDeletion" revert_on_deletion: bool,
        /// Stops all updates.
        "suspend" suspend: bool,
        /// What is measured, and which share of traffic a new version gets when.
        "analysis" analysis: Option<Analysis> = [Required],
    }
}

words! {
    /// Kinds of workloads.
    WorkloadKind {
        /// Pods of which any number runs.
        Deployment = "Deployment",
        /// One pod for each node.
        DaemonSet = "DaemonSet",
        /// A Service of Kubernetes or Knative.
        Service = "Service",
    }
}

record! {
    /// The workload.
    Workload {
        /// Group and version, such as `apps/v1`.
        "apiVersion" api_version: String = [Required, MinLength(1)],
        /// Deployment, DaemonSet or Service.
        "kind" kind: WorkloadKind = [Required],
        /// Name.
        "name" name: String = [Required, MinLength(1)],
    }
}

words! {
    /// Kinds of autoscalers.
    AutoscalerKind {
        /// That of Kubernetes.
        HorizontalPodAutoscaler = "HorizontalPodAutoscaler",
        /// That of KEDA.
        ScaledObject = "ScaledObject",
    }
}

record! {
    /// The autoscaler of a workload.
    Autoscaler {
        /// Group and version, such as `autoscaling/v2`.
        "apiVersion" api_version: String = [Required, MinLength(1)],
        /// HorizontalPodAutoscaler or ScaledObject.
        "kind" kind: AutoscalerKind = [Required],
        /// Name.
        "name" name: String = [Required, MinLength(1)],
        /// Queries for the stable version, by name of the trigger.
        "primaryScalerQueries" primary_scaler_queries: BTreeMap<String, String>,
        /// Pods of the stable version.
        "primaryScalerReplicas" primary_scaler_replicas: Option<ScalerReplicas>,
    }
}

record! {
    /// Pods of the stable version.
    ScalerReplicas {
        /// Fewest.
        "minReplicas" min_replicas: Option<i32> = [Min(1)],
        /// Most.
        "maxReplicas" max_replicas: Option<i32> = [Min(1)],
    }
}

words! {
    /// The kind of an Ingress.
    IngressKind {
        /// It is one.
        Ingress = "Ingress",
    }
}

record! {
    /// An Ingress.
    IngressRef {
        /// Group and version, such as `networking.k8s.io/v1`.
        "apiVersion" api_version: String = [Required, MinLength(1)],
        /// Ingress.
        "kind" kind: IngressKind = [Required],
        /// Name.
        "name" name: String = [Required, MinLength(1)],
    }
}

words! {
    /// The kind of a route of APISIX.
    ApisixKind {
        /// It is one.
        ApisixRoute = "ApisixRoute",
    }
}

record! {
    /// A route of APISIX.
    ApisixRef {
        /// Group and version.
        "apiVersion" api_version: String = [Required, MinLength(1)],
        /// ApisixRoute.
        "kind" kind: ApisixKind = [Required],
        /// Name.
        "name" name: String = [Required, MinLength(1)],
    }
}

words! {
    /// The kind of an upstream of Gloo.
    UpstreamKind {
        /// It is one.
        Upstream = "Upstream",
    }
}

record! {
    /// An upstream of Gloo.
    UpstreamRef {
        /// Group and version.
        "apiVersion" api_version: String = [Required, MinLength(1)],
        /// Upstream.
        "kind" kind: UpstreamKind = [Required],
        /// Name.
        "name" name: String = [Required, MinLength(1)],
        /// Namespace.
        "namespace" namespace: String,
    }
}
