//! Tells the control plane who calls this pod without the mesh's mutual TLS.
//!
//! In: the table that connections are counted in, or that Envoy's access log is. Out: reports, as long as the proxy runs and once at its end.
//! Holds: a report that was not taken is sent again with what came since; a proxy that nobody calls says so too, because silence
//! is what shows that a port is quiet.
//! Why not metrics: a caller without a certificate has an address only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proxy_engine::{Callers, News};
use tonic::Status;
use weft_proto::callers::{Caller, ReportCallers, ReportCallersRequest, Secured};
use weft_proto::grpc::call;
use weft_rt::Clock;

use crate::authority::ControlPlane;
use crate::settings::Settings;

/// From one look at the table to the next.
const LOOK: Duration = Duration::from_secs(2);
/// Looks without news between two reports.
const SILENT: u32 = 5;
/// For the last report, when the proxy ends.
const LAST: Duration = Duration::from_secs(2);

/// Reports of one pod. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Reports {
    settings: Arc<Settings>,
    control: ControlPlane,
    callers: Callers,
    clock: Clock,
    began: Instant,
}

impl Reports {
    pub(crate) fn new(
        settings: &Settings,
        control: ControlPlane,
        callers: Callers,
        clock: Clock,
    ) -> Self {
        let began = clock.now();
        Self { settings: Arc::new(settings.clone()), control, callers, clock, began }
    }

    /// Reports for as long as the proxy runs.
    pub(crate) async fn run(self) {
        let mut silent = SILENT;
        let mut told = true;
        loop {
            self.clock.sleep(LOOK).await;
            silent += 1;
            let news = self.callers.news(self.clock.now());
            if news.is_empty() && silent < SILENT {
                continue;
            }
            match self.send(news).await {
                Ok(()) => (silent, told) = (0, true),
                // Istio's own control plane: there is nobody to tell.
                Err(status) if status.code() == tonic::Code::Unimplemented => {
                    return std::future::pending().await;
                }
                Err(status) if told => {
                    tracing::warn!(%status, "cannot report who calls in plaintext; goes on trying");
                    told = false;
                }
                Err(_again) => {}
            }
        }
    }

    /// Reports what is left when the proxy ends.
    pub(crate) async fn finish(&self) {
        let news = self.callers.news(self.clock.now());
        if !news.is_empty()
            && let Ok(Err(status)) = self.clock.timeout(LAST, Box::pin(self.send(news))).await
        {
            tracing::warn!(%status, "the last report of who calls in plaintext is lost");
        }
    }

    async fn send(&self, news: News) -> Result<(), Status> {
        let channel = self.control.beside().await?;
        let now = self.clock.now();
        let mut request = tonic::Request::new(self.report(&news, now));
        *request.metadata_mut() = self.control.headers()?;
        call::<ReportCallers>(channel, request).await?;
        self.callers.taken(&news);
        Ok(())
    }

    fn report(&self, news: &News, now: Instant) -> ReportCallersRequest {
        let age = |then: Instant| {
            let age = now.saturating_duration_since(then).as_millis();
            u64::try_from(age).unwrap_or(u64::MAX)
        };
        let callers = news.callers.iter().map(|seen| Caller {
            address: seen.from.map(|from| from.to_string()).unwrap_or_default(),
            port: seen.port.into(),
            connections: seen.connections,
            first_ms: age(seen.first),
            last_ms: age(seen.last),
            refused: seen.refused,
            refused_ms: age(seen.refused_last),
        });
        let secured = news.secured.iter().map(|seen| Secured {
            port: seen.port.into(),
            connections: seen.connections,
            last_ms: age(seen.last),
        });
        ReportCallersRequest {
            pod: self.settings.pod.clone(),
            namespace: self.settings.namespace.clone(),
            watched_ms: age(self.began),
            callers: callers.collect(),
            secured: secured.collect(),
        }
    }
}
