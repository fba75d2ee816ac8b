//! Prometheus' text format.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use weft_telemetry::metric::{
    BUCKETS, REQUEST_BYTES, REQUEST_DURATION, REQUESTS_TOTAL, RESPONSE_BYTES, TCP_CLOSED,
    TCP_OPENED, TCP_RECEIVED, TCP_SENT,
};
use weft_telemetry::workload::UNKNOWN;
use weft_telemetry::{Protocol, Reporter, Workload};

use crate::Registry;
use crate::series::{Counts, Histogram, Key};

type Series = HashMap<Key, Box<Counts>>;

/// All metrics of the registry.
#[must_use]
pub fn render(registry: &Registry, version: &str) -> String {
    let (series, dropped) = registry.sum();
    let mut out = String::with_capacity(4096);
    // Writing to a String cannot fail.
    write_all(&mut out, registry.own(), &series, dropped, version).ok();
    registry.denials().write(&mut out).ok();
    out.push_str(&registry.watched_sum().rows());
    out.push_str(&registry.limited_sum().rows());
    out
}

fn write_all(
    out: &mut String,
    own: &Workload,
    series: &Series,
    dropped: u64,
    version: &str,
) -> fmt::Result {
    writeln!(
        out,
        "# TYPE istio_build gauge\nistio_build{{component=\"proxy\",tag=\"{version}\"}} 1"
    )?;
    writeln!(
        out,
        "# TYPE weft_telemetry_series_dropped_total counter\nweft_telemetry_series_dropped_total {dropped}"
    )?;
    let mut rows: Vec<(String, &Key, &Counts)> =
        series.iter().map(|(key, counts)| (labels(own, key), key, counts.as_ref())).collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let http: Vec<_> = rows.iter().filter(|r| r.1.protocol != Protocol::Tcp).collect();
    let tcp: Vec<_> = rows.iter().filter(|r| r.1.protocol == Protocol::Tcp).collect();
    counter(out, REQUESTS_TOTAL, http.iter().map(|r| (r.0.as_str(), r.2.requests)))?;
    histogram(out, REQUEST_DURATION, http.iter().map(|r| (r.0.as_str(), &r.2.duration)))?;
    histogram(out, REQUEST_BYTES, http.iter().map(|r| (r.0.as_str(), &r.2.request_bytes)))?;
    histogram(out, RESPONSE_BYTES, http.iter().map(|r| (r.0.as_str(), &r.2.response_bytes)))?;
    counter(out, TCP_OPENED, tcp.iter().map(|r| (r.0.as_str(), r.2.opened)))?;
    counter(out, TCP_CLOSED, tcp.iter().map(|r| (r.0.as_str(), r.2.closed)))?;
    counter(out, TCP_SENT, tcp.iter().map(|r| (r.0.as_str(), r.2.sent)))?;
    counter(out, TCP_RECEIVED, tcp.iter().map(|r| (r.0.as_str(), r.2.received)))
}

fn counter<'a>(
    out: &mut String,
    name: &str,
    rows: impl Iterator<Item = (&'a str, u64)>,
) -> fmt::Result {
    for (i, (labels, value)) in rows.enumerate() {
        if i == 0 {
            writeln!(out, "# TYPE {name} counter")?;
        }
        writeln!(out, "{name}{{{labels}}} {value}")?;
    }
    Ok(())
}

fn histogram<'a>(
    out: &mut String,
    name: &str,
    rows: impl Iterator<Item = (&'a str, &'a Histogram)>,
) -> fmt::Result {
    for (i, (labels, h)) in rows.enumerate() {
        if i == 0 {
            writeln!(out, "# TYPE {name} histogram")?;
        }
        let mut below = 0;
        for (bound, count) in BUCKETS.iter().zip(h.counts) {
            below += count;
            writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}")?;
        }
        let total: u64 = h.counts.iter().sum();
        writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {total}")?;
        writeln!(out, "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {total}", h.sum)?;
    }
    Ok(())
}

/// The labels of one series, in Istio's order.
fn labels(own: &Workload, key: &Key) -> String {
    let (source, destination) = match key.reporter {
        Reporter::Source => (own, key.peer.as_ref()),
        Reporter::Destination => (key.peer.as_ref(), own),
    };
    let mut out = String::with_capacity(900);
    let mut put = |name: &str, value: &str| {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        escape(&mut out, value);
        out.push('"');
    };
    let principal = |p: &Option<Box<str>>| p.as_deref().unwrap_or(UNKNOWN).to_owned();
    put("reporter", if key.reporter == Reporter::Source { "source" } else { "destination" });
    put("source_workload", &source.name);
    put("source_canonical_service", &source.canonical_service);
    put("source_canonical_revision", &source.canonical_revision);
    put("source_workload_namespace", &source.namespace);
    put("source_principal", &principal(&key.source_principal));
    put("source_app", &source.app);
    put("source_version", &source.version);
    put("source_cluster", &source.cluster);
    put("destination_workload", &destination.name);
    put("destination_workload_namespace", &destination.namespace);
    put("destination_principal", &principal(&key.destination_principal));
    put("destination_app", &destination.app);
    put("destination_version", &destination.version);
    put("destination_service", &key.service.host);
    put("destination_canonical_service", &destination.canonical_service);
    put("destination_canonical_revision", &destination.canonical_revision);
    put("destination_service_name", &key.service.name);
    put("destination_service_namespace", &key.service.namespace);
    put("destination_cluster", &destination.cluster);
    put("request_protocol", key.protocol.name());
    if key.protocol != Protocol::Tcp {
        put("response_code", &key.code.to_string());
        put("grpc_response_status", &key.grpc.map(|g| g.to_string()).unwrap_or_default());
    }
    put("response_flags", &key.flags.to_string());
    let policy = match (key.reporter, key.mutual_tls) {
        (Reporter::Source, _) => UNKNOWN,
        (Reporter::Destination, true) => "mutual_tls",
        (Reporter::Destination, false) => "none",
    };
    put("connection_security_policy", policy);
    out
}

pub(crate) fn escape(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}
