//! `AuthorizationPolicy` of `security.istio.io`: who may do what with a workload.

use crate::read::{record, words};
use crate::reference::{TargetRef, WorkloadSelector};

words! {
    /// What happens to a request that a rule matches.
    Action {
        /// It may pass.
        Allow = "ALLOW",
        /// It is refused, whatever other policies allow.
        Deny = "DENY",
        /// It is logged.
        Audit = "AUDIT",
        /// An external authorizer decides.
        Custom = "CUSTOM",
    }
}

record! {
    /// Who may do what with a workload. A request passes when no CUSTOM and no DENY policy refuses it, and when either there is
    /// no ALLOW policy for the workload or one of their rules matches.
    AuthorizationPolicy {
        /// Workloads that the policy holds for; without it, the whole namespace, or the mesh when in the root namespace.
        "selector" selector: Option<WorkloadSelector>,
        /// The gateway, waypoint or service that the policy is bound to; prefer targetRefs.
        "targetRef" target_ref: Option<TargetRef>,
        /// Gateways, waypoints or services that the policy is bound to, instead of a selector.
        "targetRefs" target_refs: Vec<TargetRef> = [MaxItems(16)],
        /// What happens to requests that a rule matches: ALLOW (the default), DENY, AUDIT or CUSTOM.
        "action" action: Action,
        /// The external authorizer that decides, for CUSTOM.
        "provider" provider: Option<Provider>,
        /// The policy matches when one of the rules does. Without rules it never matches: ALLOW then refuses everything. An
        /// empty rule matches every request.
        "rules" rules: Option<Vec<Rule>> = [MaxItems(512)],
    } where [Holds(
        "(has(self.selector) ? 1 : 0) + (has(self.targetRef) ? 1 : 0) + (has(self.targetRefs) ? 1 : 0) <= 1",
        "keep one of selector, targetRef and targetRefs",
    )]
}

record! {
    /// Who decides, for `CUSTOM`.
    Provider {
        /// Name of an entry of `extensionProviders` in the mesh configuration.
        "name" name: String,
    }
}

record! {
    /// Matches when one source, one operation and all conditions match.
    Rule {
        /// Where a request may come from; any when absent.
        "from" from: Option<Vec<From>> = [MaxItems(512)],
        /// What a request may do; anything when absent.
        "to" to: Option<Vec<To>>,
        /// Conditions that must all hold.
        "when" when: Vec<Condition>,
    }
}

record! {
    /// One entry of `from`.
    From {
        /// The source.
        "source" source: Option<Source>,
    }
}

record! {
    /// One entry of `to`.
    To {
        /// The operation.
        "operation" operation: Option<Operation>,
    }
}

record! {
    /// Whom a request comes from; all set fields must match, each by one of its values. Values may begin or end with `*`.
    Source {
        /// Identities of mutual TLS, without `spiffe://`: `cluster.local/ns/shop/sa/cart`.
        "principals" principals: Vec<String>,
        /// Identities of mutual TLS that do not match.
        "notPrincipals" not_principals: Vec<String>,
        /// Identities of a valid token: issuer, slash, subject. `*` asks for any valid token.
        "requestPrincipals" request_principals: Vec<String>,
        /// Identities of a token that do not match.
        "notRequestPrincipals" not_request_principals: Vec<String>,
        /// Namespaces of the client, taken from its mutual TLS identity.
        "namespaces" namespaces: Vec<String>,
        /// Namespaces of the client that do not match.
        "notNamespaces" not_namespaces: Vec<String>,
        /// Service accounts of the client: `NAMESPACE/NAME`, or `NAME` in the namespace of the policy. No wildcards.
        "serviceAccounts" service_accounts: Vec<String> = [MaxItems(16), ItemMaxLength(320)],
        /// Service accounts that do not match.
        "notServiceAccounts" not_service_accounts: Vec<String> = [MaxItems(16), ItemMaxLength(320)],
        /// Trust domains of the client's mutual TLS identity.
        "trustDomains" trust_domains: Vec<String>,
        /// Trust domains that do not match.
        "notTrustDomains" not_trust_domains: Vec<String>,
        /// Addresses or ranges that the connection comes from.
        "ipBlocks" ip_blocks: Vec<String>,
        /// Addresses or ranges that do not match.
        "notIpBlocks" not_ip_blocks: Vec<String>,
        /// Addresses or ranges of the original client, as X-Forwarded-For or the PROXY protocol tell it.
        "remoteIpBlocks" remote_ip_blocks: Vec<String>,
        /// Original clients that do not match.
        "notRemoteIpBlocks" not_remote_ip_blocks: Vec<String>,
    } where [Holds(
        "(has(self.serviceAccounts) || has(self.notServiceAccounts)) ? (!has(self.principals) && !has(self.notPrincipals) && !has(self.namespaces) && !has(self.notNamespaces)) : true",
        "serviceAccounts excludes principals and namespaces",
    )]
}

record! {
    /// What a request does; all set fields must match, each by one of its values. Values may begin or end with `*`.
    Operation {
        /// Hosts of the request, without regard to case.
        "hosts" hosts: Vec<String>,
        /// Hosts that do not match.
        "notHosts" not_hosts: Vec<String>,
        /// Ports that the application listens on.
        "ports" ports: Vec<String>,
        /// Ports that do not match.
        "notPorts" not_ports: Vec<String>,
        /// Methods such as `GET`; for gRPC always `POST`.
        "methods" methods: Vec<String>,
        /// Methods that do not match.
        "notMethods" not_methods: Vec<String>,
        /// Paths after normalisation, without the query; `{*}` stands for one segment, `{**}` for any number.
        "paths" paths: Vec<String>,
        /// Paths that do not match.
        "notPaths" not_paths: Vec<String>,
    }
}

record! {
    /// A further condition on an attribute of the request.
    Condition {
        /// The attribute, for example `request.headers[x-tenant]` or `request.auth.claims[iss]`.
        "key" key: String = [Required],
        /// The attribute must have one of these.
        "values" values: Vec<String>,
        /// The attribute must have none of these.
        "notValues" not_values: Vec<String>,
    }
}
