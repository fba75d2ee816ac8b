//! How bad it is that there is no new certificate.
//!
//! In: the certificate that serves, and the time. Out: a line in the log that says what ends when, and what to do.
//! Holds: what ends is told as an error while a quarter of the life is left, so that it is told before anything fails.

use std::fmt::Display;
use std::time::{Duration, SystemTime};

use crate::Credential;

/// What is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// There has been no certificate yet.
    First,
    /// The old one serves on for so long.
    Serving(Duration),
    /// The same, and less than a quarter of its life is left.
    Ending(Duration),
    /// It ended so long ago.
    Ended(Duration),
}

impl Urgency {
    /// `issued` is when it came: an authority may date its beginning back.
    pub(crate) fn of(own: Option<&Credential>, issued: SystemTime, now: SystemTime) -> Self {
        own.map_or(Self::First, |own| Self::between(issued, own.not_after(), now))
    }

    fn between(issued: SystemTime, not_after: SystemTime, now: SystemTime) -> Self {
        let life = not_after.duration_since(issued).unwrap_or_default();
        match not_after.duration_since(now) {
            Ok(left) if left.is_zero() => Self::Ended(left),
            Ok(left) if left < life / 4 => Self::Ending(left),
            Ok(left) => Self::Serving(left),
            Err(past) => Self::Ended(past.duration()),
        }
    }

    /// Tells a failed try.
    pub(crate) fn tell(self, error: &impl Display, retry_in: Duration) {
        match self {
            Self::First => {
                tracing::warn!(%error, ?retry_in, "no certificate yet");
            }
            Self::Serving(left) => {
                tracing::warn!(%error, ?retry_in, ends_in = ?left, "no new certificate; the old one serves on");
            }
            Self::Ending(left) => {
                tracing::error!(%error, ?retry_in, ends_in = ?left, "the certificate ends soon, and the control plane gives no \
                    new one; new connections of the mesh fail from then on: see that the control plane runs and is reached");
            }
            Self::Ended(since) => {
                tracing::error!(%error, ?retry_in, ended_ago = ?since, "the certificate has ended, and the control plane gives \
                    no new one; new connections of the mesh fail: see that the control plane runs and is reached");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_urgent_when_less_than_a_quarter_of_the_life_is_left() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let found = |now| Urgency::between(at(1000), at(1100), at(now));
        let left = Duration::from_secs;
        assert_eq!(found(1050), Urgency::Serving(left(50)));
        assert_eq!(found(1075), Urgency::Serving(left(25)));
        assert_eq!(found(1076), Urgency::Ending(left(24)));
        assert_eq!(found(1100), Urgency::Ended(left(0)));
        assert_eq!(found(1130), Urgency::Ended(left(30)));
    }
}
