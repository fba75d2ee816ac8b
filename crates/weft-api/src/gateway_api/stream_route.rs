//! `TLSRoute` and `TCPRoute`: where connections go.

use super::reference::{BackendRef, DefaultScope, ParentRef};
use crate::describe::Form as Written;
use crate::read::record;

record! {
    /// Where connections of TLS go, by the server name that the client asks for.
    TlsRoute {
        /// Gateways or services that the route is attached to.
        "parentRefs" parent_refs: Vec<ParentRef> = [MaxItems(32)],
        /// Attaches the route to gateways with a defaultScope.
        "useDefaultGateways" use_default_gateways: Option<DefaultScope>,
        /// Server names that the route is for, perhaps with `*.` in front. v1 needs them.
        "hostnames" hostnames: Vec<String> =
            [MaxItems(1024), ItemMinLength(1), ItemMaxLength(253), ItemForm(Written::Hostname)],
        /// Where connections go; v1 has one rule.
        "rules" rules: Vec<StreamRule> = [Required, MinItems(1), MaxItems(16)],
    }
}

record! {
    /// Where connections of a port go.
    TcpRoute {
        /// Gateways or services that the route is attached to.
        "parentRefs" parent_refs: Vec<ParentRef> = [MaxItems(32)],
        /// Attaches the route to gateways with a defaultScope.
        "useDefaultGateways" use_default_gateways: Option<DefaultScope>,
        /// Where connections go; v1 has one rule.
        "rules" rules: Vec<StreamRule> = [Required, MinItems(1), MaxItems(16)],
    }
}

record! {
    /// Where connections go.
    StreamRule {
        /// Name of the rule; once in the route.
        "name" name: Option<String> = [MinLength(1), MaxLength(253), Form(Written::Subdomain)],
        /// Backends and their shares.
        "backendRefs" backend_refs: Vec<BackendRef> = [Required, MinItems(1), MaxItems(16)],
    }
}
