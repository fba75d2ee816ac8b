//! `Gateway` of the Gateway API: where traffic enters.

use std::collections::BTreeMap;

use super::listener::Listener;
use super::reference::{CertificateRef, DefaultScope, ObjectRef};
use crate::describe::Form as Written;
use crate::read::{record, words};
use crate::selector::Selector;

record! {
    /// Where traffic enters the mesh: addresses, and what listens there.
    Gateway {
        /// Name of a GatewayClass; `istio` makes a gateway of its own.
        "gatewayClassName" gateway_class_name: String = [Required, MinLength(1), MaxLength(253)],
        /// What listens. Listeners of one port differ in protocol or hostname.
        "listeners" listeners: Vec<Listener> =
            [Required, MinItems(1), MaxItems(64), Keyed(&["name"])],
        /// Addresses that are asked for; given by the cluster when absent.
        "addresses" addresses: Vec<Address> = [MaxItems(16)],
        /// Labels, annotations and settings of what is made for the gateway.
        "infrastructure" infrastructure: Option<Infrastructure>,
        /// Which ListenerSets may add listeners; none when absent.
        "allowedListeners" allowed_listeners: Option<AllowedListeners>,
        /// TLS of the whole gateway: towards clients and towards backends.
        "tls" tls: Option<GatewayTls>,
        /// Takes routes that name no parent and ask for default gateways.
        "defaultScope" default_scope: Option<DefaultScope>,
    }
}

record! {
    /// One address of a gateway.
    Address {
        /// IPAddress (the default), Hostname, or DOMAIN/PATH.
        "type" kind: Option<String> =
            [MinLength(1), MaxLength(253), Form(Written::AddressType), Default("\"IPAddress\"")],
        /// The address; chosen by the cluster when absent.
        "value" value: String = [MaxLength(253)],
    }
}

record! {
    /// What is made for a gateway.
    Infrastructure {
        /// Labels of all objects that are made.
        "labels" labels: BTreeMap<String, String> = [MaxEntries(8)],
        /// Annotations of all objects that are made.
        "annotations" annotations: BTreeMap<String, String> = [MaxEntries(8)],
        /// An object of the same namespace with settings.
        "parametersRef" parameters_ref: Option<LocalParametersRef>,
    }
}

record! {
    /// An object of the same namespace with settings.
    LocalParametersRef {
        /// API group of the object; empty for the core group.
        "group" group: String = [Required, MaxLength(253), Form(Written::ApiGroup)],
        /// Kind of the object, such as ConfigMap.
        "kind" kind: String = [Required, MinLength(1), MaxLength(63), Form(Written::KindName)],
        /// Name of the object.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
    }
}

record! {
    /// Which ListenerSets may add listeners.
    AllowedListeners {
        /// Namespaces of the ListenerSets.
        "namespaces" namespaces: Option<ListenerNamespaces> = [Default("{\"from\": \"None\"}")],
    }
}

words! {
    /// Namespaces whose ListenerSets a gateway takes.
    ListenersFrom {
        /// None.
        None = "None",
        /// All.
        All = "All",
        /// Those with some labels.
        Selector = "Selector",
        /// That of the gateway.
        Same = "Same",
    }
}

record! {
    /// Namespaces whose ListenerSets a gateway takes.
    ListenerNamespaces {
        /// None (the default), Same, All or Selector.
        "from" from: ListenersFrom = [Default("\"None\"")],
        /// Labels of the namespaces, for Selector.
        "selector" selector: Option<Selector>,
    }
}

record! {
    /// TLS of a whole gateway.
    GatewayTls {
        /// Towards backends.
        "backend" backend: Option<BackendTls>,
        /// Towards clients.
        "frontend" frontend: Option<FrontendTls>,
    }
}

record! {
    /// TLS towards backends; which backends get it, BackendTLSPolicies say.
    BackendTls {
        /// Secret with the certificate that the gateway shows to backends.
        "clientCertificateRef" client_certificate_ref: Option<CertificateRef>,
    }
}

record! {
    /// TLS towards clients.
    FrontendTls {
        /// For all HTTPS listeners whose port is not listed in perPort.
        "default" default: Option<Frontend> = [Required],
        /// For HTTPS listeners of some ports.
        "perPort" per_port: Vec<PortTls> = [MaxItems(64), Keyed(&["port"])],
    }
}

record! {
    /// TLS towards clients of one port.
    PortTls {
        /// Port of the listeners.
        "port" port: u32 = [Required, Min(1), Max(65535)],
        /// What holds for them.
        "tls" tls: Option<Frontend> = [Required],
    }
}

record! {
    /// TLS towards clients.
    Frontend {
        /// How certificates of clients are checked; none is asked for when absent.
        "validation" validation: Option<FrontendValidation>,
    }
}

words! {
    /// What happens to clients without a valid certificate.
    ValidationMode {
        /// They are refused.
        AllowValidOnly = "AllowValidOnly",
        /// They are let in; the backend has to look.
        AllowInsecureFallback = "AllowInsecureFallback",
    }
}

record! {
    /// How certificates of clients are checked.
    FrontendValidation {
        /// ConfigMaps (key `ca.crt`) or other objects with the authorities that are trusted.
        "caCertificateRefs" ca_certificate_refs: Vec<ObjectRef> =
            [Required, MinItems(1), MaxItems(8)],
        /// AllowValidOnly (the default) or AllowInsecureFallback.
        "mode" mode: ValidationMode = [Default("\"AllowValidOnly\"")],
    }
}
