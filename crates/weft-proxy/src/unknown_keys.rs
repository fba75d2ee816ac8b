//! Tells the control plane of issuers that sign with keys that this proxy does not know, so that it looks for them.
//!
//! In: issuers, as workers meet their tokens. Out: calls. Holds: one call per issuer in [`REST`], however many tokens come; issuers are
//! those of the proxy's own rules, so that clients cannot make them more. A control plane that does not take this is not asked again.
//! Never: a wait of a request for any of this.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tonic::{Code, Status};
use weft_proto::grpc::call;
use weft_proto::unknown_key::{TellUnknownKey, UnknownKeyRequest};
use weft_rt::Clock;

use crate::authority::ControlPlane;

/// Issuers that wait to be told; more of them are told when their tokens come again.
pub(crate) const WAITING: usize = 64;
/// From one call for an issuer to the next.
const REST: Duration = Duration::from_secs(10);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells, for as long as the proxy runs.
pub(crate) async fn tell(control: ControlPlane, mut issuers: mpsc::Receiver<String>, clock: Clock) {
    let mut told = Told::default();
    while let Some(issuer) = issuers.recv().await {
        if !told.may(&issuer, clock.now()) {
            continue;
        }
        match clock.timeout(PATIENCE, Box::pin(ask(&control, &issuer))).await {
            Ok(Ok(())) => tracing::info!(issuer, "a token is signed by a key that is not known"),
            // Istio's own: keys come when it looks for them by itself.
            Ok(Err(status)) if status.code() == Code::Unimplemented => break,
            Ok(Err(status)) => tracing::warn!(issuer, %status, "cannot tell of an unknown key"),
            Err(_elapsed) => tracing::warn!(issuer, "cannot tell of an unknown key: no answer"),
        }
    }
    std::future::pending::<()>().await;
}

async fn ask(control: &ControlPlane, issuer: &str) -> Result<(), Status> {
    let mut request = tonic::Request::new(UnknownKeyRequest { issuer: issuer.to_owned() });
    *request.metadata_mut() = control.headers()?;
    call::<TellUnknownKey>(control.beside().await?, request).await?;
    Ok(())
}

/// When an issuer was told of last.
#[derive(Debug, Default)]
struct Told(HashMap<String, Instant>);

impl Told {
    /// Whether it is time; notes that it is told. What is long ago is forgotten.
    fn may(&mut self, issuer: &str, now: Instant) -> bool {
        self.0.retain(|_, at| now.saturating_duration_since(*at) < REST);
        let may = !self.0.contains_key(issuer);
        if may {
            self.0.insert(issuer.to_owned(), now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_told_of_once_in_a_while() {
        let (clock, time) = Clock::fake();
        let mut told = Told::default();
        assert!(told.may("a", clock.now()) && told.may("b", clock.now()));
        assert!(!told.may("a", clock.now()));
        time.advance(REST / 2);
        assert!(!told.may("a", clock.now()), "asking does not begin the rest anew");
        time.advance(REST / 2);
        assert!(told.may("a", clock.now()));
        assert_eq!(told.0.len(), 1, "the other is forgotten");
    }
}
