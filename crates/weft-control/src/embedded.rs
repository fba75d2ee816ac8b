//! The control plane of `weft up`: API server, store, controllers, discovery and certificates in one process.
//!
//! In: a state folder, the inherited host socket, the address of the node in the mesh namespace.
//! Out: nothing; runs until `shutdown` fires or a part fails for good.
//! Holds: what was acknowledged before an end, also a forced one, is there after the next start.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ctl_admission::MeshSettings;
use ctl_apiserver::tokens::TokenKey;
use ctl_apiserver::{Registry, Server};
use ctl_ca::Ca;
use ctl_callers::Callers;
use ctl_keys::Keys;
use ctl_source::Source;
use ctl_store::Store;
use ipnet::IpNet;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use weft_rt::{Clock, Rng};

use crate::addresses::MeshAddresses;
use crate::admission::MeshAdmission;
use crate::authorities::MeshAuthorities;
use crate::mesh_settings::LiveMesh;
use crate::pipeline::Feedback;
use crate::tokens::Tokens;
use crate::webhook::Hooks;
use crate::{Dataplane, pipeline, serve};

/// What the embedded control plane is started with.
#[derive(Debug)]
pub struct Options {
    /// State folder of this mesh (ARCHITECTURE.md lists its files).
    pub state_dir: PathBuf,
    /// Loopback socket of the host, bound before the namespaces were unshared.
    pub api_listener: TcpListener,
    /// Address of the node in the mesh namespace; API, discovery, certificates and metrics listen on it.
    pub mesh_bind: IpAddr,
    /// Default data plane of injected pods.
    pub dataplane: Dataplane,
    /// How keys of issuers are fetched.
    pub keys: KeyOptions,
    /// Ends everything when it fires.
    pub shutdown: CancellationToken,
}

/// How keys of issuers of tokens are fetched.
#[derive(Debug)]
pub struct KeyOptions {
    /// From one look at keys to the next.
    pub period: Duration,
    /// Networks that no URI of keys may lead to.
    pub blocked: Vec<IpNet>,
}

impl KeyOptions {
    fn start(
        self,
        state_dir: &Path,
        source: &Arc<dyn Source>,
        clock: Clock,
        stop: CancellationToken,
    ) -> Keys {
        let web = ctl_keys::Http {
            addresses: Arc::new(MeshAddresses { source: Arc::clone(source) }),
            authorities: Arc::new(MeshAuthorities { source: Arc::clone(source) }),
            blocked: self.blocked,
        };
        let parts = ctl_keys::Parts {
            web: Arc::new(web),
            period: self.period,
            file: Some(state_dir.join("issuers.json")),
            clock,
            rng: Rng::from_os(),
        };
        Keys::start(parts, stop)
    }
}

const API_PORT: u16 = 6443;

/// Where whoever starts a mesh leaves the ConfigMap with its settings, so that they count for the first pods too.
pub const FIRST_SETTINGS: &str = "settings.json";

fn first_settings(state_dir: &Path) -> anyhow::Result<Option<serde_json::Value>> {
    let text = match std::fs::read_to_string(state_dir.join(FIRST_SETTINGS)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(FIRST_SETTINGS),
    };
    serde_json::from_str(&text).map(Some).context(FIRST_SETTINGS)
}

/// Runs until shutdown.
///
/// # Errors
/// When the store, a certificate or a socket cannot be opened: the message says which and why.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let Options { state_dir, api_listener, mesh_bind, dataplane, keys, shutdown } = options;
    let clock = Clock::real();
    let store = Store::open(state_dir.join("store.redb")).context("store.redb")?;
    let settings = MeshSettings {
        dataplane: match dataplane {
            Dataplane::Weft => ctl_admission::Dataplane::Weft,
            Dataplane::Envoy => ctl_admission::Dataplane::Envoy,
        },
        ..MeshSettings::default()
    };
    let tokens = TokenKey::open(&state_dir).context("token key")?;
    let mesh = Arc::new(LiveMesh::new(store.clone(), settings).context("mesh settings")?);
    let admission = MeshAdmission { mesh: Arc::clone(&mesh) };
    let definitions = weft_model::api::crds();
    let registry =
        Registry::new(store, Box::new(admission.clone()), tokens, clock.clone(), definitions);
    registry.bootstrap().await.map_err(|fault| anyhow::anyhow!("first objects: {fault}"))?;
    let source: Arc<dyn Source> = Arc::new(registry.clone());
    let first = first_settings(&state_dir)?;
    ctl_controllers::system::ensure(&*source, first).await.context("the system's objects")?;
    registry.ask_webhooks();
    let server =
        Server::new(&state_dir, registry.clone(), state_dir.join("node.sock"), shutdown.clone())
            .context("certificates of the API server")?;
    let host = api_listener.local_addr().context("the API server's socket")?;
    api_listener.set_nonblocking(true).context("the API server's socket")?;
    let host_socket = tokio::net::TcpListener::from_std(api_listener)?;
    let inside = SocketAddr::new(mesh_bind, API_PORT);
    let mesh_socket = tokio::net::TcpListener::bind(inside)
        .await
        .with_context(|| format!("API server on {inside}"))?;
    let ca = Arc::new(
        Ca::open_or_create(&state_dir.join("ca"), clock.clone())
            .context("certificate authority")?,
    );
    let (told, roots) = watch::channel(ca.bundle_pem());
    let config = ctl_controllers::Config {
        mesh_roots_pem: roots.clone(),
        api_ca_pem: server.pki().ca_pem().to_owned(),
    };
    let keys = keys.start(&state_dir, &source, clock.clone(), shutdown.clone());
    let (watched, stop) = (Arc::clone(&source), shutdown.clone());
    let walk = pipeline::start(watched, clock.clone(), stop, Feedback::Full, keys).await?;
    let callers = Callers::open(state_dir.join("callers.json"), clock.clone());
    let (reporting, authority, called) = (walk.clone(), Arc::clone(&ca), callers.clone());
    server.set_extra(Arc::new(move |path| match path {
        "/weft/debug/syncz" => serde_json::to_value(reporting.report()).ok(),
        "/weft/debug/ca" => serde_json::to_value(authority.report()).ok(),
        "/weft/debug/mtls" => {
            serde_json::to_value(crate::callers::report(&called, &reporting.push)?).ok()
        }
        "/weft/debug/issuers" => {
            serde_json::to_value(crate::issuer_keys::report(&reporting.keys.found())).ok()
        }
        _ => None,
    }));
    let hooks = Hooks { admission, source: Arc::clone(&source), clock: clock.clone() };
    let keeper = crate::authority::keep(
        Arc::clone(&ca),
        Arc::clone(&source),
        clock.clone(),
        told,
        shutdown.clone(),
    );
    let authority = tokio::spawn(keeper);
    let remembering = tokio::spawn(callers.clone().keep(shutdown.clone()));
    let services = serve::Services {
        walk,
        mesh,
        ca,
        roots,
        tokens: Tokens(registry.clone()),
        callers,
        hooks,
        clock: clock.clone(),
        stop: shutdown.clone(),
    };
    serve::start(services, mesh_bind).await?;
    let keeper = registry.clone();
    let stop = shutdown.clone();
    let house = tokio::spawn(async move { keeper.keep_house(stop).await });
    let (watched, stop) = (Arc::clone(&source), shutdown.clone());
    let gateways = tokio::spawn(ctl_gateways::run(watched, clock.clone(), stop));
    let controllers = tokio::spawn(ctl_controllers::run(source, config, clock, shutdown.clone()));
    // Credentials appear last: whoever waits for them finds everything served.
    let served = tokio::spawn({
        let server = server.clone();
        async move { server.serve(vec![host_socket, mesh_socket]).await }
    });
    server.write_node_kubeconfig(&state_dir.join("apiserver/node.kubeconfig"), inside)?;
    server.write_admin_kubeconfig(&state_dir.join("kubeconfig"), host)?;
    tracing::info!(api = %host, %mesh_bind, "the control plane serves");
    tokio::select! {
        () = shutdown.cancelled() => {}
        ended = controllers => ended?.context("the controllers ended")?,
        ended = gateways => ended?.context("the maker of gateways ended")?,
    }
    served.await?.context("the API server")?;
    house.await?;
    authority.await?;
    remembering.await?;
    Ok(())
}
