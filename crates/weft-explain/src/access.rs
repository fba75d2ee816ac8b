//! What policies say of a call: who connects and how, then every rule that was considered.
//!
//! In: a walk, compiled rules. Out: steps, and who decided.
//! Holds: proxy-filter decides; here its names become objects with their places.
//! Never: a rule of its own about who may call whom.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use ctl_snapshot::{Config, Mtls};
use proxy_config::listener::FilterChain;
use proxy_config::rbac::{Action, Rbac, Rules};
use proxy_filter::rbac::{self, Decision, RuleName, Tried};
use weft_model::api::authorization_policy::{Action as Written, AuthorizationPolicy};
use weft_model::api::peer_authentication::{Mode, PeerAuthentication};
use weft_model::{Object, ObjectRef};

use crate::answer::NearestMiss;
use crate::facts::{Request, connection, peer_names};
use crate::trace::Step;
use crate::walk::Walk;
use crate::{Mesh, Outcome, Proxy, Security};

const GROUP: &str = "security.istio.io";

impl<'a> Walk<'a> {
    /// Tells what a port of the pod accepts, and which PeerAuthentication says so.
    pub(crate) fn accepts(&mut self, port: u16) {
        let config = self.mesh.snapshot().config();
        let workload = &self.proxy.workload;
        let (namespace, labels) = (workload.namespace(), workload.labels());
        let accepts = match config.mtls(namespace, labels, port) {
            Mtls::Strict => "mutual TLS of the mesh only (STRICT)",
            Mtls::Permissive => "mutual TLS of the mesh and plain text (PERMISSIVE)",
            Mtls::Disable => "plain text only (DISABLE)",
        };
        let step = Step::new("mtls", format!("port {port} accepts {accepts}"));
        let step = match accepting(config, namespace, labels, port) {
            Some(object) => {
                let kind = "PeerAuthentication";
                let object = reference(kind, &object.meta.namespace, &object.meta.name);
                step.by(&object, self.mesh.place(&object))
            }
            None => step,
        };
        self.answer.trace.push(step);
    }

    /// Notes who calls, once the connection is accepted.
    pub(crate) fn known_as(&mut self, chain: &FilterChain) {
        let mutual = self.call.security == Security::Mtls && chain.tls.is_some();
        self.answer.mtls = Some(mutual);
        if !mutual {
            return self.step("mtls", "the client shows no certificate of the mesh");
        }
        let names = peer_names(self.call, &self.mesh.snapshot().settings().trust_domain);
        self.answer.peer_identity = names.into_iter().next();
        let who = self.answer.peer_identity.as_deref().unwrap_or("nobody that was named");
        self.step("mtls", format!("mutual TLS of the mesh; the client is {who}"));
    }

    /// Whether the rules let it pass; tells of every rule that was considered.
    pub(crate) fn allowed(
        &mut self,
        rules: &Rbac,
        to: SocketAddr,
        request: Option<&Request<'_>>,
    ) -> bool {
        let Some(rules) = &rules.rules else { return true };
        let (decision, tried) = self.judged(rules, to, request);
        self.considered(rules, &tried, request.is_some(), false);
        self.decided(rules, decision, &tried);
        if !decision.allowed {
            self.answer.status = request.map(|_| 403);
        }
        decision.allowed
    }

    /// What rules make of it, and why.
    pub(crate) fn judged<'r>(
        &self,
        rules: &'r Rules,
        to: SocketAddr,
        request: Option<&Request<'_>>,
    ) -> (Decision<'r>, Vec<Tried<'r>>) {
        let names = peer_names(self.call, &self.mesh.snapshot().settings().trust_domain);
        let mut connection = connection(self.call, to, &names);
        if let Some(client) = request.and_then(|request| request.client) {
            connection.remote = client;
        }
        let facts = rbac::Facts { connection, request: request.map(|request| request as _) };
        rbac::trace(rules, &facts)
    }

    /// Tells of every rule; `dry` are those of policies that are tried out.
    pub(crate) fn considered(&mut self, rules: &Rules, tried: &[Tried<'_>], http: bool, dry: bool) {
        for object in self.policies(rules, dry) {
            let (namespace, name) = (&object.meta.namespace, &object.meta.name);
            let written = object.spec.rules.as_deref().unwrap_or_default();
            let mut told: Vec<String> = Vec::new();
            if written.is_empty() {
                told.push("it has no rules, so that it allows nothing".to_owned());
            }
            for number in 0..written.len() {
                let known = format!("ns[{namespace}]-policy[{name}]-rule[{number}]");
                let compiled =
                    rules.policies().iter().any(|(name, _)| RuleName::bare(name) == known);
                match tried.iter().find(|one| RuleName::bare(one.policy) == known) {
                    Some(one) => told.push(format!("rule {number} {}", outcome(one))),
                    None if compiled => {}
                    None => told.push(format!("rule {number} {}", cannot(http))),
                }
            }
            let object = reference("AuthorizationPolicy", namespace, name);
            let place = self.mesh.place(&object);
            let steps = told.into_iter().map(|why| Step::new("policy", why).by(&object, place));
            self.answer.trace.extend(steps);
        }
    }

    /// The policies that such rules are made of.
    fn policies(&self, rules: &Rules, dry: bool) -> Vec<&'a Arc<Object<AuthorizationPolicy>>> {
        let workload = &self.proxy.workload;
        let config = self.mesh.snapshot().config();
        let mut all = config.policies(workload.namespace(), workload.labels());
        all.retain(|object| is_dry_run(object) == dry);
        let named = |object: &&&Arc<Object<AuthorizationPolicy>>| {
            let own = format!("ns[{}]-policy[{}]-", object.meta.namespace, object.meta.name);
            rules.policies().iter().any(|(name, _)| RuleName::bare(name).starts_with(&own))
        };
        let asks =
            |object: &&&Arc<Object<AuthorizationPolicy>>| object.spec.action == Written::Custom;
        let wanted = match rules.action {
            Action::Allow => Written::Allow,
            Action::Deny if all.iter().filter(asks).any(|object| named(&object)) => Written::Custom,
            Action::Deny => Written::Deny,
            Action::Log => Written::Audit,
        };
        all.retain(|object| object.spec.action == wanted);
        all
    }

    /// Tells what came of it.
    fn decided(&mut self, rules: &Rules, decision: Decision<'_>, tried: &[Tried<'_>]) {
        let matched = decision.policy.map(RuleName::read);
        if let Some(RuleName { policy, rule }) = &matched {
            (self.answer.policy, self.answer.rule) = (Some(policy.clone()), *rule);
        }
        let who = matched.as_ref().map(ToString::to_string).unwrap_or_default();
        match (rules.action, decision.allowed) {
            (Action::Allow, true) => self.step("policy", format!("{who} allows it")),
            (Action::Deny, false)
                if decision.policy.is_some_and(|name| RuleName::bare(name) != name) =>
            {
                let why = format!("{who} asks a provider, and there is none that can be asked");
                self.end(Outcome::Denied, "policy", why);
            }
            (Action::Deny, false) => {
                self.end(Outcome::Denied, "policy", format!("{who} denies it"));
            }
            (_, false) => {
                self.answer.nearest_miss = rbac::nearest(tried).map(nearest_miss);
                let why = "there are policies that allow, and none of them allows this";
                self.end(Outcome::Denied, "policy", why);
            }
            (_, true) => self.step("policy", "no rule denies it"),
        }
    }
}

/// An AuthorizationPolicy that is for a pod.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PolicyOfPod {
    /// `NAMESPACE/NAME`.
    pub policy: String,
    /// `ALLOW`, `DENY`, `AUDIT` or `CUSTOM`.
    pub action: &'static str,
    /// How many rules it has.
    pub rules: usize,
    /// It is tried out, and decides nothing.
    pub dry_run: bool,
}

impl Proxy {
    /// The policies that are for its pod, in the order in which they are asked.
    #[must_use]
    pub fn policies(&self, mesh: &Mesh) -> Vec<PolicyOfPod> {
        let (namespace, labels) = (self.workload.namespace(), self.workload.labels());
        let all = mesh.snapshot().config().policies(namespace, labels);
        let mut found: Vec<PolicyOfPod> = all
            .into_iter()
            .map(|object| PolicyOfPod {
                policy: format!("{}/{}", object.meta.namespace, object.meta.name),
                action: object.spec.action.as_str(),
                rules: object.spec.rules.as_ref().map_or(0, Vec::len),
                dry_run: is_dry_run(object),
            })
            .collect();
        let asked = ["CUSTOM", "DENY", "ALLOW", "AUDIT"];
        found.sort_by_key(|one| asked.iter().position(|action| *action == one.action));
        found
    }
}

const DRY_RUN: &str = "istio.io/dry-run";

fn is_dry_run(object: &Object<AuthorizationPolicy>) -> bool {
    let value = object.meta.annotations.get(DRY_RUN).map(String::as_str);
    matches!(value, Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
}

/// The PeerAuthentication that says what a port of a workload accepts.
pub(crate) fn accepting<'a>(
    config: &'a Config,
    namespace: &'a str,
    labels: &'a BTreeMap<String, String>,
    port: u16,
) -> Option<&'a Arc<Object<PeerAuthentication>>> {
    let mut scopes = config.peer_authentications(namespace, labels);
    scopes.find(|object| says_something(&object.spec, port))
}

/// Whether it is this policy that says what the port accepts.
fn says_something(policy: &PeerAuthentication, port: u16) -> bool {
    let ports = policy.port_level_mtls.as_ref().filter(|_| policy.selector.is_some());
    let by_port = ports.and_then(|ports| ports.get(&port.to_string()));
    by_port.into_iter().chain(&policy.mtls).any(|mtls| mtls.mode != Mode::Unset)
}

fn reference(kind: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef {
        group: GROUP.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

fn outcome(tried: &Tried<'_>) -> String {
    if tried.matched() {
        return "matches".to_owned();
    }
    let misses: Vec<String> = tried.misses.iter().map(ToString::to_string).collect();
    format!("does not match: {}", misses.join("; "))
}

fn cannot(http: bool) -> &'static str {
    match http {
        true => "matches nothing: it asks for something that this version of Weft cannot judge",
        false => "matches nothing here: it asks for a request, and these are plain bytes",
    }
}

fn nearest_miss(tried: &Tried<'_>) -> NearestMiss {
    let RuleName { policy, rule } = RuleName::read(tried.policy);
    let conditions = tried.misses.iter().map(ToString::to_string).collect();
    NearestMiss { policy, rule, conditions }
}
