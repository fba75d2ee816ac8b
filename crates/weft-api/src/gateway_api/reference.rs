//! How objects of the Gateway API point at others: parents, backends, certificates.

use super::filter::{GrpcFilter, HttpFilter};
use crate::describe::Form as Written;
use crate::read::{record, words};

words! {
    /// Routes or gateways that a default holds for.
    DefaultScope {
        /// None of them.
        None = "None",
        /// All of them.
        All = "All",
    }
}

record! {
    /// What a route is attached to: a gateway or a set of listeners, or a service for calls inside of the mesh.
    ParentRef {
        /// API group of the parent; empty for the core group.
        "group" group: Option<String> =
            [MaxLength(253), Form(Written::ApiGroup), Default("\"gateway.networking.k8s.io\"")],
        /// Kind of the parent: Gateway (the default), ListenerSet, Service or ServiceEntry.
        "kind" kind: Option<String> =
            [MinLength(1), MaxLength(63), Form(Written::KindName), Default("\"Gateway\"")],
        /// Namespace of the parent; that of the route when absent.
        "namespace" namespace: Option<String> = [MinLength(1), MaxLength(63), Form(Written::Label)],
        /// Name of the parent.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
        /// Name of a listener of the gateway, or of a port of the service; all when absent.
        "sectionName" section_name: Option<String> =
            [MinLength(1), MaxLength(253), Form(Written::Subdomain)],
        /// Port of the listeners or of the service; all when absent.
        "port" port: Option<u32> = [Min(1), Max(65535)],
    }
}

record! {
    /// An object that takes requests, without a share of them.
    BackendObject {
        /// API group of the backend; empty (the default) for the core group.
        "group" group: Option<String> = [MaxLength(253), Form(Written::ApiGroup), Default("\"\"")],
        /// Kind of the backend; Service when absent.
        "kind" kind: Option<String> =
            [MinLength(1), MaxLength(63), Form(Written::KindName), Default("\"Service\"")],
        /// Name of the backend.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
        /// Namespace of the backend; that of this object when absent. Another one needs a ReferenceGrant there.
        "namespace" namespace: Option<String> = [MinLength(1), MaxLength(63), Form(Written::Label)],
        /// Port of the service; a Service needs it.
        "port" port: Option<u32> = [Min(1), Max(65535)],
    } where [Holds(NEEDS_PORT, "name the port of the Service")]
}

record! {
    /// An object that takes connections, and its share of them.
    BackendRef {
        /// API group of the backend; empty (the default) for the core group.
        "group" group: Option<String> = [MaxLength(253), Form(Written::ApiGroup), Default("\"\"")],
        /// Kind of the backend; Service when absent.
        "kind" kind: Option<String> =
            [MinLength(1), MaxLength(63), Form(Written::KindName), Default("\"Service\"")],
        /// Name of the backend.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
        /// Namespace of the backend; that of the route when absent. Another one needs a ReferenceGrant there.
        "namespace" namespace: Option<String> = [MinLength(1), MaxLength(63), Form(Written::Label)],
        /// Port of the service; a Service needs it.
        "port" port: Option<u32> = [Min(1), Max(65535)],
        /// Share of connections, in proportion to the sum of all weights; 1 when absent, and 0 for none.
        "weight" weight: Option<i32> = [Min(0), Max(1_000_000), Default("1")],
    } where [Holds(NEEDS_PORT, "name the port of the Service")]
}

record! {
    /// An object that takes requests of HTTP, and its share of them.
    HttpBackendRef {
        /// API group of the backend; empty (the default) for the core group.
        "group" group: Option<String> = [MaxLength(253), Form(Written::ApiGroup), Default("\"\"")],
        /// Kind of the backend; Service when absent.
        "kind" kind: Option<String> =
            [MinLength(1), MaxLength(63), Form(Written::KindName), Default("\"Service\"")],
        /// Name of the backend.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
        /// Namespace of the backend; that of the route when absent. Another one needs a ReferenceGrant there.
        "namespace" namespace: Option<String> = [MinLength(1), MaxLength(63), Form(Written::Label)],
        /// Port of the service; a Service needs it.
        "port" port: Option<u32> = [Min(1), Max(65535)],
        /// Share of requests, in proportion to the sum of all weights; 1 when absent, and 0 for none.
        "weight" weight: Option<i32> = [Min(0), Max(1_000_000), Default("1")],
        /// What happens to requests that go to this backend.
        "filters" filters: Vec<HttpFilter> = [MaxItems(16)],
    } where [Holds(NEEDS_PORT, "name the port of the Service")]
}

record! {
    /// An object that takes calls of gRPC, and its share of them.
    GrpcBackendRef {
        /// API group of the backend; empty (the default) for the core group.
        "group" group: Option<String> = [MaxLength(253), Form(Written::ApiGroup), Default("\"\"")],
        /// Kind of the backend; Service when absent.
        "kind" kind: Option<String> =
            [MinLength(1), MaxLength(63), Form(Written::KindName), Default("\"Service\"")],
        /// Name of the backend.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
        /// Namespace of the backend; that of the route when absent. Another one needs a ReferenceGrant there.
        "namespace" namespace: Option<String> = [MinLength(1), MaxLength(63), Form(Written::Label)],
        /// Port of the service; a Service needs it.
        "port" port: Option<u32> = [Min(1), Max(65535)],
        /// Share of calls, in proportion to the sum of all weights; 1 when absent, and 0 for none.
        "weight" weight: Option<i32> = [Min(0), Max(1_000_000), Default("1")],
        /// What happens to calls that go to this backend.
        "filters" filters: Vec<GrpcFilter> = [MaxItems(16)],
    } where [Holds(NEEDS_PORT, "name the port of the Service")]
}

const NEEDS_PORT: &str = "(!has(self.group) || self.group.size() == 0) && (!has(self.kind) || self.kind == 'Service') ? has(self.port) : true";

record! {
    /// A Secret, or another object, that holds a certificate and its key.
    CertificateRef {
        /// API group of the object; empty (the default) for the core group.
        "group" group: Option<String> = [MaxLength(253), Form(Written::ApiGroup), Default("\"\"")],
        /// Kind of the object; Secret when absent.
        "kind" kind: Option<String> =
            [MinLength(1), MaxLength(63), Form(Written::KindName), Default("\"Secret\"")],
        /// Name of the object.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
        /// Namespace of the object; that of the gateway when absent. Another one needs a ReferenceGrant there.
        "namespace" namespace: Option<String> = [MinLength(1), MaxLength(63), Form(Written::Label)],
    }
}

record! {
    /// An object of any namespace.
    ObjectRef {
        /// API group of the object; empty for the core group.
        "group" group: String = [Required, MaxLength(253), Form(Written::ApiGroup)],
        /// Kind of the object.
        "kind" kind: String = [Required, MinLength(1), MaxLength(63), Form(Written::KindName)],
        /// Name of the object.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
        /// Namespace of the object; that of this object when absent. Another one needs a ReferenceGrant there.
        "namespace" namespace: Option<String> = [MinLength(1), MaxLength(63), Form(Written::Label)],
    }
}

record! {
    /// An object of the same namespace.
    LocalRef {
        /// API group of the object; empty for the core group.
        "group" group: String = [Required, MaxLength(253), Form(Written::ApiGroup)],
        /// Kind of the object.
        "kind" kind: String = [Required, MinLength(1), MaxLength(63), Form(Written::KindName)],
        /// Name of the object.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
    }
}

/// A backend with its defaults filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// API group; empty for the core group.
    pub group: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Namespace, when the reference names one.
    pub namespace: Option<&'a str>,
    /// Name.
    pub name: &'a str,
    /// Port.
    pub port: Option<u32>,
    /// Share; 1 when none is written.
    pub weight: i32,
}

macro_rules! target {
    ($($name:ident $(.$weight:ident)?),*) => {$(
        impl $name {
            /// What is meant, with defaults filled in.
            #[must_use]
            pub fn target(&self) -> Target<'_> {
                Target {
                    group: self.group.as_deref().unwrap_or_default(),
                    kind: self.kind.as_deref().unwrap_or("Service"),
                    namespace: self.namespace.as_deref(),
                    name: &self.name,
                    port: self.port,
                    weight: None$(.or(self.$weight))?.unwrap_or(1),
                }
            }
        }
    )*};
}
target!(BackendObject, BackendRef.weight, HttpBackendRef.weight, GrpcBackendRef.weight);
