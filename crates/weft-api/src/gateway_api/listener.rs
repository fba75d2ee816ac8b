//! Listeners of gateways, and `ListenerSet`, which adds some to a gateway of others.

use std::collections::BTreeMap;

use super::reference::CertificateRef;
use crate::describe::Form as Written;
use crate::read::{record, words};
use crate::selector::Selector;

record! {
    /// What listens on one port, for one protocol and some hosts.
    Listener {
        /// Name of the listener; routes and policies point at it.
        "name" name: String = [Required, MinLength(1), MaxLength(253), Form(Written::Subdomain)],
        /// Host that is served, perhaps with `*.` in front; all when absent. Not for TCP and UDP.
        "hostname" hostname: Option<String> =
            [MinLength(1), MaxLength(253), Form(Written::Hostname)],
        /// Port that clients call.
        "port" port: u32 = [Required, Min(1), Max(65535)],
        /// HTTP, HTTPS, TLS, TCP or UDP.
        "protocol" protocol: String =
            [Required, MinLength(1), MaxLength(255), Form(Written::Protocol)],
        /// TLS towards clients; for HTTPS and TLS.
        "tls" tls: Option<ListenerTls>,
        /// Which routes may attach; those of the gateway's namespace when absent.
        "allowedRoutes" allowed_routes: Option<AllowedRoutes> =
            [Default("{\"namespaces\": {\"from\": \"Same\"}}")],
    }
}

words! {
    /// Where TLS ends.
    TlsMode {
        /// At the gateway.
        Terminate = "Terminate",
        /// At the backend; the gateway looks only at the server name.
        Passthrough = "Passthrough",
    }
}

record! {
    /// TLS towards clients.
    ListenerTls {
        /// Terminate (the default) or Passthrough.
        "mode" mode: Option<TlsMode> = [Default("\"Terminate\"")],
        /// Secrets of type kubernetes.io/tls with the certificates; needed for Terminate.
        "certificateRefs" certificate_refs: Vec<CertificateRef> = [MaxItems(64)],
        /// Further settings by name, such as `gateway.istio.io/tls-terminate-mode`.
        "options" options: BTreeMap<String, String> = [MaxEntries(16)],
    } where [Holds(
        "!has(self.mode) || self.mode == 'Terminate' ? (has(self.certificateRefs) && self.certificateRefs.size() > 0) || (has(self.options) && self.options.size() > 0) : true",
        "mode Terminate needs certificateRefs",
    )]
}

record! {
    /// Which routes may attach to a listener.
    AllowedRoutes {
        /// Namespaces of the routes; that of the gateway when absent.
        "namespaces" namespaces: Option<RouteNamespaces> = [Default("{\"from\": \"Same\"}")],
        /// Kinds of the routes; all that go with the protocol when absent.
        "kinds" kinds: Vec<RouteKind> = [MaxItems(8)],
    }
}

words! {
    /// Namespaces whose routes a listener takes.
    RoutesFrom {
        /// That of the gateway.
        Same = "Same",
        /// All.
        All = "All",
        /// Those with some labels.
        Selector = "Selector",
    }
}

record! {
    /// Namespaces whose routes a listener takes.
    RouteNamespaces {
        /// Same (the default), All or Selector.
        "from" from: RoutesFrom = [Default("\"Same\"")],
        /// Labels of the namespaces, for Selector.
        "selector" selector: Option<Selector>,
    }
}

record! {
    /// A kind of routes.
    RouteKind {
        /// API group of the kind.
        "group" group: Option<String> =
            [MaxLength(253), Form(Written::ApiGroup), Default("\"gateway.networking.k8s.io\"")],
        /// Name of the kind, such as HTTPRoute.
        "kind" kind: String = [Required, MinLength(1), MaxLength(63), Form(Written::KindName)],
    }
}

record! {
    /// Listeners that are added to a gateway, which has to allow it.
    ListenerSet {
        /// The gateway.
        "parentRef" parent_ref: Option<ParentGateway> = [Required],
        /// What listens; the gateway's own listeners take precedence.
        "listeners" listeners: Vec<Listener> =
            [Required, MinItems(1), MaxItems(64), Keyed(&["name"])],
    }
}

record! {
    /// The gateway that gets listeners.
    ParentGateway {
        /// API group of the gateway.
        "group" group: Option<String> =
            [MaxLength(253), Form(Written::ApiGroup), Default("\"gateway.networking.k8s.io\"")],
        /// Kind of the gateway.
        "kind" kind: Option<String> =
            [MinLength(1), MaxLength(63), Form(Written::KindName), Default("\"Gateway\"")],
        /// Namespace of the gateway; that of this object when absent.
        "namespace" namespace: Option<String> = [MinLength(1), MaxLength(63), Form(Written::Label)],
        /// Name of the gateway.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
    }
}
