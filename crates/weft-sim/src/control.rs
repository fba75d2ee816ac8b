//! The control plane: the real walk, controllers and discovery server, on the network in memory.
//!
//! In: the store. Out: discovery at [`ADDRESS`]. Holds: it may end and begin again at any time, and keeps nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ctl_push::Access;
use ctl_source::Source;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use weft_control::{Feedback, Walk, start_walk};
use weft_rt::Clock;

use crate::net::{Arrival, End, Net};
use crate::store::Store;

/// Where proxies find it.
pub(crate) const ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 244, 0, 1)), 15010);

/// One life of it.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    stop: CancellationToken,
    tasks: JoinSet<()>,
    walk: Walk,
}

impl ControlPlane {
    /// Begins a life.
    pub(crate) async fn start(net: &Net, store: &Store, clock: &Clock) -> anyhow::Result<Self> {
        net.join(ADDRESS.ip(), false);
        let stop = CancellationToken::new();
        let source: Arc<dyn Source> = Arc::new(store.clone());
        let walk =
            start_walk(Arc::clone(&source), clock.clone(), stop.clone(), Feedback::None).await?;
        let arrivals = net.listen(ADDRESS)?;
        let incoming = futures::stream::unfold(arrivals, |mut arrivals| async {
            let Arrival { end, .. } = arrivals.recv().await?;
            Some((Ok::<End, io::Error>(end), arrivals))
        });
        let mut tasks = JoinSet::new();
        let discovery = walk.discovery(Access::Anyone);
        tasks.spawn(async move {
            let server = Server::builder().add_routes(discovery);
            if let Err(error) = server.serve_with_incoming(incoming).await {
                tracing::error!(%error, "discovery ended");
            }
        });
        let config = ctl_controllers::Config {
            mesh_roots_pem: tokio::sync::watch::channel("root".to_owned()).1,
            api_ca_pem: "ca".to_owned(),
        };
        let controllers = ctl_controllers::run(source, config, clock.clone(), stop.clone());
        tasks.spawn(async move {
            if let Err(error) = controllers.await {
                tracing::error!(%error, "controllers ended");
            }
        });
        Ok(Self { stop, tasks, walk })
    }

    /// True once `proxies` of them have acknowledged all there is.
    pub(crate) fn settled(&self, proxies: usize) -> bool {
        let report = self.walk.report();
        let done = report.proxies.iter().filter(|p| p.acknowledged >= report.revision).count();
        report.proxies.len() == proxies && done == proxies
    }

    /// Ends it as a crash does; whoever was connected finds out at once, and whoever connects is refused.
    pub(crate) async fn crash(mut self, net: &Net) {
        self.stop.cancel();
        self.tasks.shutdown().await;
        net.break_all(ADDRESS.ip());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
