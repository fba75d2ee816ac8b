//! What a condition says, before it is known of which generation.

/// Status, reason and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub yes: bool,
    pub reason: &'static str,
    pub message: String,
}

impl Words {
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self { yes: true, reason, message: message.into() }
    }

    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { yes: false, reason, message: message.into() }
    }

    /// Whether proxies have what is, or is not, accepted.
    pub fn programmed(accepted: &Self) -> Self {
        if accepted.yes {
            Self::yes("Programmed", "proxies serve it")
        } else {
            Self::no(accepted.reason, "see Accepted")
        }
    }

    /// What references come to.
    pub fn resolved(faults: &[Self]) -> Self {
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
}
