//! The words of an admission webhook: what a Kubernetes API server asks, and how it is answered.
//!
//! In: the bytes of an AdmissionReview. Out: a question; later the AdmissionReview with our answer.
//! Holds: the answer carries the uid and the version of the question. Never: I/O, or a judgement of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

const GROUP: &str = "admission.k8s.io";

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    api_version: String,
    uid: String,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: String,
    /// API group of the object, `""` for core.
    pub group: String,
    /// CamelCase kind of the object.
    pub kind: String,
    /// URL name of its collection.
    pub plural: String,
    /// The namespace that it goes to, empty for a cluster-scoped kind.
    pub namespace: String,
    /// Its name; empty when the server is to make one.
    pub name: String,
    /// The object; null for a deletion.
    pub object: Value,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It may be stored.
    Allowed {
        /// What the user should read all the same.
        warnings: Vec<String>,
        /// The object as it is to be, when it is to be another.
        changed: Option<Value>,
    },
    /// It may not; a Kubernetes `Status` says why.
    Refused(Value),
}

impl Question {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// Why it is no AdmissionReview that can be answered.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let review: Value = serde_json::from_slice(body)
            .map_err(|error| format!("the body is not JSON: {error}"))?;
        let api_version = review["apiVersion"].as_str().unwrap_or_default();
        let known = matches!(api_version.split_once('/'), Some((GROUP, "v1" | "v1beta1")));
        if !known || review["kind"] != "AdmissionReview" {
            return Err(format!(
                "the body is not an AdmissionReview of {GROUP}/v1 or v1beta1, but has apiVersion {} and kind {}",
                review["apiVersion"], review["kind"]
            ));
        }
        let request = &review["request"];
        let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str);
        let asked = |pointer: &str| {
            text(pointer).filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(|| {
                format!("request{} is missing in the review", pointer.replace('/', "."))
            })
        };
        Ok(Self {
            api_version: api_version.to_owned(),
            uid: asked("/uid")?,
            operation: asked("/operation")?,
            group: text("/kind/group").unwrap_or_default().to_owned(),
            kind: asked("/kind/kind")?,
            plural: text("/resource/resource").unwrap_or_default().to_owned(),
            namespace: text("/namespace").unwrap_or_default().to_owned(),
            name: text("/name").unwrap_or_default().to_owned(),
            object: request["object"].clone(),
        })
    }

    /// The review that is sent back.
    #[must_use]
    pub fn answered(&self, answer: Answer) -> Value {
        let mut response = json!({ "uid": self.uid, "allowed": true });
        match answer {
            Answer::Allowed { warnings, changed } => {
                if !warnings.is_empty() {
                    response["warnings"] = json!(warnings);
                }
                if let Some(patch) = changed.and_then(|changed| patch(&self.object, &changed)) {
                    response["patchType"] = json!("JSONPatch");
                    response["patch"] = json!(BASE64.encode(patch));
                }
            }
            Answer::Refused(status) => {
                response["allowed"] = json!(false);
                response["status"] = status;
            }
        }
        json!({ "apiVersion": self.api_version, "kind": "AdmissionReview", "response": response })
    }
}

/// A JSON patch from one object to the other; none when they are the same.
fn patch(from: &Value, to: &Value) -> Option<String> {
    let patch = json_patch::diff(from, to);
    (!patch.0.is_empty()).then(|| patch.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(request: Value) -> Vec<u8> {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
            .to_string()
            .into_bytes()
    }

    fn pod() -> Value {
        json!({"uid": "u-1", "operation": "CREATE", "namespace": "shop",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "app"}]}}})
    }

    #[test]
    fn an_answer_carries_the_uid_and_the_version_of_its_question() {
        let question = Question::parse(&review(pod())).unwrap();
        assert_eq!((question.plural.as_str(), question.namespace.as_str()), ("pods", "shop"));
        let told = question.answered(Answer::Refused(json!({"message": "no"})));
        assert_eq!(told["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(told["response"]["uid"], "u-1");
        assert_eq!(told["response"]["allowed"], false);
        assert_eq!(told["response"]["status"]["message"], "no");
    }

    #[test]
    fn a_changed_object_is_answered_as_a_patch_that_makes_it() {
        let question = Question::parse(&review(pod())).unwrap();
        let mut wanted = question.object.clone();
        wanted["metadata"]["labels"] = json!({"a/b": "c"});
        wanted["spec"]["containers"] = json!([{"name": "app"}, {"name": "istio-proxy"}]);
        let allowed = Answer::Allowed { warnings: vec![], changed: Some(wanted.clone()) };
        let told = question.answered(allowed);
        let patch = BASE64.decode(told["response"]["patch"].as_str().unwrap()).unwrap();
        let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
        let mut object = question.object.clone();
        json_patch::patch(&mut object, &patch).unwrap();
        assert_eq!((object, &told["response"]["patchType"]), (wanted, &json!("JSONPatch")));
        let same = Answer::Allowed { warnings: vec![], changed: Some(question.object.clone()) };
        assert!(question.answered(same)["response"].get("patch").is_none());
    }

    #[test]
    fn what_is_no_question_is_refused_with_its_reason() {
        #[track_caller]
        fn check(body: &[u8], word: &str) {
            let why = Question::parse(body).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
        check(b"", "not JSON");
        check(b"[1]", "not an AdmissionReview");
        check(br#"{"apiVersion": "admission.k8s.io/v2", "kind": "AdmissionReview"}"#, "v1beta1");
        let mut request = pod();
        request["uid"] = Value::Null;
        check(&review(request), "request.uid is missing");
    }
}
