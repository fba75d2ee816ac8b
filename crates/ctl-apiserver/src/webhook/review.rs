//! What a webhook is sent, and what its answer means.
//!
//! In: a write; later an AdmissionReview. Out: the request; a verdict. Holds: an answer to another question is no answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{Asked, Objects};

/// Longer warnings are cut.
const LONGEST_WARNING: usize = 256;

/// What a webhook decided.
#[derive(Debug)]
pub(super) struct Verdict {
    /// HTTP code and reason, when it refuses.
    pub(super) refusal: Option<(u16, String)>,
    pub(super) warnings: Vec<String>,
    /// The object after the patch.
    pub(super) changed: Option<Value>,
    patch: Option<json_patch::Patch>,
}

/// The request without the objects: what conditions may look at.
pub(super) fn request(asked: &Asked<'_>, version: &str, objects: Objects<'_>) -> Value {
    let Asked { operation, kind, subresource, namespace, name, user, dry_run, .. } = *asked;
    let of_kind = |version: &str| match subresource {
        "scale" => json!({ "group": "autoscaling", "version": "v1", "kind": "Scale" }),
        _ => json!({ "group": kind.group, "version": version, "kind": kind.kind }),
    };
    let resource =
        |version: &str| json!({ "group": kind.group, "version": version, "resource": kind.plural });
    let mut request = json!({
        "uid": uuid::Uuid::new_v4().to_string(), "operation": operation,
        "kind": of_kind(version), "requestKind": of_kind(asked.version),
        "resource": resource(version), "requestResource": resource(asked.version),
        "userInfo": user.info(), "dryRun": dry_run,
        "options": { "apiVersion": "meta.k8s.io/v1", "kind": options_of(operation) },
    });
    if !subresource.is_empty() {
        request["subResource"] = json!(subresource);
        request["requestSubResource"] = json!(subresource);
    }
    if kind.namespaced {
        request["namespace"] = json!(namespace);
    } else if kind.group.is_empty() && kind.kind == "Namespace" {
        request["namespace"] = json!(name);
    }
    // A name that the server made is its own matter until the object is stored.
    let named = !objects.old.is_null() || objects.new["metadata"].get("generateName").is_none();
    request["name"] = json!(if named { name } else { "" });
    request
}

/// The request with the objects, in the version that the webhook wants.
pub(super) fn with_objects(
    mut request: Value,
    asked: &Asked<'_>,
    version: &str,
    objects: Objects<'_>,
) -> Value {
    for (name, object) in [("object", objects.new), ("oldObject", objects.old)] {
        let mut shown = object.clone();
        if !shown.is_null() && asked.subresource != "scale" {
            shown["apiVersion"] = json!(asked.kind.api_version(version));
        }
        request[name] = shown;
    }
    request
}

fn options_of(operation: &str) -> &'static str {
    match operation {
        "CREATE" => "CreateOptions",
        "DELETE" => "DeleteOptions",
        _ => "UpdateOptions",
    }
}

/// Reads the answer to the question `uid`.
pub(super) fn read(answer: &Value, uid: &str) -> Result<Verdict, String> {
    let response = &answer["response"];
    if answer["kind"] != "AdmissionReview" || answer["apiVersion"] != "admission.k8s.io/v1" {
        return Err("its answer is no AdmissionReview of admission.k8s.io/v1".to_owned());
    }
    if response["uid"] != uid {
        return Err(format!("its answer has response.uid {}, not {uid:?}", response["uid"]));
    }
    let allowed = response["allowed"].as_bool();
    let allowed = allowed.ok_or("its answer has no response.allowed that is true or false")?;
    let warnings = response["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(Verdict {
        refusal: (!allowed).then(|| refusal(&response["status"])),
        warnings: warnings.map(tidy).collect(),
        changed: None,
        patch: patch(response)?,
    })
}

fn refusal(status: &Value) -> (u16, String) {
    let code = status["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let code = code.filter(|code| (400..600).contains(code)).unwrap_or(400);
    let text = |name: &str| status[name].as_str().filter(|text| !text.is_empty());
    let why = text("message").or_else(|| text("reason")).unwrap_or("it does not say why");
    (code, why.to_owned())
}

fn tidy(warning: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    warning.chars().map(clean).take(LONGEST_WARNING).collect()
}

fn patch(response: &Value) -> Result<Option<json_patch::Patch>, String> {
    let Some(text) = response["patch"].as_str().filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if response["patchType"] != "JSONPatch" {
        return Err(format!("its patchType is {}, not JSONPatch", response["patchType"]));
    }
    let bytes = BASE64.decode(text).map_err(|error| format!("its patch is not base64: {error}"))?;
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|error| format!("its patch is no JSON patch: {error}"))
}

impl Verdict {
    /// The same with what the patch makes of the object.
    pub(super) fn applied(mut self, object: &Value) -> Result<Self, String> {
        let Some(patch) = self.patch.take().filter(|_| self.refusal.is_none()) else {
            return Ok(self);
        };
        let mut changed = object.clone();
        json_patch::patch(&mut changed, &patch)
            .map_err(|error| format!("its patch does not fit the object: {error}"))?;
        for field in ["name", "namespace", "uid", "resourceVersion"] {
            if changed["metadata"].get(field) != object["metadata"].get(field) {
                return Err(format!("its patch changes metadata.{field}, which no webhook may"));
            }
        }
        self.changed = Some(changed);
        Ok(self)
    }
}
