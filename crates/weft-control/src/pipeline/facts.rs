//! What the status writer needs to know of each object and each proxy.
//!
//! In: raw objects and their problems. Out: facts. Holds: an object's content is all of it that users write.

use std::collections::HashMap;
use std::hash::{Hash as _, Hasher as _};

use ctl_source::{ObjectKey, ResourceType};
use ctl_status::{Expected, Finding, Manner, ObjectFacts, Obstacle, Severity, Wanted};
use serde_json::Value;
use weft_gateway_api::Refused;
use weft_model::{ObjectRef, Problem};

use super::audience::audience;
use super::kinds::Role;
use super::raw::Name;
use super::rivals::Loss;
use super::{delivery, effects, issuers};

/// What is known beside the objects themselves.
pub(super) struct Known<'a> {
    /// Of validation.
    pub(super) problems: Problems<'a>,
    /// Of the analysis, once it has looked.
    pub(super) advice: Option<(Problems<'a>, &'a HashMap<ObjectRef, u64>)>,
    /// What the objects of the Gateway API are told that are ours.
    pub(super) gateways: HashMap<ObjectRef, Wanted>,
    /// Hosts that VirtualServices lose to older ones.
    pub(super) losses: HashMap<ObjectRef, Vec<Loss>>,
    /// What rules for tokens lack of keys; nothing in place of a list while nobody knows.
    pub(super) keys: HashMap<Name, Option<Vec<Obstacle>>>,
    /// Root namespace of the mesh.
    pub(super) root: &'a str,
}

/// Problems by their object.
pub(super) type Problems<'a> = HashMap<&'a ObjectRef, Vec<&'a Problem>>;

pub(super) fn by_object(problems: &[Problem]) -> Problems<'_> {
    let mut found = Problems::new();
    for problem in problems {
        found.entry(&problem.object).or_default().push(problem);
    }
    found
}

/// What is refused, with all its errors.
pub(super) fn refused(problems: &[Problem]) -> Refused {
    let mut found = Refused::new();
    for problem in problems.iter().filter(|problem| problem.is_error()) {
        let words = found.entry(problem.object.clone()).or_default();
        if !words.is_empty() {
            words.push_str("; ");
        }
        words.push_str(&self::words(problem));
    }
    found
}

impl<'a> Known<'a> {
    /// Everything about one object; nothing about one that others own.
    pub(super) fn of(
        &self,
        role: Role,
        resource: &ResourceType,
        object: &Value,
    ) -> Option<ObjectFacts> {
        let reference = ObjectRef::of(object);
        let own = self.problems.get(&reference).map(Vec::as_slice).unwrap_or_default();
        let manner = self.manner(role, &reference, object, own)?;
        let content = content(object);
        let advice = self.advice(&reference, content);
        let lost = self.losses.get(&reference).map(Vec::as_slice).unwrap_or_default();
        let metadata = &object["metadata"];
        let namespace = reference.namespace.clone();
        Some(ObjectFacts {
            acted_on: !own.iter().any(|problem| is_idle(problem)),
            obstacles: self.obstacles(
                &reference,
                advice.map(|advice| effects::obstacles(object, own, advice, lost)),
            ),
            remarks: advice.map(|advice| effects::remarks(own, advice)).unwrap_or_default(),
            uid: metadata["uid"].as_str().unwrap_or_default().to_owned(),
            generation: metadata["generation"].as_i64().unwrap_or(0),
            content,
            status: object["status"].clone(),
            findings: own.iter().map(|problem| finding(problem)).collect(),
            audience: audience(&reference.kind, &namespace, object, self.root),
            key: ObjectKey {
                resource: resource.clone(),
                namespace: resource.namespaced.then_some(namespace),
                name: reference.name,
            },
            manner,
        })
    }

    /// With what rules for tokens lack.
    fn obstacles(
        &self,
        reference: &ObjectRef,
        others: Option<Vec<Obstacle>>,
    ) -> Option<Vec<Obstacle>> {
        let name = (reference.namespace.clone(), reference.name.clone());
        let of_tokens = reference.kind == issuers::KIND;
        match of_tokens.then(|| self.keys.get(&name)).flatten() {
            None => others,
            Some(lacking) => Some(others?.into_iter().chain(lacking.clone()?).collect()),
        }
    }

    fn manner(
        &self,
        role: Role,
        reference: &ObjectRef,
        object: &Value,
        own: &[&Problem],
    ) -> Option<Manner> {
        match role {
            Role::Read => None,
            Role::Mesh => Some(Manner::Mesh),
            // It belongs to nobody, so that only a refusal is worth telling.
            Role::GatewayApi if reference.kind == "ReferenceGrant" => {
                own.iter().any(|problem| problem.is_error()).then_some(Manner::Events)
            }
            Role::GatewayApi => self.gateways.get(reference).cloned().map(Manner::Own),
            Role::Delivery => delivery::manner(&reference.kind, object, own),
        }
    }

    /// What the analysis says of an object; nothing when it has not looked at this content yet.
    fn advice(&self, reference: &ObjectRef, content: u64) -> Option<&[&'a Problem]> {
        let (problems, seen) = self.advice.as_ref()?;
        let fresh = seen.get(reference) == Some(&content);
        fresh.then(|| problems.get(reference).map(Vec::as_slice).unwrap_or_default())
    }
}

/// What is wrong where and what to do, for a reader who sees the object already.
pub(super) fn words(problem: &Problem) -> String {
    let Problem { severity: _, code, object: _, field, place: _, what, fix } = problem;
    let field = if field.0.is_empty() { String::new() } else { format!("{field}: ") };
    let fix = if fix.is_empty() { String::new() } else { format!("; {fix}") };
    format!("{field}{what}{fix} [{code}]")
}

/// Whether it says that nothing acts on the kind.
fn is_idle(problem: &Problem) -> bool {
    problem.code == effects::NOT_HONOURED && problem.field.0.is_empty()
}

fn finding(problem: &Problem) -> Finding {
    let severity = if problem.is_error() { Severity::Error } else { Severity::Warning };
    Finding { severity, message: words(problem) }
}

/// A number that follows from what the mesh reads of an object.
pub(super) fn content(object: &Value) -> u64 {
    let metadata = &object["metadata"];
    let parts = [&object["spec"], &metadata["labels"], &metadata["annotations"]];
    let mut hasher = std::hash::DefaultHasher::new();
    parts.into_iter().for_each(|part| part.to_string().hash(&mut hasher));
    hasher.finish()
}

/// The proxy of a pod that serves traffic now; one that is still starting takes the newest configuration anyway.
pub(super) fn proxy((namespace, name): &(String, String), pod: &Value) -> Option<Expected> {
    let annotations = &pod["metadata"]["annotations"];
    let gateway = annotations["gateway.istio.io/status"].is_string();
    let meshed = gateway || annotations["sidecar.istio.io/status"].is_string();
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let mut ready = conditions.filter(|c| c["type"] == "Ready" && c["status"] == "True");
    let serves = meshed && ready.next().is_some() && pod["metadata"]["deletionTimestamp"].is_null();
    serves.then(|| Expected { name: format!("{name}.{namespace}"), gateway })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotations_are_content_and_status_is_not() {
        let one = json!({ "metadata": { "annotations": { "istio.io/dry-run": "true" } } });
        let other = json!({ "metadata": { "annotations": {} } });
        assert_ne!(content(&one), content(&other));
        assert_eq!(content(&one), content(&json!({ "metadata": one["metadata"], "status": 1 })));
    }

    #[test]
    fn ready_pods_with_a_proxy_are_waited_for() {
        let pod = |annotation: &str, ready: &str| {
            json!({ "metadata": { "annotations": { annotation: "{}" } },
                "status": { "conditions": [{ "type": "Ready", "status": ready }] } })
        };
        let of = |pod: &Value| proxy(&("shop".into(), "web-1".into()), pod);
        let found = of(&pod("sidecar.istio.io/status", "True")).unwrap();
        assert_eq!((found.name.as_str(), found.gateway), ("web-1.shop", false));
        assert!(of(&pod("gateway.istio.io/status", "True")).unwrap().gateway);
        assert_eq!(of(&pod("sidecar.istio.io/status", "False")), None);
        assert_eq!(of(&pod("other", "True")), None);
    }
}
