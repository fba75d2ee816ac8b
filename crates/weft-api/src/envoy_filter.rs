//! `EnvoyFilter` of `networking.istio.io`: patches to what proxies are sent.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::read::{record, words};
use crate::reference::{LabelSelector, TargetRef};

words! {
    /// What a patch changes.
    ApplyTo {
        /// Nothing; not allowed.
        Invalid = "INVALID",
        /// A listener.
        Listener = "LISTENER",
        /// A filter chain of a listener.
        FilterChain = "FILTER_CHAIN",
        /// A network filter of a chain.
        NetworkFilter = "NETWORK_FILTER",
        /// An HTTP filter of the connection manager.
        HttpFilter = "HTTP_FILTER",
        /// A table of routes.
        RouteConfiguration = "ROUTE_CONFIGURATION",
        /// The routes of some hosts.
        VirtualHost = "VIRTUAL_HOST",
        /// One route.
        HttpRoute = "HTTP_ROUTE",
        /// A cluster.
        Cluster = "CLUSTER",
        /// The configuration of an extension.
        ExtensionConfig = "EXTENSION_CONFIG",
        /// What a proxy starts with.
        Bootstrap = "BOOTSTRAP",
        /// A listener filter.
        ListenerFilter = "LISTENER_FILTER",
    }
}

words! {
    /// For which proxies a patch holds.
    PatchContext {
        /// All.
        Any = "ANY",
        /// What sidecars accept.
        SidecarInbound = "SIDECAR_INBOUND",
        /// What sidecars call.
        SidecarOutbound = "SIDECAR_OUTBOUND",
        /// Gateways.
        Gateway = "GATEWAY",
        /// Waypoints.
        Waypoint = "WAYPOINT",
    }
}

words! {
    /// What a patch does.
    Operation {
        /// Nothing; not allowed.
        Invalid = "INVALID",
        /// Merges into what is there.
        Merge = "MERGE",
        /// Adds.
        Add = "ADD",
        /// Removes.
        Remove = "REMOVE",
        /// Inserts before what matches.
        InsertBefore = "INSERT_BEFORE",
        /// Inserts after what matches.
        InsertAfter = "INSERT_AFTER",
        /// Inserts at the front.
        InsertFirst = "INSERT_FIRST",
        /// Replaces.
        Replace = "REPLACE",
        /// Merges, and replaces lists as a whole.
        MergeAndReplaceList = "MERGE_AND_REPLACE_LIST",
    }
}

words! {
    /// Where a filter is put among those of the mesh.
    FilterClass {
        /// Wherever the operation says.
        Unspecified = "UNSPECIFIED",
        /// With authentication.
        Authn = "AUTHN",
        /// With authorization.
        Authz = "AUTHZ",
        /// With statistics.
        Stats = "STATS",
    }
}

words! {
    /// What a route does.
    RouteAction {
        /// Any.
        Any = "ANY",
        /// Forwards.
        Route = "ROUTE",
        /// Redirects.
        Redirect = "REDIRECT",
        /// Answers.
        DirectResponse = "DIRECT_RESPONSE",
    }
}

record! {
    /// Patches to what proxies are sent. They depend on names that the mesh makes and may change; prefer other kinds where they
    /// can say it.
    EnvoyFilter {
        /// Proxies that the patches hold for; all of the namespace when absent, all of the mesh when in the root namespace.
        "workloadSelector" workload_selector: Option<LabelSelector>,
        /// Gateways or waypoints that the patches hold for, instead of a selector.
        "targetRefs" target_refs: Vec<TargetRef> = [MaxItems(16)],
        /// Patches, in order.
        "configPatches" config_patches: Vec<Patch>,
        /// Order among EnvoyFilters: lower comes first, negative before those without.
        "priority" priority: i32,
    } where [Holds(
        "(has(self.workloadSelector) ? 1 : 0) + (has(self.targetRefs) ? 1 : 0) <= 1",
        "keep one of workloadSelector and targetRefs",
    )]
}

record! {
    /// One patch: what it changes, where, and how.
    Patch {
        /// What it changes.
        "applyTo" apply_to: ApplyTo,
        /// Where.
        "match" matches: Option<Match>,
        /// How.
        "patch" patch: Option<Change>,
    }
}

record! {
    /// Conditions that must all hold.
    Match {
        /// For which proxies.
        "context" context: PatchContext,
        /// What the proxy must be.
        "proxy" proxy: Option<ProxyMatch>,
        /// A listener.
        "listener" listener: Option<ListenerMatch>,
        /// A table of routes.
        "routeConfiguration" route_configuration: Option<RouteConfigurationMatch>,
        /// A cluster.
        "cluster" cluster: Option<ClusterMatch>,
        /// A part of a waypoint.
        "waypoint" waypoint: Option<WaypointMatch>,
    } where [
        OneOf(&["listener", "routeConfiguration", "cluster", "waypoint"]),
        Holds(
            "has(self.context) ? ((self.context == 'WAYPOINT') ? has(self.waypoint) : !has(self.waypoint)) : !has(self.waypoint)",
            "waypoint goes with context WAYPOINT, and only with it",
        ),
    ]
}

record! {
    /// What a proxy must be.
    ProxyMatch {
        /// RE2 pattern that its version matches.
        "proxyVersion" proxy_version: String,
        /// Metadata that it must have.
        "metadata" metadata: BTreeMap<String, String>,
    }
}

record! {
    /// A listener.
    ListenerMatch {
        /// Port that traffic is sent to.
        "portNumber" port_number: u32,
        /// Not used any more.
        "portName" port_name: String,
        /// A chain of it.
        "filterChain" filter_chain: Option<FilterChainMatch>,
        /// A listener filter of it.
        "listenerFilter" listener_filter: String,
        /// Its name.
        "name" name: String,
    }
}

record! {
    /// A filter chain.
    FilterChainMatch {
        /// Its name.
        "name" name: String,
        /// Server name that it is for.
        "sni" sni: String,
        /// Transport protocol that it is for: `tls` or `raw_buffer`.
        "transportProtocol" transport_protocol: String,
        /// Application protocols that it is for, separated by commas.
        "applicationProtocols" application_protocols: String,
        /// A filter of it.
        "filter" filter: Option<FilterMatch>,
        /// Port that it is for.
        "destinationPort" destination_port: u32,
        /// Transport socket that it has.
        "transportSocket" transport_socket: String,
    }
}

record! {
    /// A network filter.
    FilterMatch {
        /// Its name.
        "name" name: String,
        /// A filter inside of it.
        "subFilter" sub_filter: Option<SubFilterMatch>,
    }
}

record! {
    /// An HTTP filter inside of the connection manager.
    SubFilterMatch {
        /// Its name.
        "name" name: String,
    }
}

record! {
    /// A table of routes.
    RouteConfigurationMatch {
        /// Port that it is for.
        "portNumber" port_number: u32,
        /// Name of the port of a gateway's server.
        "portName" port_name: String,
        /// Gateway object, as `NAMESPACE/NAME`.
        "gateway" gateway: String,
        /// Routes of some hosts.
        "vhost" vhost: Option<VirtualHostMatch>,
        /// Its name.
        "name" name: String,
    }
}

record! {
    /// The routes of some hosts.
    VirtualHostMatch {
        /// Name, as `HOST:PORT`.
        "name" name: String,
        /// One of its domains.
        "domainName" domain_name: String,
        /// One route.
        "route" route: Option<RouteMatch>,
    }
}

record! {
    /// One route.
    RouteMatch {
        /// Its name.
        "name" name: String,
        /// What it does.
        "action" action: RouteAction,
    }
}

record! {
    /// A cluster.
    ClusterMatch {
        /// Port of the service.
        "portNumber" port_number: u32,
        /// Host of the service.
        "service" service: String,
        /// Subset of the service.
        "subset" subset: String,
        /// Name of the cluster.
        "name" name: String,
    }
}

record! {
    /// A part of a waypoint.
    WaypointMatch {
        /// Port of the service.
        "portNumber" port_number: u32 = [Min(1), Cel("0 < self && self <= 65535", "use a port from 1 to 65535")],
        /// A filter.
        "filter" filter: Option<FilterMatch>,
        /// A route.
        "route" route: Option<WaypointRouteMatch>,
    }
}

record! {
    /// A route of a waypoint.
    WaypointRouteMatch {
        /// Its name.
        "name" name: String,
    }
}

record! {
    /// How something is changed.
    Change {
        /// What is done.
        "operation" operation: Operation,
        /// JSON of the Envoy message that is merged, added or put in place.
        "value" value: Option<Map<String, Value>>,
        /// Where a filter is put among those of the mesh.
        "filterClass" filter_class: FilterClass,
    }
}
