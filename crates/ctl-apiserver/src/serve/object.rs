//! Requests on one object and its sub-resources.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::query::dry_run;
use super::route::{Ask, Target, parse, parse_object};
use crate::fault::Fault;
use crate::kind::Scale;
use crate::patch::Patch;
use crate::registry::{self, DeleteOptions, Part, Propagation, Written};
use crate::table::{self, Format};
use crate::{Warning, WriteOptions};

/// The content type of a server-side apply.
const APPLY: &str = "application/apply-patch+yaml";

/// `apps/v1`.
pub(crate) fn api_version(target: &Target) -> String {
    let stored = || target.kind.api_version(&target.version);
    target.view.api_version().map_or_else(stored, str::to_owned)
}

/// The object in the version that was asked for.
pub(crate) fn versioned(target: &Target, object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!(api_version(target));
    target.view.outward(object)
}

/// The object as the client wants to see it.
pub(crate) fn shown(ask: &Ask, target: &Target, object: &ctl_source::Object) -> Value {
    if table::wants_metadata(&ask.accept) {
        return table::metadata_of(object);
    }
    let Some(format) = Format::of(&ask.accept) else { return versioned(target, object) };
    let (include, now) = (ask.query.get("includeObject"), ask.shared.registry.clock().wall());
    let objects = std::slice::from_ref(object);
    let mut table = table::of(&target.kind, &target.version, objects, include, now, format);
    table["metadata"] = json!({ "resourceVersion": object["metadata"]["resourceVersion"] });
    table
}

/// Answers a request on one object.
pub(crate) async fn answer(
    ask: &Ask,
    target: &Target,
    name: &str,
    raw: &[u8],
) -> Result<Answer, Fault> {
    let part = match target.subresource.as_deref() {
        None => Part::Main,
        Some("status") if target.version().is_some_and(|v| v.has_status) => Part::Status,
        Some("scale") => return scale(ask, target, name, raw).await,
        Some("token") => return token(ask, target, name, raw),
        Some("ephemeralcontainers" | "eviction" | "binding" | "resize" | "finalize" | "proxy")
        | Some(_) => {
            return Err(Fault::no_path(&ask.path));
        }
    };
    let registry = &ask.shared.registry;
    match ask.method {
        Method::GET => {
            let object = registry.read(&target.kind, target.space(), name)?;
            Ok(answer::json(&shown(ask, target, &object)))
        }
        Method::PUT => {
            let options = ask.write_options()?;
            let (body, told) = parse_object(raw, &ask.content_type, options.field_validation)?;
            let (place, body) = (target.space(), target.view.inward(body)?);
            let written = registry.update_object(&target.kind, place, name, part, body, options);
            Ok(done(ask, target, told, &written.await?))
        }
        Method::PATCH => patch(ask, target, name, part, raw).await,
        Method::DELETE if part == Part::Main => delete(ask, target, name, raw).await,
        _ => Err(Fault::method(&ask.method, &ask.path)),
    }
}

fn done(ask: &Ask, target: &Target, mut told: Vec<Warning>, written: &Written) -> Answer {
    told.extend_from_slice(&written.warnings);
    answer::warn(answer::json(&shown(ask, target, &written.object)), &told)
}

fn read_patch(ask: &Ask, target: &Target, raw: &[u8]) -> Result<Patch, Fault> {
    let content_type = ask.content_type.split(';').next().unwrap_or_default().trim();
    let patch = Patch::parse(content_type, raw)?;
    if matches!(patch, Patch::Strategic(_)) && target.kind.custom {
        return Err(Fault::unsupported(
            "a custom kind takes no strategic merge patch: use --type=merge",
        ));
    }
    Ok(patch)
}

async fn patch(
    ask: &Ask,
    target: &Target,
    name: &str,
    part: Part,
    raw: &[u8],
) -> Result<Answer, Fault> {
    if ask.content_type.starts_with(APPLY) {
        return apply(ask, target, name, part, raw).await;
    }
    let options = ask.write_options()?;
    let (_, told) = parse_object(raw, "application/json", options.field_validation)?;
    let patch = read_patch(ask, target, raw)?;
    let edit = |object: Value| {
        let mut object = patch.apply(versioned(target, &object))?;
        if let Some(root) = object.as_object_mut() {
            root.remove("$setElementOrder");
        }
        target.view.inward(object)
    };
    let registry = &ask.shared.registry;
    let written = registry.change(&target.kind, target.space(), name, part, options, edit).await?;
    Ok(done(ask, target, told, &written))
}

async fn apply(
    ask: &Ask,
    target: &Target,
    name: &str,
    part: Part,
    raw: &[u8],
) -> Result<Answer, Fault> {
    if ask.query.get("fieldManager").is_none_or(str::is_empty) {
        return Err(Fault::bad("fieldManager is required: an apply must say who owns its fields"));
    }
    let options = ask.write_options()?;
    let (config, told) = parse_object(raw, "application/yaml", options.field_validation)?;
    let config = target.view.inward(config)?;
    let (registry, force) = (&ask.shared.registry, ask.query.is_on("force"));
    let place = (target.space(), name);
    let done = registry.apply_object(&target.kind, place, part, &config, force, options).await;
    let (mut written, new) = done?;
    written.warnings.splice(0..0, told);
    let code = if new { StatusCode::CREATED } else { StatusCode::OK };
    let shown = shown(ask, target, &written.object);
    Ok(answer::warn(answer::coded(code, &shown), &written.warnings))
}

async fn delete(ask: &Ask, target: &Target, name: &str, raw: &[u8]) -> Result<Answer, Fault> {
    let body = parse(raw, &ask.content_type)?;
    let options = delete_options(ask, &body)?;
    let registry = &ask.shared.registry;
    let (object, gone) =
        registry.delete_object(&target.kind, target.space(), name, &options).await?;
    if !gone {
        return Ok(answer::json(&shown(ask, target, &object)));
    }
    let details = json!({ "name": name, "group": target.kind.group, "kind": target.kind.plural,
        "uid": object["metadata"]["uid"] });
    Ok(answer::json(&json!({ "apiVersion": "v1", "kind": "Status", "metadata": {},
        "status": "Success", "details": details })))
}

/// Options of a deletion, of its body and its query.
pub(crate) fn delete_options(ask: &Ask, body: &Value) -> Result<DeleteOptions, Fault> {
    let in_body = body["dryRun"].as_array().and_then(|d| d.first()).and_then(Value::as_str);
    let dry_run = dry_run(in_body)? || ask.write_options()?.dry_run;
    let query_grace = ask.query.number("gracePeriodSeconds")?.and_then(|g| i64::try_from(g).ok());
    let policy = body["propagationPolicy"].as_str().or(ask.query.get("propagationPolicy"));
    let propagation = match policy {
        None | Some("Background" | "") if body["orphanDependents"] == true => Propagation::Orphan,
        None | Some("Background" | "") => Propagation::Background,
        Some("Foreground") => Propagation::Foreground,
        Some("Orphan") => Propagation::Orphan,
        Some(other) => {
            return Err(Fault::bad(format!("propagationPolicy: unknown value {other:?}")));
        }
    };
    let precondition = |field: &str| body["preconditions"][field].as_str().map(str::to_owned);
    Ok(DeleteOptions {
        grace_seconds: body["gracePeriodSeconds"].as_i64().or(query_grace),
        propagation,
        uid: precondition("uid"),
        resource_version: precondition("resourceVersion"),
        dry_run,
        user: ask.user.clone(),
    })
}

fn token(ask: &Ask, target: &Target, name: &str, raw: &[u8]) -> Result<Answer, Fault> {
    if target.kind.kind != "ServiceAccount" || ask.method != Method::POST {
        return Err(Fault::method(&ask.method, &ask.path));
    }
    ask.write_options()?;
    let body = parse(raw, &ask.content_type)?;
    let issued = ask.shared.registry.issue_token(target.space(), name, body)?;
    Ok(answer::coded(StatusCode::CREATED, &issued))
}

async fn scale(ask: &Ask, target: &Target, name: &str, raw: &[u8]) -> Result<Answer, Fault> {
    let paths = target.version().and_then(|version| version.scale.as_ref());
    let paths = paths.ok_or_else(|| Fault::no_path(&ask.path))?;
    let registry = &ask.shared.registry;
    let object = match ask.method {
        Method::GET => registry.read(&target.kind, target.space(), name)?,
        Method::PUT | Method::PATCH => {
            let options = WriteOptions { via: "scale", ..ask.write_options()? };
            let edit = |object: Value| rescale(ask, paths, raw, object);
            let change =
                registry.change(&target.kind, target.space(), name, Part::Main, options, edit);
            change.await?.object
        }
        _ => return Err(Fault::method(&ask.method, &ask.path)),
    };
    Ok(answer::json(&paths.of(&object)))
}

fn rescale(ask: &Ask, paths: &Scale, raw: &[u8], mut object: Value) -> Result<Value, Fault> {
    let mut now = paths.of(&object);
    if let Some(metadata) = now["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
    }
    let next = if ask.method == Method::PUT {
        parse(raw, &ask.content_type)?
    } else {
        let content_type = ask.content_type.split(';').next().unwrap_or_default().trim();
        Patch::parse(content_type, raw)?.apply(now)?
    };
    let replicas = next["spec"]["replicas"].as_u64();
    let replicas = replicas.ok_or_else(|| Fault::bad("spec.replicas must be a number from 0"))?;
    *slot(&mut object, &paths.spec) = json!(replicas);
    if let Some(version) =
        registry::text(&next, "/metadata/resourceVersion").filter(|v| !v.is_empty())
    {
        object["metadata"]["resourceVersion"] = json!(version);
    }
    Ok(object)
}

/// The place of a pointer, made when it is missing.
fn slot<'a>(object: &'a mut Value, pointer: &str) -> &'a mut Value {
    pointer.split('/').skip(1).fold(object, |place, step| {
        if !place.is_object() {
            *place = json!({});
        }
        &mut place[step]
    })
}
