//! What was decided about a request, for the field that tells it to a client.
//! In: a run. Out: JSON. Holds: names are those of `weft explain`. Never: runs for a request that nobody asked about.

use proxy_config::route::RouteAction;
use proxy_http::RequestHead;
use serde_json::{Map, Value, json};

use super::Run;

impl Run<'_> {
    /// The answer to a client that may ask, when it did.
    pub(super) fn explanation(&self, request: &RequestHead) -> Option<String> {
        let explained = self.explained.as_deref()?;
        let found = self.matched.map(|matched| matched.found);
        let name = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        let timeout = found.and_then(|found| match &found.route.action {
            RouteAction::Forward(forward) => Some(forward.timeout.unwrap_or_default().as_millis()),
            RouteAction::Redirect(_) | RouteAction::Respond(_) => None,
        });
        let decided = json!({
            "proxy": self.worker.shared.exchange.id,
            "request_id": request.fields.text("x-request-id"),
            "listener": &*self.bound.listener.name,
            "filter_chain": &*self.bound.chain.config.name,
            "route_config": self.matched.map(|matched| matched.config_name()),
            "virtual_host": found.map(|found| &*found.host.name),
            "route": found.and_then(|found| name(&found.route.name)),
            "timeout_ms": timeout.and_then(|millis| u64::try_from(millis).ok()),
            "cluster": self.cluster.as_ref().map(|cluster| &*cluster.name),
            "endpoint": self.host.map(|host| host.to_string()),
            "mtls": self.facts.mutual_tls(),
            "peer_identity": self.facts.principal(),
            "status": self.status,
            "details": &*self.details,
        });
        let decided = match decided {
            Value::Object(decided) => decided,
            _ => Map::new(),
        };
        Some(explained.tell(decided))
    }
}
