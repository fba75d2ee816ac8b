//! Who splits traffic between versions.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::read::record;

record! {
    /// Who splits traffic between versions.
    TrafficRouting {
        /// VirtualServices and a DestinationRule of the mesh.
        "istio" istio: Option<Istio>,
        /// The ingress controller of nginx.
        "nginx" nginx: Option<Nginx>,
        /// Load balancers of Amazon.
        "alb" alb: Option<Alb>,
        /// TrafficSplits.
        "smi" smi: Option<Smi>,
        /// Ambassador.
        "ambassador" ambassador: Option<Ambassador>,
        /// AppMesh.
        "appMesh" app_mesh: Option<AppMesh>,
        /// Traefik.
        "traefik" traefik: Option<Traefik>,
        /// Routes that steps make and remove; earlier ones take precedence.
        "managedRoutes" managed_routes: Vec<ManagedRoute>,
        /// APISIX.
        "apisix" apisix: Option<Apisix>,
        /// Plugins by name, each with its configuration.
        "plugins" plugins: BTreeMap<String, Value>,
        /// What counts as all traffic; 100 when absent. With nginx and plugins.
        "maxTrafficWeight" max_traffic_weight: Option<i32> = [Min(1)],
    }
}

record! {
    /// A route that steps make and remove.
    ManagedRoute {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
    }
}

record! {
    /// VirtualServices whose weights are set, and a DestinationRule whose subsets follow the versions.
    Istio {
        /// The VirtualService.
        "virtualService" virtual_service: Option<IstioVirtualService>,
        /// Subsets of one host, instead of two services.
        "destinationRule" destination_rule: Option<IstioDestinationRule>,
        /// Several VirtualServices, instead of one.
        "virtualServices" virtual_services: Vec<IstioVirtualService>,
    } where [OneOf(&["virtualService", "virtualServices"])]
}

record! {
    /// Routes of a VirtualService.
    IstioVirtualService {
        /// Name of the VirtualService, or NAME.NAMESPACE.
        "name" name: String = [Required, MinLength(1)],
        /// Names of HTTP routes; may be absent when there is one.
        "routes" routes: Vec<String>,
        /// Routes of TLS; may be absent when there is one.
        "tlsRoutes" tls_routes: Vec<IstioTlsRoute>,
        /// Routes of TCP; may be absent when there is one.
        "tcpRoutes" tcp_routes: Vec<IstioTcpRoute>,
    }
}

record! {
    /// A route of TLS, by what it matches.
    IstioTlsRoute {
        /// Its port.
        "port" port: i64 = [Min(0), Max(65535)],
        /// Its server names.
        "sniHosts" sni_hosts: Vec<String>,
    }
}

record! {
    /// A route of TCP, by what it matches.
    IstioTcpRoute {
        /// Its port.
        "port" port: i64 = [Min(0), Max(65535)],
    }
}

record! {
    /// Subsets of a DestinationRule that follow the versions.
    IstioDestinationRule {
        /// Name of the DestinationRule.
        "name" name: String = [Required, MinLength(1)],
        /// Subset of the new version.
        "canarySubsetName" canary_subset_name: String = [Required, MinLength(1)],
        /// Subset of the stable version.
        "stableSubsetName" stable_subset_name: String = [Required, MinLength(1)],
        /// Further subsets that keep their share.
        "additionalSubsetNames" additional_subset_names: Vec<String>,
    }
}

record! {
    /// The ingress controller of nginx.
    Nginx {
        /// Prefix of its annotations; `nginx.ingress.kubernetes.io` when absent.
        "annotationPrefix" annotation_prefix: String,
        /// Ingress of the stable version.
        "stableIngress" stable_ingress: String,
        /// Further annotations of the Ingress of the new version.
        "additionalIngressAnnotations" additional_ingress_annotations: BTreeMap<String, String>,
        /// Ingresses of the stable version, instead of one.
        "stableIngresses" stable_ingresses: Vec<String>,
        /// Annotations of the Ingress of the new version.
        "canaryIngressAnnotations" canary_ingress_annotations: BTreeMap<String, String>,
    }
}

record! {
    /// Load balancers of Amazon.
    Alb {
        /// The Ingress.
        "ingress" ingress: String,
        /// Port of the service.
        "servicePort" service_port: i32 = [Required, Min(1), Max(65535)],
        /// Service that the Ingress names.
        "rootService" root_service: String,
        /// Prefix of its annotations.
        "annotationPrefix" annotation_prefix: String,
        /// Keeps clients with one version.
        "stickinessConfig" stickiness_config: Option<Stickiness>,
        /// Several Ingresses, instead of one.
        "ingresses" ingresses: Vec<String>,
    }
}

record! {
    /// Keeps clients with one version.
    Stickiness {
        /// Whether it does.
        "enabled" enabled: bool = [Required],
        /// For so many seconds.
        "durationSeconds" duration_seconds: i64 = [Required],
    }
}

record! {
    /// TrafficSplits.
    Smi {
        /// Service that clients call.
        "rootService" root_service: String,
        /// Name of the TrafficSplit.
        "trafficSplitName" traffic_split_name: String,
    }
}

record! {
    /// Ambassador.
    Ambassador {
        /// Names of Mappings.
        "mappings" mappings: Vec<String> = [Required],
    }
}

record! {
    /// AppMesh.
    AppMesh {
        /// The virtual service.
        "virtualService" virtual_service: Option<AppMeshService>,
        /// The virtual nodes.
        "virtualNodeGroup" virtual_node_group: Option<AppMeshNodes>,
    }
}

record! {
    /// A virtual service of AppMesh.
    AppMeshService {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// Its routes; may be absent when there is one.
        "routes" routes: Vec<String>,
    }
}

record! {
    /// Virtual nodes of AppMesh.
    AppMeshNodes {
        /// That of the new version.
        "canaryVirtualNodeRef" canary_virtual_node_ref: Option<AppMeshNode> = [Required],
        /// That of the stable version.
        "stableVirtualNodeRef" stable_virtual_node_ref: Option<AppMeshNode> = [Required],
    }
}

record! {
    /// A virtual node of AppMesh.
    AppMeshNode {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
    }
}

record! {
    /// Traefik.
    Traefik {
        /// Name of the weighted service.
        "weightedTraefikServiceName" weighted_traefik_service_name: String = [Required],
    }
}

record! {
    /// APISIX.
    Apisix {
        /// The route.
        "route" route: Option<ApisixRoute>,
    }
}

record! {
    /// A route of APISIX.
    ApisixRoute {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// Its rules.
        "rules" rules: Vec<String>,
    }
}
