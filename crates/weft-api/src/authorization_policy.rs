//! `AuthorizationPolicy` of `security.istio.io`: who may do what with a workload.

use crate::read::{record, words};
use crate::reference::{TargetRef, WorkloadSelector};

words! {
    /// What happens to a request that a rule matches.
    Action { Allow = "ALLOW", Deny = "DENY", Audit = "AUDIT", Custom = "CUSTOM" }
}

record! {
    /// `spec`
    AuthorizationPolicy {
        "selector" selector: Option<WorkloadSelector>,
        "targetRef" target_ref: Option<TargetRef>,
        "targetRefs" target_refs: Vec<TargetRef>,
        "action" action: Action,
        "provider" provider: Option<Provider>,
        "rules" rules: Option<Vec<Rule>>,
    }
}

record! {
    /// Who decides, for `CUSTOM`.
    Provider { "name" name: String }
}

record! {
    /// Matches when one source, one operation and all conditions match.
    Rule {
        "from" from: Option<Vec<From>>,
        "to" to: Option<Vec<To>>,
        "when" when: Vec<Condition>,
    }
}

record! {
    /// One entry of `from`.
    From { "source" source: Option<Source> }
}

record! {
    /// One entry of `to`.
    To { "operation" operation: Option<Operation> }
}

record! {
    /// Whom a request comes from; all set fields must match, each by one of its values.
    Source {
        "principals" principals: Vec<String>,
        "notPrincipals" not_principals: Vec<String>,
        "requestPrincipals" request_principals: Vec<String>,
        "notRequestPrincipals" not_request_principals: Vec<String>,
        "namespaces" namespaces: Vec<String>,
        "notNamespaces" not_namespaces: Vec<String>,
        "serviceAccounts" service_accounts: Vec<String>,
        "notServiceAccounts" not_service_accounts: Vec<String>,
        "trustDomains" trust_domains: Vec<String>,
        "notTrustDomains" not_trust_domains: Vec<String>,
        "ipBlocks" ip_blocks: Vec<String>,
        "notIpBlocks" not_ip_blocks: Vec<String>,
        "remoteIpBlocks" remote_ip_blocks: Vec<String>,
        "notRemoteIpBlocks" not_remote_ip_blocks: Vec<String>,
    }
}

record! {
    /// What a request does; all set fields must match, each by one of its values.
    Operation {
        "hosts" hosts: Vec<String>,
        "notHosts" not_hosts: Vec<String>,
        "ports" ports: Vec<String>,
        "notPorts" not_ports: Vec<String>,
        "methods" methods: Vec<String>,
        "notMethods" not_methods: Vec<String>,
        "paths" paths: Vec<String>,
        "notPaths" not_paths: Vec<String>,
    }
}

record! {
    /// A further condition on an attribute.
    Condition {
        "key" key: String,
        "values" values: Vec<String>,
        "notValues" not_values: Vec<String>,
    }
}
