//! Runs a stock Envoy as this pod's data plane.
//!
//! In: the pod's environment. Out: a running Envoy with certificates, configuration and a health port.
//! Holds: Envoy and agent end together; the private key goes to Envoy over a unix socket of this pod only.
//! Never: changes a resource; discovery passes through, except the names that the agent itself answers from.
//! Why forward discovery: Envoy has no token that is renewed on disk, and no socket of its own before it has a config.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use proxy_engine::Callers;
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use weft_identity::{IdentityStore, RotateOptions, rotate};
use weft_rt::{Clock, Tasks};
use weft_types::SpiffeId;

use crate::authority::{Authority, ControlPlane};
use crate::callers::Reports;
use crate::names::Resolving;
use crate::settings::{Role, Settings};

mod access_log;
mod admin;
mod bootstrap;
mod drain;
mod envoy;
mod forward;
mod health;
mod secrets;

/// Where Envoy's peers of other vendors look for the secrets socket, too.
const SOCKETS: &str = "/var/run/secrets/workload-spiffe-uds";

/// Where things are; all but `envoy` is fixed in a pod.
struct Places {
    folder: PathBuf,
    envoy: PathBuf,
}

impl Places {
    fn secrets(&self) -> PathBuf {
        self.folder.join("socket")
    }

    fn discovery(&self) -> PathBuf {
        self.folder.join("xds")
    }

    fn bootstrap(&self) -> PathBuf {
        self.folder.join("envoy-bootstrap.json")
    }
}

/// Runs until SIGTERM or until Envoy ends. `env` may name the program in `ENVOY_PATH`; else it is found on PATH.
pub(crate) async fn run(settings: Settings, env: &BTreeMap<String, String>) -> Result<()> {
    let envoy = env.get("ENVOY_PATH").filter(|path| !path.is_empty());
    let envoy = PathBuf::from(envoy.map_or("envoy", String::as_str));
    let places = Places { folder: SOCKETS.into(), envoy };
    let clock = Clock::real();
    std::fs::create_dir_all(&places.folder)
        .with_context(|| format!("cannot make {}", places.folder.display()))?;

    let mut tasks = Tasks::new();
    let store = IdentityStore::new();
    let control_plane = ControlPlane::at(&settings.discovery, store.clone());
    let signer = Authority(control_plane.also_at(&settings.authority));
    tasks.spawn("certificates", certificates(&settings, &store, signer, &clock)?);
    let secrets = listen(&places.secrets())?;
    let callers = Callers::default();
    let log = access_log::service(callers.clone(), clock.clone());
    tasks.spawn("secrets", secrets::serve(secrets, log, store.clone(), clock.clone()));
    let reports = Reports::new(&settings, control_plane.clone(), callers, clock.clone());
    if settings.role == Role::Sidecar {
        tasks.spawn("callers", reports.clone().run());
    }
    let discovery = listen(&places.discovery())?;
    let names = settings.captures_names().then(|| Resolving::of(&settings, &clock));
    if let Some(names) = &names {
        names.serve(&mut tasks).await?;
    }
    tasks.spawn("discovery", forward::serve(discovery, control_plane, names));
    tasks.spawn("health", health::serve(Arc::new(settings.clone()), store, clock.clone()));

    let bootstrap = places.bootstrap();
    let text = bootstrap::render(&settings, &places.secrets(), &places.discovery());
    std::fs::write(&bootstrap, text)
        .with_context(|| format!("cannot write {}", bootstrap.display()))?;
    let ended = envoy::run(&places.envoy, &bootstrap, &settings, &clock).await;
    reports.finish().await;
    tasks.shutdown(&clock, std::time::Duration::from_millis(200)).await;
    ended
}

fn certificates(
    settings: &Settings,
    store: &IdentityStore,
    signer: Authority,
    clock: &Clock,
) -> Result<impl Future<Output = ()> + Send + 'static> {
    let domain = settings.trust_domain.parse().context("TRUST_DOMAIN")?;
    let identity = SpiffeId::new(domain, &settings.namespace, &settings.service_account)
        .context("POD_NAMESPACE and SERVICE_ACCOUNT")?;
    let options = RotateOptions { identity, ttl: settings.secret_ttl };
    Ok(rotate(store.clone(), signer, options, clock.clone()))
}

/// Binds a unix socket; one that a former agent left behind is replaced.
fn listen(path: &Path) -> Result<UnixListenerStream> {
    if path.exists() {
        std::fs::remove_file(path).with_context(|| format!("cannot replace {}", path.display()))?;
    }
    let listener = UnixListener::bind(path);
    let listener = listener.with_context(|| format!("cannot listen on {}", path.display()))?;
    Ok(UnixListenerStream::new(listener))
}
