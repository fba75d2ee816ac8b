//! Why a response is not what the server said: Envoy's response flags.

/// One response flag; the first that applies is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Flag {
    /// Nothing went wrong.
    #[default]
    None,
    /// No healthy upstream.
    NoHealthyUpstream,
    /// Upstream connection failure.
    UpstreamConnect,
    /// Upstream overflow.
    UpstreamOverflow,
    /// No route.
    NoRoute,
    /// Retry limit exceeded.
    RetryLimit,
    /// No cluster.
    NoCluster,
    /// The client went away.
    DownstreamClosed,
    /// Upstream request timeout.
    UpstreamTimeout,
    /// We reset locally.
    LocalReset,
    /// The upstream reset the stream.
    UpstreamReset,
    /// The upstream closed the connection.
    UpstreamClosed,
    /// A delay was injected.
    Delayed,
    /// A fault was injected.
    FaultInjected,
    /// Rate limited.
    RateLimited,
    /// Authorization denied by an external service.
    ExternalDenied,
    /// The client broke the protocol.
    DownstreamProtocol,
    /// The upstream broke the protocol.
    UpstreamProtocol,
    /// The stream was idle for too long.
    StreamIdle,
    /// The connection reached its longest life.
    DurationTimeout,
    /// DNS knows no address of the host.
    DnsFailed,
}

impl Flag {
    /// Envoy's short name; `-` when nothing went wrong.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::NoHealthyUpstream => "UH",
            Self::UpstreamConnect => "UF",
            Self::UpstreamOverflow => "UO",
            Self::NoRoute => "NR",
            Self::RetryLimit => "URX",
            Self::NoCluster => "NC",
            Self::DownstreamClosed => "DC",
            Self::UpstreamTimeout => "UT",
            Self::LocalReset => "LR",
            Self::UpstreamReset => "UR",
            Self::UpstreamClosed => "UC",
            Self::Delayed => "DI",
            Self::FaultInjected => "FI",
            Self::RateLimited => "RL",
            Self::ExternalDenied => "UAEX",
            Self::DownstreamProtocol => "DPE",
            Self::UpstreamProtocol => "UPE",
            Self::StreamIdle => "SI",
            Self::DurationTimeout => "DT",
            Self::DnsFailed => "DF",
        }
    }
}

/// The flags of one exchange: why it ended as it did, and why it was not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags {
    /// Why the response is not what the server said.
    pub ended: Flag,
    /// Why there was no further try: [`Flag::RetryLimit`], [`Flag::UpstreamOverflow`] or none.
    pub retry: Flag,
}

impl From<Flag> for Flags {
    fn from(ended: Flag) -> Self {
        Self { ended, retry: Flag::None }
    }
}

impl Flags {
    /// True when this flag is among them.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        [self.ended, self.retry].iter().any(|flag| *flag != Flag::None && flag.name() == name)
    }
}

impl std::fmt::Display for Flags {
    /// As Envoy writes them, with a comma between; `-` when nothing went wrong.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ended, retry } = *self;
        match (ended, retry) {
            (one, Flag::None) | (Flag::None, one) => f.write_str(one.name()),
            (one, other) if one == other => f.write_str(one.name()),
            (Flag::UpstreamProtocol | Flag::StreamIdle | Flag::DurationTimeout, retry) => {
                write!(f, "{},{}", retry.name(), ended.name())
            }
            (ended, retry) => write!(f, "{},{}", ended.name(), retry.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_written_as_envoy_writes_them() {
        let written = |ended, retry| Flags { ended, retry }.to_string();
        assert_eq!(written(Flag::None, Flag::None), "-");
        assert_eq!(written(Flag::None, Flag::RetryLimit), "URX");
        assert_eq!(written(Flag::UpstreamConnect, Flag::None), "UF");
        assert_eq!(written(Flag::UpstreamConnect, Flag::RetryLimit), "UF,URX");
        assert_eq!(written(Flag::UpstreamOverflow, Flag::UpstreamOverflow), "UO");
        assert_eq!(written(Flag::UpstreamProtocol, Flag::RetryLimit), "URX,UPE");
    }
}
