//! `Ingress` and `IngressClass` of `networking.k8s.io`: hosts and paths of a cluster's front door.

use crate::describe::Form as Written;
use crate::read::{record, words};

record! {
    /// Which service answers at which host and path.
    Ingress {
        /// Name of the IngressClass; `istio` is served by the mesh.
        "ingressClassName" ingress_class_name: Option<String> =
            [MinLength(1), MaxLength(253), Form(Written::Subdomain)],
        /// Where requests go that no rule takes.
        "defaultBackend" default_backend: Option<IngressBackend>,
        /// Certificates by host.
        "tls" tls: Vec<IngressTls>,
        /// Hosts and their paths.
        "rules" rules: Vec<IngressRule>,
    }
}

record! {
    /// A service, or an object of another kind.
    IngressBackend {
        /// A service and its port.
        "service" service: Option<IngressService>,
        /// An object of the same namespace.
        "resource" resource: Option<TypedRef>,
    } where [OneOf(&["service", "resource"])]
}

record! {
    /// A service and its port.
    IngressService {
        /// Name of the service.
        "name" name: String = [Required, MinLength(1)],
        /// Port of the service.
        "port" port: Option<IngressPort>,
    }
}

record! {
    /// A port, by name or by number.
    IngressPort {
        /// Name of the port.
        "name" name: Option<String> = [MinLength(1), MaxLength(15)],
        /// Number of the port.
        "number" number: Option<u32> = [Min(1), Max(65535)],
    } where [OneOf(&["name", "number"])]
}

record! {
    /// An object of the same namespace.
    TypedRef {
        /// API group; the core group when absent.
        "apiGroup" api_group: Option<String> = [MaxLength(253), Form(Written::ApiGroup)],
        /// Kind.
        "kind" kind: String = [Required, MinLength(1)],
        /// Name.
        "name" name: String = [Required, MinLength(1)],
    }
}

record! {
    /// The certificate of some hosts.
    IngressTls {
        /// Hosts in the certificate; those of the rules when absent.
        "hosts" hosts: Vec<String>,
        /// Secret with the certificate.
        "secretName" secret_name: Option<String> = [MinLength(1), MaxLength(253)],
    }
}

record! {
    /// Paths of a host.
    IngressRule {
        /// The host, perhaps with `*.` in front; all when absent.
        "host" host: Option<String> = [MaxLength(253)],
        /// Paths; when absent, all requests of the host go to the default backend.
        "http" http: Option<IngressHttp>,
    }
}

record! {
    /// Paths.
    IngressHttp {
        /// Each with its backend.
        "paths" paths: Vec<IngressPath> = [Required, MinItems(1)],
    }
}

words! {
    /// How a path is compared.
    PathType {
        /// As the class decides: by prefix, here.
        ImplementationSpecific = "ImplementationSpecific",
        /// The whole path, with the case as written.
        Exact = "Exact",
        /// By whole elements from the start.
        Prefix = "Prefix",
    }
}

record! {
    /// A path and its backend.
    IngressPath {
        /// The path; begins with `/`.
        "path" path: Option<String>,
        /// Exact, Prefix or ImplementationSpecific.
        "pathType" path_type: PathType = [Required],
        /// Where requests go.
        "backend" backend: Option<IngressBackend> = [Required],
    }
}

record! {
    /// A class of Ingresses: who serves them. It belongs to the cluster, not to a namespace.
    IngressClass {
        /// Who serves them; that of the mesh is `istio.io/ingress-controller`.
        "controller" controller: String = [MaxLength(250), Form(Written::DomainPath)],
        /// An object with settings of the class.
        "parameters" parameters: Option<ClassParameters>,
    }
}

words! {
    /// Where the object with settings lives.
    ParametersScope {
        /// In the cluster.
        Cluster = "Cluster",
        /// In a namespace.
        Namespace = "Namespace",
    }
}

record! {
    /// An object with settings of a class.
    ClassParameters {
        /// API group; the core group when absent.
        "apiGroup" api_group: Option<String> = [MaxLength(253), Form(Written::ApiGroup)],
        /// Kind.
        "kind" kind: String = [Required, MinLength(1)],
        /// Name.
        "name" name: String = [Required, MinLength(1)],
        /// Cluster (the default) or Namespace.
        "scope" scope: ParametersScope,
        /// Namespace of the object, with scope Namespace.
        "namespace" namespace: Option<String> = [MinLength(1), MaxLength(63), Form(Written::Label)],
    } where [Holds(
        "(has(self.scope) && self.scope == 'Namespace') == has(self.namespace)",
        "scope Namespace needs namespace, and Cluster has none",
    )]
}
