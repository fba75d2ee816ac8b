//! Istio's default JSON encoding.
//! In: a line. Out: its fields. Holds: a line without a status is no entry, whatever else it says.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::text::address;
use crate::{Entry, told};

type Text<'a> = Option<Cow<'a, str>>;

#[derive(Deserialize)]
struct Wire<'a> {
    response_code: Option<Value>,
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow)]
    protocol: Text<'a>,
    #[serde(borrow)]
    response_flags: Text<'a>,
    #[serde(borrow)]
    response_code_details: Text<'a>,
    #[serde(borrow)]
    connection_termination_details: Text<'a>,
    #[serde(borrow)]
    x_forwarded_for: Text<'a>,
    #[serde(borrow)]
    user_agent: Text<'a>,
    #[serde(borrow)]
    request_id: Text<'a>,
    #[serde(borrow)]
    authority: Text<'a>,
    #[serde(borrow)]
    upstream_host: Text<'a>,
    #[serde(borrow, default, deserialize_with = "written")]
    upstream_cluster: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "written")]
    downstream_local_address: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "written")]
    downstream_remote_address: Option<Text<'a>>,
    #[serde(borrow)]
    requested_server_name: Text<'a>,
    #[serde(borrow)]
    route_name: Text<'a>,
}

/// A field that is there; it may be null.
fn written<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<Text<'a>>, D::Error> {
    Text::deserialize(from).map(Some)
}

/// Reads it; `None` when it is something else.
pub(crate) fn read(line: &str) -> Option<Result<Entry<'_>, &'static str>> {
    let is_meant = line.contains("\"response_code\"");
    is_meant.then(|| {
        let wire = serde_json::from_str::<Wire<'_>>(line);
        entry(wire.map_err(
            |_why| "it is no JSON of Istio's default fields; a part of the line may be missing",
        )?)
    })
}

fn entry(wire: Wire<'_>) -> Result<Entry<'_>, &'static str> {
    let code = match wire.response_code {
        Some(Value::Number(code)) => code.as_u64(),
        Some(Value::String(code)) => code.parse().ok(),
        Some(Value::Null) | None => Some(0),
        Some(_) => None,
    };
    let code = code.and_then(|code| u16::try_from(code).ok());
    let place = |written: Option<Text<'_>>,
                 missing: &'static str|
     -> Result<Option<SocketAddr>, _> {
        let written = written.ok_or(missing)?;
        written.and_then(told).map_or(Ok(None), |text| address(&text).ok_or("an address is none"))
    };
    let cluster = wire
        .upstream_cluster
        .ok_or("it does not say upstream_cluster; write Istio's default fields")?;
    Ok(Entry {
        pod: None,
        method: wire.method.and_then(told),
        path: wire.path.and_then(told),
        protocol: wire.protocol.and_then(told),
        code: code.ok_or("the status is no number")?,
        flags: wire.response_flags.and_then(told),
        details: wire.response_code_details.and_then(told),
        termination: wire.connection_termination_details.and_then(told),
        forwarded_for: wire.x_forwarded_for.and_then(told),
        user_agent: wire.user_agent.and_then(told),
        request_id: wire.request_id.and_then(told),
        authority: wire.authority.and_then(told),
        upstream_host: wire.upstream_host.and_then(told),
        cluster: cluster.and_then(told),
        downstream_local: place(
            wire.downstream_local_address,
            "it does not say downstream_local_address; write Istio's default fields",
        )?,
        downstream_remote: place(
            wire.downstream_remote_address,
            "it does not say downstream_remote_address; write Istio's default fields",
        )?,
        server_name: wire.requested_server_name.and_then(told),
        route: wire.route_name.and_then(told),
    })
}
