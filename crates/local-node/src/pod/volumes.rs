//! A pod's volumes as folders under the state folder.
//!
//! In: the pod's volumes and the objects they name. Out: folders; what a container mounts where.
//! Holds: files of one volume change together (a link is swapped); tokens are fresh before they expire.
//! Never: other volume kinds; they are named in an event.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::{
    Container, DownwardAPIVolumeFile, KeyToPath, Pod, ProjectedVolumeSource,
    ServiceAccountTokenProjection, Volume, VolumeProjection,
};

use crate::pod::context::PodCtx;
use crate::pod::env::field_value;
use crate::root::Bind;

const ACCESS: &str = "kube-api-access";
const ACCESS_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Tokens of one pod: by audience and lifetime, with the moment of their renewal.
#[derive(Debug, Default)]
pub(crate) struct Tokens(BTreeMap<(Option<String>, i64), (String, SystemTime)>);

type Files = BTreeMap<String, (Vec<u8>, u32)>;

/// Writes (again) every volume that has content of its own.
pub(crate) async fn write_all(ctx: &PodCtx, tokens: &mut Tokens) -> Result<(), String> {
    let pod = ctx.pod();
    let access = default_access(&pod);
    let volumes = pod.spec.iter().flat_map(|s| s.volumes.iter().flatten());
    for volume in volumes.chain(&access) {
        let folder = ctx.volume(&volume.name);
        let failed = |e: io::Error| format!("volume {}: {e}", volume.name);
        fs::create_dir_all(&folder).map_err(failed)?;
        let files = files_of(ctx, &pod, volume, tokens).await;
        if let Some(files) = files.map_err(|e| format!("volume {}: {e}", volume.name))? {
            swap(&folder, &files).map_err(failed)?;
        } else if volume.empty_dir.is_some() {
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).map_err(failed)?;
        }
    }
    Ok(())
}

/// What one container sees.
pub(crate) fn mounts(ctx: &PodCtx, container: &Container) -> Result<Vec<Bind>, String> {
    let pod = ctx.pod();
    let volumes: Vec<&Volume> = pod.spec.iter().flat_map(|s| s.volumes.iter().flatten()).collect();
    let mut binds = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let volume = volumes
            .iter()
            .find(|v| v.name == mount.name)
            .ok_or_else(|| format!("volumeMounts: there is no volume {:?}", mount.name))?;
        let base = match &volume.host_path {
            Some(host) => host_folder(&host.path, host.type_.as_deref().unwrap_or_default())?,
            None => ctx.volume(&volume.name),
        };
        let source = match mount.sub_path.as_deref().filter(|p| !p.is_empty()) {
            Some(sub) => inside(&base, sub, volume.empty_dir.is_some())?,
            None => base,
        };
        let read_only = mount.read_only == Some(true)
            || volume.config_map.is_some()
            || volume.secret.is_some()
            || volume.projected.is_some()
            || volume.downward_api.is_some();
        binds.push(Bind { source, target: mount.mount_path.clone().into(), read_only });
    }
    let taken = binds.iter().any(|bind| bind.target == Path::new(ACCESS_PATH));
    if default_access(&pod).is_some() && !taken {
        let (source, target) = (ctx.volume(ACCESS), ACCESS_PATH.into());
        binds.push(Bind { source, target, read_only: true });
    }
    // Outer paths first, so that an inner mount is not covered by an outer one.
    binds.sort_by_key(|bind| bind.target.components().count());
    Ok(binds)
}

/// Kinds of volumes that this node has no answer for.
pub(crate) fn unknown_kind(volume: &Volume) -> bool {
    volume.empty_dir.is_none()
        && volume.config_map.is_none()
        && volume.secret.is_none()
        && volume.projected.is_none()
        && volume.downward_api.is_none()
        && volume.host_path.is_none()
}

/// The credentials volume that Kubernetes adds to every pod which does not refuse it.
fn default_access(pod: &Pod) -> Option<Volume> {
    let spec = pod.spec.as_ref()?;
    if spec.automount_service_account_token == Some(false) {
        return None;
    }
    let token = ServiceAccountTokenProjection {
        path: "token".into(),
        expiration_seconds: Some(3607),
        ..Default::default()
    };
    let source = VolumeProjection { service_account_token: Some(token), ..Default::default() };
    let projected = ProjectedVolumeSource { sources: Some(vec![source]), ..Default::default() };
    Some(Volume { name: ACCESS.into(), projected: Some(projected), ..Default::default() })
}

async fn files_of(
    ctx: &PodCtx,
    pod: &Pod,
    volume: &Volume,
    tokens: &mut Tokens,
) -> Result<Option<Files>, String> {
    let mut files = Files::new();
    if let Some(map) = &volume.config_map {
        let mode = map.default_mode;
        let want = Want { kind: "ConfigMap", name: &map.name, items: map.items.as_deref(), mode };
        keyed(ctx, &want, map.optional, &mut files).await?;
    } else if let Some(secret) = &volume.secret {
        let name = secret.secret_name.as_deref().unwrap_or_default();
        let mode = secret.default_mode;
        let want = Want { kind: "Secret", name, items: secret.items.as_deref(), mode };
        keyed(ctx, &want, secret.optional, &mut files).await?;
    } else if let Some(downward) = &volume.downward_api {
        let items = downward.items.as_deref().unwrap_or_default();
        fields(ctx, pod, items, downward.default_mode, &mut files)?;
    } else if let Some(projected) = &volume.projected {
        for source in projected.sources.iter().flatten() {
            project(ctx, pod, source, projected.default_mode, &mut files, tokens).await?;
        }
        if volume.name == ACCESS {
            access_files(ctx, &mut files).await?;
        }
    } else {
        return Ok(None);
    }
    Ok(Some(files))
}

async fn project(
    ctx: &PodCtx,
    pod: &Pod,
    source: &VolumeProjection,
    mode: Option<i32>,
    files: &mut Files,
    tokens: &mut Tokens,
) -> Result<(), String> {
    if let Some(map) = &source.config_map {
        let want = Want { kind: "ConfigMap", name: &map.name, items: map.items.as_deref(), mode };
        keyed(ctx, &want, map.optional, files).await?;
    }
    if let Some(secret) = &source.secret {
        let want =
            Want { kind: "Secret", name: &secret.name, items: secret.items.as_deref(), mode };
        keyed(ctx, &want, secret.optional, files).await?;
    }
    if let Some(downward) = &source.downward_api {
        fields(ctx, pod, downward.items.as_deref().unwrap_or_default(), mode, files)?;
    }
    if let Some(wanted) = &source.service_account_token {
        let token = token(ctx, wanted, tokens).await?;
        files.insert(wanted.path.clone(), (token.into_bytes(), bits(mode)));
    }
    Ok(())
}

async fn token(
    ctx: &PodCtx,
    wanted: &ServiceAccountTokenProjection,
    tokens: &mut Tokens,
) -> Result<String, String> {
    let audience = wanted.audience.clone().filter(|a| !a.is_empty());
    let seconds = wanted.expiration_seconds.unwrap_or(3600);
    let now = ctx.node.clock.wall();
    let key = (audience, seconds);
    if let Some((token, renew)) = tokens.0.get(&key).filter(|(_, renew)| now < *renew) {
        let _ = renew;
        return Ok(token.clone());
    }
    let token = ctx.request_token(key.0.as_deref(), seconds).await?;
    let lifetime = Duration::from_secs(u64::try_from(seconds).unwrap_or(3600));
    tokens.0.insert(key, (token.clone(), now + lifetime.mul_f64(0.8)));
    Ok(token)
}

async fn access_files(ctx: &PodCtx, files: &mut Files) -> Result<(), String> {
    files.insert("namespace".into(), (ctx.namespace.clone().into_bytes(), 0o644));
    let published = ctx.data("ConfigMap", "kube-root-ca.crt", Some(true)).await?;
    let published = published.and_then(|mut data| data.remove("ca.crt"));
    let known = ctx.node.config.api_ca.clone().map(String::into_bytes);
    if let Some(ca) = published.or(known) {
        files.insert("ca.crt".into(), (ca, 0o644));
    }
    Ok(())
}

struct Want<'a> {
    kind: &'static str,
    name: &'a str,
    items: Option<&'a [KeyToPath]>,
    mode: Option<i32>,
}

async fn keyed(
    ctx: &PodCtx,
    want: &Want<'_>,
    optional: Option<bool>,
    files: &mut Files,
) -> Result<(), String> {
    let Some(mut data) = ctx.data(want.kind, want.name, optional).await? else { return Ok(()) };
    let Some(items) = want.items else {
        files.extend(data.into_iter().map(|(key, value)| (key, (value, bits(want.mode)))));
        return Ok(());
    };
    for KeyToPath { key, mode, path, user: _ } in items {
        match data.remove(key) {
            Some(value) => {
                files.insert(path.clone(), (value, bits(mode.or(want.mode))));
            }
            None if optional == Some(true) => {}
            None => return Err(format!("{} {} has no key {key}", want.kind, want.name)),
        }
    }
    Ok(())
}

fn fields(
    ctx: &PodCtx,
    pod: &Pod,
    items: &[DownwardAPIVolumeFile],
    mode: Option<i32>,
    files: &mut Files,
) -> Result<(), String> {
    for item in items {
        let Some(field) = &item.field_ref else { continue };
        let value = field_value(ctx, pod, &field.field_path)?;
        files.insert(item.path.clone(), (value.into_bytes(), bits(item.mode.or(mode))));
    }
    Ok(())
}

fn bits(mode: Option<i32>) -> u32 {
    mode.and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o644)
}

/// Writes a new generation beside the old one and swaps the link `..data`, as kubelets do.
fn swap(folder: &Path, files: &Files) -> io::Result<()> {
    let current = folder.join("..data");
    let unchanged = |(path, (data, _)): (&String, &(Vec<u8>, u32))| {
        fs::read(current.join(path)).is_ok_and(|now| now == *data)
    };
    if current.exists() && files.iter().all(unchanged) {
        return Ok(());
    }
    let old = fs::read_link(&current).ok();
    let generation = old.as_ref().and_then(|o| o.to_str()?.strip_prefix("..")?.parse().ok());
    let name = format!("..{}", generation.unwrap_or(0u64) + 1);
    let fresh = folder.join(&name);
    fs::create_dir_all(&fresh)?;
    for (path, (data, mode)) in files {
        let file = confined(&fresh, path)?;
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file, data)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(*mode))?;
    }
    let next = folder.join("..next");
    symlink(&name, &next)?;
    fs::rename(&next, &current)?;
    for path in files.keys() {
        let top = path.split('/').next().unwrap_or(path);
        let link = folder.join(top);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new("..data").join(top), link)?;
        }
    }
    if let Some(old) = old {
        fs::remove_dir_all(folder.join(old))?;
    }
    Ok(())
}

fn confined(folder: &Path, path: &str) -> io::Result<PathBuf> {
    let path = Path::new(path);
    let plain = path.components().all(|c| matches!(c, Component::Normal(_)));
    if plain { Ok(folder.join(path)) } else { Err(io::Error::other(format!("bad path {path:?}"))) }
}

fn inside(base: &Path, sub: &str, create: bool) -> Result<PathBuf, String> {
    let path = confined(base, sub).map_err(|e| format!("subPath: {e}"))?;
    if create {
        fs::create_dir_all(&path).map_err(|e| format!("subPath {sub}: {e}"))?;
    }
    path.canonicalize().map_err(|e| format!("subPath {sub}: {e}"))
}

fn host_folder(path: &str, kind: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
    let make = match kind {
        "DirectoryOrCreate" => fs::create_dir_all(&path),
        "FileOrCreate" => fs::OpenOptions::new().create(true).append(true).open(&path).map(drop),
        _ => Ok(()),
    };
    make.map_err(|e| format!("hostPath {}: {e}", path.display()))?;
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("hostPath {}: there is no such file or folder", path.display()))
    }
}
