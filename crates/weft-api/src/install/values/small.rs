//! Small groups of values.

use std::collections::BTreeMap;

use crate::Any;

use crate::mesh_config::{mesh_record, mesh_words};

mesh_record! {
    /// Something that is on or off.
    Switch {
        /// Whether it is on.
        "enabled" enabled: Option<bool>,
    }
}

mesh_record! {
    /// Processor and memory of a container.
    Resources {
        /// What it may use at most.
        "limits" limits: BTreeMap<String, String>,
        /// What it is given in any case.
        "requests" requests: BTreeMap<String, String>,
    }
}

mesh_record! {
    /// Load that an autoscaler aims at.
    Utilization {
        /// Percent of what the pods request, on average.
        "targetAverageUtilization" target_average_utilization: i32,
    }
}

mesh_record! {
    /// Weights of processor kinds when pods are placed: 0 never, 1 least, 2 none, 3 most.
    Arch {
        /// Weight of amd64.
        "amd64" amd64: u32,
        /// Weight of ppc64le.
        "ppc64le" ppc64le: u32,
        /// Weight of s390x.
        "s390x" s390x: u32,
        /// Weight of arm64.
        "arm64" arm64: u32,
    }
}

mesh_record! {
    /// What a container is given when nothing else says so.
    DefaultResources {
        /// What it is given in any case.
        "requests" requests: Option<Requests>,
    }
}

mesh_record! {
    /// Processor and memory.
    Requests {
        /// Processor, such as `10m`.
        "cpu" cpu: String,
        /// Memory, such as `128Mi`.
        "memory" memory: String,
    }
}

mesh_record! {
    /// What is written to the log.
    Logging {
        /// Least level by scope: `SCOPE:LEVEL,SCOPE:LEVEL`.
        "level" level: String,
    }
}

mesh_record! {
    /// Several clusters in one mesh.
    MultiCluster {
        /// Whether clusters reach each other through gateways.
        "enabled" enabled: Option<bool>,
        /// Name of this cluster, also in telemetry. Default `Kubernetes`.
        "clusterName" cluster_name: String,
        /// End of names that all clusters know.
        "globalDomainSuffix" global_domain_suffix: String,
        /// Whether such names are translated for each cluster.
        "includeEnvoyFilter" include_envoy_filter: Option<bool>,
    }
}

mesh_record! {
    /// What the control plane does besides.
    IstiodAnalysis {
        /// Whether it writes what it finds into the status of objects.
        "enableAnalysis" enable_analysis: Option<bool>,
    }
}

mesh_record! {
    /// Secrets by the older way.
    Sds {
        /// The token.
        "token" token: Option<Any>,
    }
}

mesh_record! {
    /// The exchange of tokens.
    Sts {
        /// Port of it; 0 for none.
        "servicePort" service_port: u32,
    }
}

mesh_record! {
    /// The other data plane.
    Agentgateway {
        /// Its image.
        "image" image: String,
    }
}

mesh_words! {
    /// Which objects are installed.
    ResourceScope {
        /// All of them.
        Undefined = "undefined" 0,
        /// All of them.
        All = "all" 1,
        /// Those of the cluster.
        Cluster = "cluster" 2,
        /// Those of namespaces.
        Namespace = "namespace" 3,
    }
}

mesh_record! {
    /// Metrics of proxies.
    Telemetry {
        /// Whether there are any.
        "enabled" enabled: Option<bool>,
        /// How.
        "v2" v2: Option<TelemetryV2>,
    }
}

mesh_record! {
    /// Metrics that proxies make themselves.
    TelemetryV2 {
        /// Whether they do.
        "enabled" enabled: Option<bool>,
        /// For Prometheus.
        "prometheus" prometheus: Option<Switch>,
        /// For Stackdriver.
        "stackdriver" stackdriver: Option<Switch>,
    }
}

mesh_record! {
    /// Kinds and roles of the whole cluster.
    Base {
        /// Whether the kinds are installed as templates.
        "enableCRDTemplates" enable_crd_templates: Option<bool>,
        /// Kinds that are left out.
        "excludedCRDs" excluded_crds: Vec<String>,
        /// Address of the validation webhook.
        "validationURL" validation_url: String,
        /// Whether the kinds are installed.
        "enableIstioConfigCRDs" enable_istio_config_crds: Option<bool>,
        /// Whether Gateways are validated.
        "validateGateway" validate_gateway: Option<bool>,
        /// Roots by which the webhook is verified.
        "validationCABundle" validation_ca_bundle: String,
    }
}

mesh_record! {
    /// A control plane that is elsewhere.
    IstiodRemote {
        /// Address of its injection webhook.
        "injectionURL" injection_url: String,
        /// Path of its injection webhook.
        "injectionPath" injection_path: String,
        /// Roots by which the webhook is verified.
        "injectionCABundle" injection_ca_bundle: String,
        /// Whether it is used.
        "enabled" enabled: Option<bool>,
        /// Whether injection stays in this cluster.
        "enabledLocalInjectorIstiod" enabled_local_injector_istiod: Option<bool>,
    }
}

mesh_record! {
    /// What may change or go.
    Experimental {
        /// Whether only stable fields are allowed.
        "stableValidationPolicy" stable_validation_policy: Option<bool>,
    }
}
