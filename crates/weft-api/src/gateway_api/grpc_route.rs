//! `GRPCRoute`: where calls of gRPC go.

use super::filter::GrpcFilter;
use super::http_match::{HeaderMatch, TextMatchType};
use super::http_route::SessionPersistence;
use super::reference::{DefaultScope, GrpcBackendRef, ParentRef};
use crate::describe::Form as Written;
use crate::read::record;

record! {
    /// Where calls of gRPC go that enter at a gateway, or that call a service.
    GrpcRoute {
        /// Gateways or services that the route is attached to.
        "parentRefs" parent_refs: Vec<ParentRef> = [MaxItems(32)],
        /// Attaches the route to gateways with a defaultScope.
        "useDefaultGateways" use_default_gateways: Option<DefaultScope>,
        /// Hosts that the route is for, perhaps with `*.` in front; all of the listener when absent.
        "hostnames" hostnames: Vec<String> =
            [MaxItems(16), ItemMinLength(1), ItemMaxLength(253), ItemForm(Written::Hostname)],
        /// Which calls, and what happens to them.
        "rules" rules: Vec<GrpcRule> = [MaxItems(16)],
    }
}

record! {
    /// Which calls, and what happens to them.
    GrpcRule {
        /// Name of the rule; once in the route.
        "name" name: Option<String> = [MinLength(1), MaxLength(253), Form(Written::Subdomain)],
        /// The rule is taken when one of these matches; every call when absent.
        "matches" matches: Vec<GrpcMatch> = [MaxItems(64)],
        /// What happens to calls and answers on the way.
        "filters" filters: Vec<GrpcFilter> = [MaxItems(16)],
        /// Where calls go, in proportion to weights.
        "backendRefs" backend_refs: Vec<GrpcBackendRef> = [MaxItems(16)],
        /// Keeps a client with one endpoint.
        "sessionPersistence" session_persistence: Option<SessionPersistence>,
    }
}

record! {
    /// Conditions on a call that must all hold.
    GrpcMatch {
        /// Service and method; all when absent.
        "method" method: Option<GrpcMethodMatch>,
        /// Header fields.
        "headers" headers: Vec<HeaderMatch> = [MaxItems(16), Keyed(&["name"])],
    }
}

record! {
    /// Which service and which method; at least one of them.
    GrpcMethodMatch {
        /// Exact (the default) or RegularExpression.
        "type" kind: TextMatchType = [Default("\"Exact\"")],
        /// Name of the service with its package, such as `shop.Orders`.
        "service" service: Option<String> = [MaxLength(1024)],
        /// Name of the method.
        "method" method: Option<String> = [MaxLength(1024)],
    } where [Holds(
        "has(self.service) || has(self.method)",
        "name a service, a method, or both",
    )]
}
