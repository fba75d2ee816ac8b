//! Who is told of proxies that come and go.
//!
//! In: proxies, as they name themselves. Out: whether they may stay.
//! Holds: a proxy is told of before it is served anything, and once more when its stream has ended.

use std::sync::Arc;

use tonic::Status;

use crate::ProxyNode;

/// Takes note of proxies.
#[async_trait::async_trait]
pub trait Registrar: Send + Sync + 'static {
    /// A stream begins; an error ends it, and is what the proxy is told.
    async fn come(&self, proxy: &ProxyNode) -> Result<(), Status>;
    /// The stream of a proxy that came has ended.
    fn go(&self, proxy: &ProxyNode);
}

/// One stream of a proxy that came; it goes when this is dropped, however the stream ends.
pub(crate) struct Stay {
    registrar: Arc<dyn Registrar>,
    proxy: ProxyNode,
}

impl Stay {
    pub(crate) async fn begin(
        registrar: &Arc<dyn Registrar>,
        proxy: &ProxyNode,
    ) -> Result<Self, Status> {
        registrar.come(proxy).await?;
        Ok(Self { registrar: Arc::clone(registrar), proxy: proxy.clone() })
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.registrar.go(&self.proxy);
    }
}
