//! How objects of Argo Rollouts and Flagger are told of, which may have a controller of their own.
//!
//! In: an object as it is stored, and its problems. Out: the manner, or nothing for one that another controller has touched.
//! Holds: a status with anything in it that is not ours belongs to somebody else, and is left alone for good.
//! Why `InvalidSpec` only: it is the one condition that Argo gives to a Rollout that it does not act on.

use ctl_status::{Condition, Manner, Style, Wanted};
use serde_json::Value;
use weft_model::Problem;

use super::facts;

const INVALID: &str = "InvalidSpec";

pub(super) fn manner(kind: &str, object: &Value, own: &[&Problem]) -> Option<Manner> {
    match kind {
        "Rollout" => is_free(&object["status"]).then(|| Manner::Own(rollout(object, own))),
        _ => object["status"]
            .as_object()
            .is_none_or(|status| status.is_empty())
            .then_some(Manner::Events),
    }
}

/// True when nobody but us has written this status.
fn is_free(status: &Value) -> bool {
    let ours = |conditions: &Value| {
        let mut all = conditions.as_array().into_iter().flatten();
        all.all(|condition| condition["type"] == INVALID)
    };
    let mut fields = status.as_object().into_iter().flatten();
    fields.all(|(field, value)| field == "conditions" && ours(value))
}

fn rollout(object: &Value, own: &[&Problem]) -> Wanted {
    let errors: Vec<String> =
        own.iter().filter(|p| p.is_error()).map(|problem| facts::words(problem)).collect();
    let refused = (!errors.is_empty()).then(|| Condition {
        kind: INVALID,
        status: "True",
        reason: INVALID,
        message: errors.join("; "),
        generation: object["metadata"]["generation"].as_i64().unwrap_or(0),
    });
    let conditions = refused.into_iter().collect();
    Wanted { style: Style::Updated, conditions, gone: &[INVALID], ..Wanted::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weft_model::validate_object;

    use super::*;

    fn told(object: &Value) -> Option<Manner> {
        let problems = validate_object(object).1;
        manner("Rollout", object, &problems.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_refused_rollout_gets_the_condition_that_argo_gives() {
        let mut object = json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": { "name": "web", "namespace": "shop" }, "spec": { "replicas": "many" } });
        let Some(Manner::Own(wanted)) = told(&object) else { panic!("not told") };
        assert_eq!((wanted.conditions[0].kind, wanted.style), (INVALID, Style::Updated));
        object["status"] = json!({ "conditions": [{ "type": "InvalidSpec" }] });
        assert!(told(&object).is_some(), "our own words do not stop us");
        object["status"]["phase"] = json!("Degraded");
        assert_eq!(told(&object), None, "Argo is here");
    }
}
