//! `VirtualService` of `networking.istio.io`: where requests for a host go.

use std::collections::BTreeMap;

use crate::Span;
use crate::read::{record, words};
use crate::reference::{Destination, Percent, StringMatch};

record! {
    /// `spec`
    VirtualService {
        "hosts" hosts: Vec<String>,
        "gateways" gateways: Vec<String>,
        "http" http: Vec<HttpRoute>,
        "tls" tls: Vec<TlsRoute>,
        "tcp" tcp: Vec<TcpRoute>,
        "exportTo" export_to: Vec<String>,
    }
}

record! {
    /// One HTTP route; the first that matches is taken.
    HttpRoute {
        "name" name: String,
        "match" matches: Vec<HttpMatch>,
        "route" route: Vec<HttpDestination>,
        "redirect" redirect: Option<Redirect>,
        "directResponse" direct_response: Option<DirectResponse>,
        "delegate" delegate: Option<Delegate>,
        "rewrite" rewrite: Option<Rewrite>,
        "timeout" timeout: Option<Span>,
        "retries" retries: Option<Retries>,
        "fault" fault: Option<Fault>,
        "mirror" mirror: Option<Destination>,
        "mirrors" mirrors: Vec<Mirror>,
        "mirrorPercent" mirror_percent: Option<u32>,
        "mirror_percent" mirror_percent_old: Option<u32>,
        "mirrorPercentage" mirror_percentage: Option<Percent>,
        "corsPolicy" cors_policy: Option<CorsPolicy>,
        "headers" headers: Option<Headers>,
    }
}

record! {
    /// Conditions that must all hold.
    HttpMatch {
        "name" name: String,
        "uri" uri: Option<StringMatch>,
        "scheme" scheme: Option<StringMatch>,
        "method" method: Option<StringMatch>,
        "authority" authority: Option<StringMatch>,
        "headers" headers: BTreeMap<String, StringMatch>,
        "withoutHeaders" without_headers: BTreeMap<String, StringMatch>,
        "queryParams" query_params: BTreeMap<String, StringMatch>,
        "ignoreUriCase" ignore_uri_case: bool,
        "port" port: u32,
        "sourceLabels" source_labels: BTreeMap<String, String>,
        "sourceNamespace" source_namespace: String,
        "gateways" gateways: Vec<String>,
        "statPrefix" stat_prefix: String,
    }
}

record! {
    /// A destination and its share.
    HttpDestination {
        "destination" destination: Option<Destination>,
        "weight" weight: i32,
        "headers" headers: Option<Headers>,
    }
}

record! {
    /// Changes to the fields of requests and responses.
    Headers {
        "request" request: Option<HeaderOperations>,
        "response" response: Option<HeaderOperations>,
    }
}

record! {
    /// Changes to fields.
    HeaderOperations {
        "set" set: BTreeMap<String, String>,
        "add" add: BTreeMap<String, String>,
        "remove" remove: Vec<String>,
    }
}

words! {
    /// Where a redirect takes its port from.
    DerivePort {
        ProtocolDefault = "FROM_PROTOCOL_DEFAULT",
        RequestPort = "FROM_REQUEST_PORT",
    }
}

record! {
    /// Answers with a redirect.
    Redirect {
        "uri" uri: String,
        "prefixRewrite" prefix_rewrite: String,
        "authority" authority: String,
        "port" port: Option<u32>,
        "derivePort" derive_port: Option<DerivePort>,
        "scheme" scheme: String,
        "redirectCode" redirect_code: u32,
    }
}

record! {
    /// Answers by itself.
    DirectResponse {
        "status" status: u32,
        "body" body: Option<Body>,
    }
}

record! {
    /// What a direct response says.
    Body { "string" string: Option<String>, "bytes" bytes: Option<String> }
}

record! {
    /// Another VirtualService that has the routes.
    Delegate { "name" name: String, "namespace" namespace: String }
}

record! {
    /// Changes path and authority on the way.
    Rewrite {
        "uri" uri: String,
        "authority" authority: String,
        "uriRegexRewrite" uri_regex_rewrite: Option<RegexRewrite>,
    }
}

record! {
    /// Replaces what a pattern matches.
    RegexRewrite { "match" pattern: String, "rewrite" rewrite: String }
}

record! {
    /// When a request is tried again.
    Retries {
        "attempts" attempts: i32,
        "perTryTimeout" per_try_timeout: Option<Span>,
        "retryOn" retry_on: String,
        "retryRemoteLocalities" retry_remote_localities: Option<bool>,
        "retryIgnorePreviousHosts" retry_ignore_previous_hosts: Option<bool>,
        "backoff" backoff: Option<Span>,
    }
}

record! {
    /// Trouble on purpose.
    Fault { "delay" delay: Option<Delay>, "abort" abort: Option<Abort> }
}

record! {
    /// Holds requests back.
    Delay {
        "fixedDelay" fixed_delay: Option<Span>,
        "exponentialDelay" exponential_delay: Option<Span>,
        "percentage" percentage: Option<Percent>,
        "percent" percent: i32,
    }
}

record! {
    /// Fails requests.
    Abort {
        "httpStatus" http_status: Option<i32>,
        "grpcStatus" grpc_status: Option<String>,
        "http2Error" http2_error: Option<String>,
        "percentage" percentage: Option<Percent>,
    }
}

record! {
    /// Sends a copy.
    Mirror { "destination" destination: Option<Destination>, "percentage" percentage: Option<Percent> }
}

words! {
    /// What happens to a preflight that matches no origin.
    UnmatchedPreflights { Unspecified = "UNSPECIFIED", Forward = "FORWARD", Ignore = "IGNORE" }
}

record! {
    /// Cross-origin requests.
    CorsPolicy {
        "allowOrigin" allow_origin: Vec<String>,
        "allowOrigins" allow_origins: Vec<StringMatch>,
        "allowMethods" allow_methods: Vec<String>,
        "allowHeaders" allow_headers: Vec<String>,
        "exposeHeaders" expose_headers: Vec<String>,
        "maxAge" max_age: Option<Span>,
        "allowCredentials" allow_credentials: Option<bool>,
        "unmatchedPreflights" unmatched_preflights: UnmatchedPreflights,
    }
}

record! {
    /// One TLS route, by server name.
    TlsRoute { "match" matches: Vec<TlsMatch>, "route" route: Vec<RouteDestination> }
}

record! {
    /// Conditions on a TLS connection.
    TlsMatch {
        "sniHosts" sni_hosts: Vec<String>,
        "destinationSubnets" destination_subnets: Vec<String>,
        "port" port: u32,
        "sourceLabels" source_labels: BTreeMap<String, String>,
        "gateways" gateways: Vec<String>,
        "sourceNamespace" source_namespace: String,
    }
}

record! {
    /// One TCP route.
    TcpRoute { "match" matches: Vec<TcpMatch>, "route" route: Vec<RouteDestination> }
}

record! {
    /// Conditions on a connection.
    TcpMatch {
        "destinationSubnets" destination_subnets: Vec<String>,
        "port" port: u32,
        "sourceSubnet" source_subnet: String,
        "sourceLabels" source_labels: BTreeMap<String, String>,
        "gateways" gateways: Vec<String>,
        "sourceNamespace" source_namespace: String,
    }
}

record! {
    /// A destination of connections and its share.
    RouteDestination { "destination" destination: Option<Destination>, "weight" weight: i32 }
}
