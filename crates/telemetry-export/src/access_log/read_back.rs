//! What this room writes, `telemetry-read` reads back, whatever a client put into its request.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use telemetry_read as read;
use weft_telemetry::Flags;
use weft_telemetry::record::LogFields;

use super::Line;

fn address() -> impl Strategy<Value = Option<SocketAddr>> {
    let v4 = any::<([u8; 4], u16)>().prop_map(SocketAddr::from);
    let v6 = any::<([u8; 16], u16)>().prop_map(SocketAddr::from);
    prop::option::of(prop_oneof![v4, v6])
}

/// Words without blanks, as a parser of HTTP lets them pass.
fn word() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[!#-~]{2,20}")
}

/// A field of a client: anything but line ends; `-` and nothing at all are written alike.
fn field() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[ -~äß]{0,12}[a-z\"][ -~]{0,12}[!-~]")
}

type Texts = (Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

fn texts() -> impl Strategy<Value = Texts> {
    (word(), word(), word(), word(), word())
}

proptest! {
    #[test]
    fn a_line_is_read_back(
        (path, details, authority, cluster, sni) in texts(),
        (agent, reason) in (field(), field()),
        (host, local, wanted, client) in (address(), address(), address(), address()),
        route in prop::option::of("[a-z]{2,8}( [a-z]{1,8})?"),
        code in 100_u16..600,
    ) {
        let log = LogFields {
            method: "GET",
            path: path.as_deref().unwrap_or("-"),
            authority: authority.as_deref().unwrap_or_default(),
            details: details.as_deref().unwrap_or_default(),
            user_agent: agent.as_deref(),
            forwarded_for: Some("10.0.0.1,10.0.0.2"),
            request_id: Some("4f3a"),
            upstream_host: host,
            upstream_cluster: cluster.as_deref(),
            upstream_local: local,
            downstream_local: wanted,
            downstream_remote: client,
            sni: sni.as_deref(),
            route: route.as_deref(),
            ..LogFields::default()
        };
        let line = Line {
            start: SystemTime::UNIX_EPOCH,
            log,
            request: Some("HTTP/2"),
            code: &code.to_string(),
            flags: Flags::default(),
            received: 7,
            sent: 8,
            duration: Duration::from_millis(9),
            why: reason.as_deref(),
        };
        let line = line.to_string();
        let read::Line::Entry(entry) = read::read(&line) else {
            panic!("{line}{:?}", read::read(&line));
        };
        let host = host.map(|host| host.to_string());
        let texts = [&entry.path, &entry.details, &entry.authority, &entry.cluster, &entry.server_name,
            &entry.user_agent, &entry.upstream_host, &entry.route];
        let wanted_texts = [path, details, authority, cluster, sni, agent, host, route];
        for (found, wanted) in texts.into_iter().zip(&wanted_texts) {
            prop_assert_eq!(found.as_deref(), wanted.as_deref(), "{}", line);
        }
        prop_assert_eq!((entry.downstream_local, entry.downstream_remote), (wanted, client), "{}", line);
        prop_assert_eq!(entry.forwarded_for.as_deref(), Some("10.0.0.1,10.0.0.2"), "{}", line);
        prop_assert_eq!((entry.code, entry.protocol.as_deref()), (code, Some("HTTP/2")), "{}", line);
    }
}
