//! Which of a listener's chains takes a connection.
//! In: what is known of the connection. Out: the chain. Holds: the order of precedence is `proxy-route`'s.

use std::sync::Arc;

use proxy_config::listener::Transport as Seen;
use proxy_route::{ChainFacts, choose_chain};

use crate::connection::Facts;
use crate::plan::{Chain, Listener, Transport};

impl Listener {
    /// The chain for a connection with these facts.
    pub(crate) fn choose(&self, facts: &Facts) -> Option<&Arc<Chain>> {
        let seen = ChainFacts {
            destination: facts.local,
            source: facts.remote.ip(),
            transport: match facts.transport_seen() {
                Transport::Tls => Seen::Tls,
                Transport::Raw => Seen::RawBuffer,
            },
            server_name: facts.hello.sni.as_deref(),
            offered: &facts.hello.alpn,
            sniffed: facts.sniffed_first,
        };
        choose_chain(&self.chains, |chain| &chain.config.matches, &seen).or(self.fallback.as_ref())
    }
}
