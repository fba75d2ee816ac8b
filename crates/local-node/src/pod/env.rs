//! A container's environment.
//!
//! In: the container's `env` and `envFrom`, the objects they name, the pod. Out: names and values, in order.
//! Holds: a later entry wins; `$(NAME)` sees earlier entries only, as in Kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVar, EnvVarSource, Pod};
use serde_json::Value;

use crate::pod::context::PodCtx;

/// Builds the environment, or says which reference is missing.
pub(crate) async fn environment(
    ctx: &PodCtx,
    container: &Container,
) -> Result<Vec<(String, String)>, String> {
    let mut env = Env::default();
    env.set("PATH", ctx.node.config.path.clone());
    env.set("HOME", "/root".into());
    env.set("HOSTNAME", ctx.hostname());
    let linked = ctx.pod().spec.as_ref().and_then(|s| s.enable_service_links) != Some(false);
    let namespace = if linked { ctx.namespace.as_str() } else { "" };
    for (name, value) in ctx.node.services.environment(namespace) {
        env.set(&name, value);
    }
    for from in container.env_from.iter().flatten() {
        for (name, value) in imported(ctx, from).await? {
            env.set(&name, value);
        }
    }
    let pod = ctx.pod();
    for variable in container.env.iter().flatten() {
        if let Some(value) = value_of(ctx, &pod, container, variable, &env).await? {
            env.set(&variable.name, value);
        }
    }
    if container.tty == Some(true) && !env.index.contains_key("TERM") {
        env.set("TERM", "xterm".into());
    }
    Ok(env.values)
}

/// Replaces `$(NAME)`; `$$` is a dollar, unknown names stay as they are.
pub(crate) fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let name = rest.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        match name.and_then(|(name, after)| lookup(name).map(|value| (value, after))) {
            Some((value, after)) => {
                out.push_str(&value);
                rest = after;
            }
            None => out.push('$'),
        }
    }
    out + rest
}

/// Looks a name up in finished variables.
pub(crate) fn find(env: &[(String, String)], name: &str) -> Option<String> {
    env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

#[derive(Debug, Default)]
struct Env {
    values: Vec<(String, String)>,
    index: BTreeMap<String, usize>,
}

impl Env {
    fn set(&mut self, name: &str, value: String) {
        if let Some(at) = self.index.get(name) {
            self.values[*at].1 = value;
        } else {
            self.index.insert(name.to_owned(), self.values.len());
            self.values.push((name.to_owned(), value));
        }
    }

    fn get(&self, name: &str) -> Option<String> {
        self.index.get(name).map(|at| self.values[*at].1.clone())
    }
}

async fn imported(ctx: &PodCtx, from: &EnvFromSource) -> Result<Vec<(String, String)>, String> {
    let prefix = from.prefix.as_deref().unwrap_or_default();
    let (kind, name, optional) = match (&from.config_map_ref, &from.secret_ref) {
        (Some(map), _) => ("ConfigMap", &map.name, map.optional),
        (None, Some(secret)) => ("Secret", &secret.name, secret.optional),
        (None, None) => return Ok(Vec::new()),
    };
    let Some(data) = ctx.data(kind, name, optional).await? else { return Ok(Vec::new()) };
    let text = |(key, value): (String, Vec<u8>)| {
        String::from_utf8(value).ok().map(|value| (format!("{prefix}{key}"), value))
    };
    Ok(data.into_iter().filter_map(text).collect())
}

async fn value_of(
    ctx: &PodCtx,
    pod: &Pod,
    container: &Container,
    variable: &EnvVar,
    env: &Env,
) -> Result<Option<String>, String> {
    let Some(from) = &variable.value_from else {
        let text = variable.value.as_deref().unwrap_or_default();
        return Ok(Some(expand(text, &|name| env.get(name))));
    };
    let EnvVarSource { field_ref, resource_field_ref, config_map_key_ref, secret_key_ref, .. } =
        from;
    if let Some(field) = field_ref {
        return field_value(ctx, pod, &field.field_path).map(Some);
    }
    if let Some(resource) = resource_field_ref {
        return Ok(Some(resource_value(container, &resource.resource)));
    }
    let (kind, name, key, optional) = match (config_map_key_ref, secret_key_ref) {
        (Some(r), _) => ("ConfigMap", &r.name, &r.key, r.optional),
        (None, Some(r)) => ("Secret", &r.name, &r.key, r.optional),
        (None, None) => return Err(format!("env {}: valueFrom names no source", variable.name)),
    };
    let Some(data) = ctx.data(kind, name, optional).await? else { return Ok(None) };
    match data.get(key) {
        Some(value) => Ok(Some(String::from_utf8_lossy(value).into_owned())),
        None if optional == Some(true) => Ok(None),
        None => Err(format!("env {}: {kind} {name} has no key {key}", variable.name)),
    }
}

/// A field of the pod, as the downward API names it.
pub(crate) fn field_value(ctx: &PodCtx, pod: &Pod, path: &str) -> Result<String, String> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    let keyed = |prefix: &str, map: &Option<BTreeMap<String, String>>| {
        let key = path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']")?;
        Some(map.as_ref().and_then(|m| m.get(key)).cloned().unwrap_or_default())
    };
    let lines = |map: &Option<BTreeMap<String, String>>| {
        let line = |(k, v): (&String, &String)| format!("{k}={}\n", Value::from(v.as_str()));
        map.iter().flatten().map(line).collect::<String>()
    };
    Ok(match path {
        "metadata.name" => ctx.name.clone(),
        "metadata.namespace" => ctx.namespace.clone(),
        "metadata.uid" => ctx.uid.clone(),
        "metadata.labels" => lines(&meta.labels),
        "metadata.annotations" => lines(&meta.annotations),
        "spec.nodeName" => ctx.node.config.name.clone(),
        "spec.serviceAccountName" => {
            spec.and_then(|s| s.service_account_name.clone()).unwrap_or_else(|| "default".into())
        }
        "status.podIP" | "status.podIPs" => ctx.address.to_string(),
        "status.hostIP" | "status.hostIPs" => ctx.node.config.address.to_string(),
        _ => {
            return keyed("metadata.labels", &meta.labels)
                .or_else(|| keyed("metadata.annotations", &meta.annotations))
                .ok_or_else(|| format!("unknown field {path:?}"));
        }
    })
}

/// What the container declares; 0 is "no limit is declared", because the node sets none.
fn resource_value(container: &Container, resource: &str) -> String {
    let declared = container.resources.as_ref().and_then(|r| match resource.split_once('.')? {
        ("limits", name) => r.limits.as_ref()?.get(name).cloned(),
        ("requests", name) => r.requests.as_ref()?.get(name).cloned(),
        _ => None,
    });
    declared.and_then(|quantity| whole(&quantity.0)).unwrap_or(0).to_string()
}

/// A quantity as a whole number, rounded up.
fn whole(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().ok()?;
    let factor = match unit {
        "" => 1.0,
        "m" => 0.001,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "parsed without a sign; the cast saturates"
    )]
    let whole = (number * factor).ceil() as u64;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_expand_and_unknown_ones_stay() {
        let lookup = |name: &str| (name == "A").then(|| "1".to_owned());
        assert_eq!(expand("x$(A)y$$(A)$(B)$", &lookup), "x1y$(A)$(B)$");
        assert_eq!((whole("500m"), whole("128Mi"), whole("x")), (Some(1), Some(134_217_728), None));
    }
}
