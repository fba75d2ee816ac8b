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
        }
    }
}
