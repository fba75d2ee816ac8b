//! Server-side apply: who applies owns what it applied.

use serde_json::{Value, json};

use super::{Part, Registry, WriteOptions, Written, metadata, text};
use crate::admission::Admission;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::managed::{self, Writer};
use crate::{moment, strict};

/// How often an apply is tried again when somebody else was faster.
const ATTEMPTS: u32 = 16;

impl Registry {
    /// Applies `config` as the manager that the options name; whether the object is new.
    ///
    /// # Errors
    /// When somebody else owns a field that would change, unless `force`; else as creation and update.
    pub async fn apply_object(
        &self,
        kind: &Kind,
        (namespace, name): (&str, &str),
        part: Part,
        config: &Value,
        force: bool,
        options: WriteOptions,
    ) -> Result<(Written, bool), Fault> {
        let (config, warnings) = checked(kind, name, config, &options, &*self.inner.admission)?;
        let options = WriteOptions { applied: true, ..options };
        for _ in 0..ATTEMPTS {
            let done = match self.read(kind, namespace, name) {
                Err(fault) if fault.code == 404 && part == Part::Main => {
                    self.apply_new(kind, (namespace, name), &config, force, &options).await
                }
                Err(fault) => return Err(fault),
                Ok(_) => {
                    self.apply_onto(kind, (namespace, name), part, &config, force, &options).await
                }
            };
            match done {
                // Somebody was faster: the object appeared, or went.
                Err(fault)
                    if matches!(fault.reason, "AlreadyExists" | "NotFound") && !kind.ending => {}
                Err(fault) => return Err(fault),
                Ok((mut written, new)) => {
                    written.warnings.splice(0..0, warnings);
                    return Ok((written, new));
                }
            }
        }
        Err(Fault::conflict(kind, name))
    }

    async fn apply_new(
        &self,
        kind: &Kind,
        (namespace, name): (&str, &str),
        config: &Value,
        force: bool,
        options: &WriteOptions,
    ) -> Result<(Written, bool), Fault> {
        if text(config, "/metadata/uid").is_some()
            || text(config, "/metadata/resourceVersion").is_some()
        {
            return Err(Fault::conflict(kind, name));
        }
        let now = moment::format(self.inner.clock.wall());
        let writer = writer(kind, config, Part::Main, &options.manager, &now)?;
        let mut object = managed::applied(&writer, &json!({ "metadata": {} }), config, force)?;
        object["apiVersion"] = config["apiVersion"].clone();
        object["metadata"]["name"] = json!(name);
        let written = self.create_object(kind, namespace, object, options.clone()).await?;
        Ok((written, true))
    }

    async fn apply_onto(
        &self,
        kind: &Kind,
        (namespace, name): (&str, &str),
        part: Part,
        config: &Value,
        force: bool,
        options: &WriteOptions,
    ) -> Result<(Written, bool), Fault> {
        let now = moment::format(self.inner.clock.wall());
        let writer = writer(kind, config, part, &options.manager, &now)?;
        let edit = |live: Value| {
            if let Some(uid) =
                config["metadata"].get("uid").filter(|uid| **uid != live["metadata"]["uid"])
            {
                tracing::debug!(%uid, "an apply names another object");
                return Err(Fault::conflict(kind, name));
            }
            let mut object = managed::applied(&writer, &live, config, force)?;
            object["apiVersion"] = config["apiVersion"].clone();
            if let Some(version) = text(config, "/metadata/resourceVersion") {
                object["metadata"]["resourceVersion"] = json!(version);
            }
            Ok(object)
        };
        let written = self.change(kind, namespace, name, part, options.clone(), edit).await?;
        Ok((written, false))
    }
}

fn writer<'a>(
    kind: &'a Kind,
    object: &Value,
    part: Part,
    name: &'a str,
    now: &'a str,
) -> Result<Writer<'a>, Fault> {
    let version = kind.version_of(object).ok_or_else(|| Fault::no_path(&kind.plural))?;
    Ok(Writer { name, kind, version, part, via: "", now })
}

/// What is applied, without what the kind does not have.
fn checked(
    kind: &Kind,
    name: &str,
    config: &Value,
    options: &WriteOptions,
    admission: &dyn Admission,
) -> Result<(Value, Vec<String>), Fault> {
    let mut config = config.clone();
    let given = metadata::of(&mut config)?;
    if given.get("managedFields").is_some_and(|list| list.as_array().is_none_or(|l| !l.is_empty()))
    {
        return Err(Fault::bad("metadata.managedFields must be left out of what is applied"));
    }
    given.remove("managedFields");
    if given.get("name").is_some_and(|given| given != name) {
        return Err(Fault::bad(format!("the object's name does not fit the request's {name:?}")));
    }
    let written = config["apiVersion"].as_str().unwrap_or_default().to_owned();
    if written.is_empty() || config["kind"].as_str().is_none_or(str::is_empty) {
        return Err(Fault::bad("apiVersion and kind must be set in what is applied"));
    }
    let version = kind.version_of(&config).ok_or_else(|| Fault::no_path(&kind.plural))?;
    metadata::stamp_kind(kind, &mut config)?;
    let mut warnings = strict::check(kind, &mut config, options.field_validation)?;
    let level = options.field_validation;
    // It is a part of an object: that something is missing in it says nothing.
    let findings = admission.findings(kind, &config);
    let unknown = findings.map(|all| all.into_iter().filter(|f| f.unknown).collect::<Vec<_>>());
    warnings.extend(crate::conform::known(kind, version, &mut config, level, unknown.as_deref())?);
    config["apiVersion"] = json!(written);
    Ok((config, warnings))
}
