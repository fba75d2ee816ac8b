//! Requests on a whole collection: list, create, delete all.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ctl_source::Object;
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::object::{self, delete_options};
use super::route::{Ask, Target, parse_object};
use crate::fault::Fault;
use crate::registry;
use crate::table::{self, Format};

/// Lists, by selector, in pages when `limit` is given.
pub(crate) fn list(ask: &Ask, target: &Target) -> Result<Answer, Fault> {
    let selector = target.selector(&ask.query)?;
    let store = ask.shared.registry.store();
    let listing = store.list(&registry::collection(&target.kind), target.namespace.as_deref());
    let start =
        ask.query.get("continue").filter(|c| !c.is_empty()).map(Token::parse).transpose()?;
    let revision = start.as_ref().map_or(listing.revision, |s| s.revision);
    if store.since(revision).is_err() {
        return Err(Fault::expired("the continue token is too old: list again from the start"));
    }
    let mut objects = listing.objects;
    objects.retain(|object| {
        selector.matches(object) && start.as_ref().is_none_or(|start| start.is_before(object))
    });
    let mut metadata = json!({ "resourceVersion": revision.to_string() });
    let limit = ask.query.number("limit")?.and_then(|l| usize::try_from(l).ok()).filter(|l| *l > 0);
    if let Some(limit) = limit.filter(|limit| *limit < objects.len()) {
        metadata["remainingItemCount"] = json!(objects.len() - limit);
        metadata["continue"] = json!(Token::after(&objects[limit - 1], revision).text());
        objects.truncate(limit);
    }
    Ok(answer::json(&shown(ask, target, &objects, &metadata)))
}

fn shown(ask: &Ask, target: &Target, objects: &[Object], metadata: &Value) -> Value {
    if let Some(format) = Format::of(&ask.accept) {
        let include = ask.query.get("includeObject");
        let now = ask.shared.registry.clock().wall();
        let mut table = table::of(&target.kind, &target.version, objects, include, now, format);
        table["metadata"] = metadata.clone();
        return table;
    }
    if table::wants_metadata(&ask.accept) {
        let items: Vec<Value> = objects.iter().map(|object| table::metadata_of(object)).collect();
        return json!({ "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
            "metadata": metadata, "items": items });
    }
    let items: Vec<Value> = objects.iter().map(|o| object::versioned(target, o)).collect();
    let api_version = object::api_version(target);
    json!({ "apiVersion": api_version, "kind": target.kind.list_kind,
        "metadata": metadata, "items": items })
}

/// Creates one object.
pub(crate) async fn create(ask: &Ask, target: &Target, raw: &[u8]) -> Result<Answer, Fault> {
    let options = ask.write_options()?;
    let all = target.kind.namespaced && target.namespace.is_none();
    if all {
        return Err(Fault::method(&ask.method, &ask.path));
    }
    let (body, mut warnings) = parse_object(raw, &ask.content_type, options.field_validation)?;
    let body = target.view.inward(body)?;
    let registry = &ask.shared.registry;
    let written = registry.create_object(&target.kind, target.space(), body, options).await?;
    warnings.extend(written.warnings);
    let shown = object::shown(ask, target, &written.object);
    Ok(answer::warn(answer::coded(StatusCode::CREATED, &shown), &warnings))
}

/// Deletes what the selectors match.
pub(crate) async fn delete(ask: &Ask, target: &Target, body: &Value) -> Result<Answer, Fault> {
    let selector = target.selector(&ask.query)?;
    let options = delete_options(ask, body)?;
    let registry = &ask.shared.registry;
    let listing =
        registry.store().list(&registry::collection(&target.kind), target.namespace.as_deref());
    let matching: Vec<Object> =
        listing.objects.into_iter().filter(|o| selector.matches(o)).collect();
    for object in &matching {
        let text = |path| registry::text(object, path).unwrap_or_default();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        match registry.delete_object(&target.kind, namespace, name, &options).await {
            Err(fault) if fault.code != 404 => return Err(fault),
            _ => {}
        }
    }
    let metadata = json!({ "resourceVersion": registry.store().revision().to_string() });
    Ok(answer::json(&shown(ask, target, &matching, &metadata)))
}

/// Where a list goes on: after this object, in the list of this revision.
struct Token {
    revision: u64,
    namespace: String,
    name: String,
}

impl Token {
    fn parse(text: &str) -> Result<Self, Fault> {
        let bad = || Fault::bad("the continue token is not one of this server");
        let bytes = BASE64.decode(text).map_err(|_not_base64| bad())?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_not_json| bad())?;
        let own = |at: usize| value[at].as_str().map(str::to_owned).ok_or_else(bad);
        Ok(Self { revision: value[0].as_u64().ok_or_else(bad)?, namespace: own(1)?, name: own(2)? })
    }

    fn after(object: &Value, revision: u64) -> Self {
        let (namespace, name) = place(object);
        Self { revision, namespace, name }
    }

    fn text(&self) -> String {
        BASE64.encode(json!([self.revision, self.namespace, self.name]).to_string())
    }

    fn is_before(&self, object: &Value) -> bool {
        let (namespace, name) = place(object);
        (&self.namespace, &self.name) < (&namespace, &name)
    }
}

fn place(object: &Value) -> (String, String) {
    let text = |path| registry::text(object, path).unwrap_or_default().to_owned();
    (text("/metadata/namespace"), text("/metadata/name"))
}
