//! What a condition says, before it is known of which generation.

use crate::conditions::Condition;

/// Why `Programmed` is false of all that is accepted.
const NOT_SERVED: &str = "this version of Weft reads the Gateway API and does not serve it yet";

/// Status, reason and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) yes: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Words {
    pub(super) fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self { yes: true, reason, message: message.into() }
    }

    pub(super) fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { yes: false, reason, message: message.into() }
    }

    /// Whether proxies have what is, or is not, accepted.
    pub(super) fn programmed(accepted: &Self) -> Self {
        if accepted.yes {
            Self::no("NotSupported", NOT_SERVED)
        } else {
            Self::no(accepted.reason, "see Accepted")
        }
    }

    /// What references come to.
    pub(super) fn resolved(faults: &[Self]) -> Self {
        match faults.first() {
            None => Self::yes("ResolvedRefs", "everything that it names is there"),
            Some(first) => {
                const SHOWN: usize = 5;
                let all: Vec<&str> =
                    faults.iter().take(SHOWN).map(|fault| fault.message.as_str()).collect();
                let more = match faults.len().saturating_sub(SHOWN) {
                    0 => String::new(),
                    more => format!("; and {more} more"),
                };
                Self::no(first.reason, all.join("; ") + &more)
            }
        }
    }

    pub(super) fn condition(&self, kind: &'static str, generation: i64) -> Condition {
        let Self { yes, reason, message } = self.clone();
        let status = if yes { "True" } else { "False" };
        Condition { kind, status, reason, message, generation }
    }
}
