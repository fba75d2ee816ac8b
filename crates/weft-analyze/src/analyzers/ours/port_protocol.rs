//! Ports whose name has a protocol in it, at a place where it does not count.

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Object, Port, kind, service_ports};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.PortNameHidesProtocol",
    "Ports whose name has a protocol in it, at a place where it does not count.",
    &[code::WEFT0117],
    look,
);

/// Longer names come before those that they begin with.
const PROTOCOLS: &[&str] = &["grpc", "http2", "https", "http", "mongo", "mysql", "redis"];

const OF_REQUESTS: &[&str] = &["grpc", "http2", "http"];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for service in mesh.all(kind::SERVICE).iter().filter(|s| !s.is_control_plane()) {
        for (index, port) in service_ports(service).enumerate() {
            let hidden = hidden(port.name).filter(|_| port.declared.is_empty() && !port.is_udp);
            if let Some(hidden) = hidden {
                tell(service, index, &port, hidden, report);
            }
        }
    }
}

fn tell(service: &Object<'_>, index: usize, port: &Port<'_>, hidden: &str, report: &mut Report) {
    let counts = match port.protocol() {
        Some(protocol) => format!("it counts as {protocol}"),
        None => "its protocol is guessed per connection".to_owned(),
    };
    let name = port.name;
    let what = format!("the name `{name}` says {hidden}, but not at its beginning: {counts}");
    let fix = format!("name it {hidden} or {hidden}-SUFFIX, or set appProtocol: {hidden}");
    report.add(code::WEFT0117, service, format!("/spec/ports/{index}/name"), what, fix);
}

/// A protocol that is a part of the name, but not the first one.
fn hidden(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let (first, rest) = name.split_once('-').unwrap_or((&name, ""));
    let said = |protocols: &'static [&'static str]| {
        rest.split('-').find_map(|part| protocols.iter().find(|protocol| part == **protocol))
    };
    match first {
        // `tcp-mysql` and the like are meant so.
        "tcp" => said(OF_REQUESTS).copied(),
        "udp" | "tls" => None,
        first if PROTOCOLS.contains(&first) => None,
        first => said(PROTOCOLS).or_else(|| PROTOCOLS.iter().find(|p| is_glued(first, p))).copied(),
    }
}

fn is_glued(word: &str, protocol: &str) -> bool {
    word.starts_with(protocol) || word.ends_with(protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_counts_only_at_the_beginning() {
        assert_eq!(hidden("web-http"), Some("http"));
        assert_eq!(hidden("tcp-grpc"), Some("grpc"));
        assert_eq!((hidden("httpapi"), hidden("myhttp")), (Some("http"), Some("http")));
        for right in ["http", "http-web", "grpc-web", "https-x", "tcp-mysql", "metrics", "http2"] {
            assert_eq!(hidden(right), None, "{right}");
        }
    }
}
