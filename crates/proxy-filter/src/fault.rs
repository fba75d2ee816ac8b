//! Injected faults.
//! In: the configuration, one random number. Out: how long to wait and how to answer.
//! Holds: delay and abort are drawn apart, from different halves of the number.

use std::time::Duration;

use proxy_config::http::{Abort, Fault};

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Injected {
    /// Wait this long first.
    pub delay: Option<Duration>,
    /// Then answer so.
    pub abort: Option<Abort>,
}

/// Decides.
#[must_use]
pub fn decide(fault: &Fault, random: u64) -> Injected {
    let (high, low) = (random >> 32, random & 0xffff_ffff);
    Injected {
        delay: fault.delay.filter(|(_, share)| share.hits(high)).map(|(delay, _)| delay),
        abort: fault.abort.filter(|(_, share)| share.hits(low)).map(|(abort, _)| abort),
    }
}

#[cfg(test)]
mod tests {
    use proxy_config::matcher::Fraction;

    use super::*;

    #[test]
    fn shares_of_zero_and_all_are_exact() {
        let always = Fault {
            delay: Some((Duration::from_secs(1), Fraction::ALWAYS)),
            abort: Some((Abort::Http(503), Fraction(0))),
        };
        for random in [0, 1, u64::MAX, 0xdead_beef_0000_0001] {
            let injected = decide(&always, random);
            assert_eq!(injected.delay, Some(Duration::from_secs(1)));
            assert_eq!(injected.abort, None);
        }
    }
}
