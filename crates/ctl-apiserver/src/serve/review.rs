//! Questions about credentials: who am I, may I, whose token is this?

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::auth::User;
use super::route::Ask;
use crate::fault::Fault;
use crate::tokens::DEFAULT_AUDIENCE;

/// Is this path a question?
pub(crate) fn knows(parts: &[&str]) -> bool {
    matches!(
        parts,
        ["apis", "authentication.k8s.io", "v1", "tokenreviews" | "selfsubjectreviews"]
            | [
                "apis",
                "authorization.k8s.io",
                "v1",
                "selfsubjectaccessreviews" | "selfsubjectrulesreviews"
            ]
    )
}

/// Answers it.
pub(crate) fn answer(ask: &Ask, parts: &[&str], mut body: Value) -> Result<Answer, Fault> {
    if ask.method != Method::POST {
        return Err(Fault::method(&ask.method, &ask.path));
    }
    let admin = ask.user.is_trusted();
    let (kind, status) = match parts.last() {
        Some(&"tokenreviews") => ("TokenReview", token(ask, &body, admin)?),
        Some(&"selfsubjectreviews") => {
            ("SelfSubjectReview", json!({ "userInfo": info(&ask.user) }))
        }
        Some(&"selfsubjectaccessreviews") => ("SelfSubjectAccessReview", access(&body, admin)),
        _ => ("SelfSubjectRulesReview", rules(admin)),
    };
    let spec = body["spec"].take();
    let answer = json!({ "apiVersion": format!("{}/v1", parts[1]), "kind": kind,
        "metadata": { "creationTimestamp": null }, "spec": spec, "status": status });
    Ok(answer::coded(StatusCode::CREATED, &answer))
}

fn info(user: &User) -> Value {
    json!({ "username": user.name, "groups": user.groups })
}

fn token(ask: &Ask, body: &Value, admin: bool) -> Result<Value, Fault> {
    if !admin {
        return Err(Fault::forbidden(format!("{} may not review tokens", ask.user.name)));
    }
    let text = body["spec"]["token"].as_str().unwrap_or_default();
    let asked = body["spec"]["audiences"].as_array().cloned().unwrap_or_default();
    let mut audiences: Vec<&str> = asked.iter().filter_map(Value::as_str).collect();
    if audiences.is_empty() {
        audiences.push(DEFAULT_AUDIENCE);
    }
    let mut why = String::new();
    for audience in audiences {
        match ask.shared.registry.verify_token(text, audience) {
            Ok(claims) => {
                let mut user = info(&User::of_claims(&claims));
                user["uid"] = json!(claims.service_account_uid);
                if let Some(pod) = &claims.pod {
                    user["extra"] = json!({ "authentication.kubernetes.io/pod-name": [pod.name],
                        "authentication.kubernetes.io/pod-uid": [pod.uid] });
                }
                return Ok(json!({ "authenticated": true, "user": user, "audiences": [audience] }));
            }
            Err(error) => why = error.to_string(),
        }
    }
    Ok(json!({ "authenticated": false, "error": why }))
}

fn access(body: &Value, admin: bool) -> Value {
    let asked = &body["spec"]["resourceAttributes"];
    let reads = matches!(asked["verb"].as_str(), Some("get" | "list" | "watch"));
    let harmless = matches!(asked["subresource"].as_str(), None | Some("" | "status" | "scale"));
    let allowed = admin || (reads && harmless && asked["resource"] != "secrets");
    json!({ "allowed": allowed })
}

fn rules(admin: bool) -> Value {
    let verbs = if admin { json!(["*"]) } else { json!(["get", "list", "watch"]) };
    json!({ "incomplete": !admin, "nonResourceRules": [],
        "resourceRules": [{ "verbs": verbs, "apiGroups": ["*"], "resources": ["*"] }] })
}
