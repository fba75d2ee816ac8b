//! Configuration in the words of an answer.
//! In: parts of a proxy's configuration. Out: parts of an answer. Never: decides anything.

use std::time::Duration;

use prost::Message as _;
use proxy_config::claim::{ClaimMatch, ClaimValue};
use proxy_config::http::{Abort as Aborted, Fault};
use proxy_config::matcher::{Fraction, StringMatcher};
use proxy_config::route::{
    self as config, HashBy, HashPolicy, HeaderMatch, HeaderOp, HeaderOps, HeaderValueMatch,
    PathMatch, Retry, RetryOn,
};
use proxy_route::Unmet;
use weft_model::ObjectRef;
use weft_proto::envoy::config::core::v3::Metadata;
use weft_proto::envoy::config::core::v3::transport_socket::ConfigType;
use weft_proto::envoy::config::listener::v3::FilterChain;
use weft_proto::envoy::config::route::v3 as wire;
use weft_proto::envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext;
use weft_proto::google::protobuf::value::Kind;

use crate::answer::{Abort, Cors, Delay, Faults, Headers, Mirror, Operations, Retries};
use crate::facts::Request;

mod cluster;

pub(crate) use cluster::cluster;

/// Name of a cluster as Istio has it; ours of bytes beside requests is the same cluster to a user.
pub(crate) fn istio_name(cluster: &str) -> String {
    cluster.strip_suffix("|tcp").unwrap_or(cluster).to_owned()
}

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn percent(fraction: Fraction) -> f64 {
    f64::from(fraction.0) / 10_000.0
}

/// Objects that a resource was made from.
pub(crate) fn objects(metadata: Option<&Metadata>) -> Vec<ObjectRef> {
    let istio = metadata.and_then(|metadata| metadata.filter_metadata.get("istio"));
    let kind = istio.and_then(|fields| fields.fields.get("config")?.kind.as_ref());
    let paths: Vec<&str> = match kind {
        Some(Kind::StringValue(path)) => vec![path],
        Some(Kind::ListValue(list)) => list
            .values
            .iter()
            .filter_map(|value| match &value.kind {
                Some(Kind::StringValue(path)) => Some(path.as_str()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    paths.into_iter().filter_map(object).collect()
}

/// Whether the certificate of a chain is the workload's own, from the mesh.
pub(crate) fn is_of_the_mesh(chain: &FilterChain) -> bool {
    let Some(ConfigType::TypedConfig(config)) =
        chain.transport_socket.as_ref().and_then(|socket| socket.config_type.as_ref())
    else {
        return false;
    };
    let context = DownstreamTlsContext::decode(config.value.as_slice()).unwrap_or_default();
    let common = context.common_tls_context.unwrap_or_default();
    common.tls_certificate_sds_secret_configs.first().is_some_and(|own| own.name == "default")
}

/// `/apis/networking.istio.io/v1/namespaces/shop/virtual-service/web`
fn object(path: &str) -> Option<ObjectRef> {
    let mut parts = path.split('/').skip(2);
    let group = parts.next()?.to_owned();
    let mut parts = parts.skip(2);
    let (namespace, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
    let camel = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    let kind = kind.split('-').map(camel).collect();
    Some(ObjectRef { group, kind, namespace: namespace.to_owned(), name: name.to_owned() })
}

pub(crate) fn unmet(unmet: Unmet<'_>, request: &Request<'_>) -> String {
    match unmet {
        Unmet::Path(wanted) => format!("its path {} is not {}", request.path, path(wanted)),
        Unmet::Header(header) => format!("its field {}", field(header)),
        Unmet::Query(parameter) => {
            let wanted = parameter.value.as_ref().map_or("given".to_owned(), text);
            format!("its query parameter {} is not {wanted}", parameter.name)
        }
        Unmet::Claim(wanted) => claim(wanted),
        Unmet::Grpc => "it is no gRPC request".to_owned(),
        Unmet::Fraction => "it is not among the share that the route takes".to_owned(),
    }
}

fn path(wanted: &PathMatch) -> String {
    match wanted {
        PathMatch::Prefix(prefix) | PathMatch::PathPrefix(prefix) => format!("below {prefix}"),
        PathMatch::Exact(exact) => exact.to_string(),
        PathMatch::Regex(pattern) => format!("by the pattern {pattern}"),
        PathMatch::Connect => "that of a CONNECT".to_owned(),
    }
}

fn field(header: &HeaderMatch) -> String {
    let HeaderMatch { name, value, invert, missing_is_empty: _ } = header;
    let wanted = match value {
        HeaderValueMatch::Present => "given".to_owned(),
        HeaderValueMatch::Absent => "missing".to_owned(),
        HeaderValueMatch::Text(matcher) => text(matcher),
        HeaderValueMatch::Range(start, end) => format!("from {start} to below {end}"),
    };
    format!("{name} is {}{wanted}", if *invert { "" } else { "not " })
}

fn claim(wanted: &ClaimMatch) -> String {
    let ClaimMatch { path, value, invert } = wanted;
    let not = if *invert { "" } else { "not " };
    format!("its token's claim {} is {not}{}", path.join("."), claim_value(value))
}

fn claim_value(wanted: &ClaimValue) -> String {
    match wanted {
        ClaimValue::Present => "given".to_owned(),
        ClaimValue::Text(wanted) => text(wanted),
        ClaimValue::Member(wanted) => format!("a list with {}", text(wanted)),
        ClaimValue::Any(any) => any.iter().map(claim_value).collect::<Vec<_>>().join(" or "),
    }
}

fn text(matcher: &StringMatcher) -> String {
    match matcher {
        StringMatcher::Exact(text) => format!("{text:?}"),
        StringMatcher::Prefix(text) => format!("{text:?} and more"),
        StringMatcher::Suffix(text) => format!("something before {text:?}"),
        StringMatcher::Contains(text) => format!("something with {text:?}"),
        StringMatcher::Pieces(pieces) => format!("by the pattern ^(?:{})$", pieces.pattern()),
        StringMatcher::Regex(pattern) => format!("by the pattern {pattern}"),
        StringMatcher::IgnoreCase(inner) => format!("{}, in any case", text(inner)),
    }
}

pub(crate) fn faults(fault: &Fault) -> Option<Faults> {
    let delay = fault
        .delay
        .map(|(fixed, share)| Delay { fixed_ms: millis(fixed), percent: percent(share) });
    let abort = fault.abort.map(|(abort, share)| {
        let (http_status, grpc_status) = match abort {
            Aborted::Http(status) => (Some(status), None),
            Aborted::Grpc(status) => (None, Some(status)),
        };
        Abort { http_status, grpc_status, percent: percent(share) }
    });
    (delay.is_some() || abort.is_some()).then_some(Faults { delay, abort })
}

pub(crate) fn cors(cors: &config::Cors) -> Cors {
    Cors {
        allow_origins: cors.origins.iter().map(text).collect(),
        allow_methods: cors.methods.to_string(),
        allow_headers: cors.headers.to_string(),
        expose_headers: cors.expose.to_string(),
        max_age: cors.max_age.to_string(),
        allow_credentials: cors.credentials,
    }
}

pub(crate) fn mirror(mirror: &config::Mirror) -> Mirror {
    Mirror { cluster: istio_name(&mirror.cluster), percent: percent(mirror.fraction) }
}

pub(crate) fn hash(policy: &HashPolicy) -> String {
    match &policy.by {
        HashBy::Header(name) => format!("header {name}"),
        HashBy::Cookie { name, .. } => format!("cookie {name}"),
        HashBy::SourceIp => "source IP".to_owned(),
        HashBy::Query(name) => format!("query parameter {name}"),
    }
}

/// Conditions stand in the order in which they were written, where that is known.
pub(crate) fn retries(retry: &Retry, route: Option<&wire::Route>) -> Retries {
    let policy = route.and_then(|route| match &route.action {
        Some(wire::route::Action::Route(action)) => action.retry_policy.as_ref(),
        _ => None,
    });
    Retries {
        attempts: retry.num_retries,
        per_try_timeout_ms: millis(retry.per_try_timeout.unwrap_or_default()),
        on: policy.map_or_else(|| conditions(retry.on), |policy| policy.retry_on.clone()),
        status_codes: retry.status_codes.iter().map(|code| u32::from(*code)).collect(),
        avoid_previous_hosts: retry.avoid_previous_hosts,
    }
}

fn conditions(on: RetryOn) -> String {
    const GRPC: [(u32, &str); 5] = [
        (1, "cancelled"),
        (4, "deadline-exceeded"),
        (8, "resource-exhausted"),
        (13, "internal"),
        (14, "unavailable"),
    ];
    let flags = [
        (on.any_5xx, "5xx"),
        (on.gateway_error, "gateway-error"),
        (on.reset, "reset"),
        (on.reset_before_request, "reset-before-request"),
        (on.connect_failure, "connect-failure"),
        (on.refused_stream, "refused-stream"),
        (on.retriable_4xx, "retriable-4xx"),
        (on.status_codes, "retriable-status-codes"),
    ];
    let plain = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name);
    let grpc = GRPC.into_iter().filter(|(bit, _)| on.grpc & (1 << bit) != 0).map(|(_, name)| name);
    plain.chain(grpc).collect::<Vec<_>>().join(",")
}

/// Operations, the most specific first.
pub(crate) fn headers(all: [&HeaderOps; 3]) -> Headers {
    let mut found = Headers::default();
    for ops in all {
        ops.request.iter().for_each(|op| add(op, &mut found.request));
        ops.response.iter().for_each(|op| add(op, &mut found.response));
    }
    found
}

fn add(op: &HeaderOp, into: &mut Operations) {
    match op {
        HeaderOp::Set(name, value) => drop(into.set.insert(name.to_string(), value.to_string())),
        HeaderOp::Append(name, value) | HeaderOp::AddIfAbsent(name, value) => {
            drop(into.add.insert(name.to_string(), value.to_string()));
        }
        HeaderOp::Remove(name) => into.remove.push(name.to_string()),
    }
}
