//! `VirtualService` of `networking.istio.io`: where requests for a host go.

use std::collections::BTreeMap;

use crate::Span;
use crate::read::{record, words};
use crate::reference::{Destination, Percent, StringMatch};

record! {
    /// Where requests for some hosts go. Routes are tried in the order in which they are written; the first that matches is
    /// taken.
    VirtualService {
        /// Hosts that the routes hold for: names of services, DNS names, wildcards such as `*.example.com`, or addresses. A short
        /// name is completed with the namespace of this object. Empty only for a delegate.
        "hosts" hosts: Vec<String>,
        /// Where the routes hold: `mesh` for all sidecars (the default), and gateways as `NAME` or `NAMESPACE/NAME`.
        "gateways" gateways: Vec<String>,
        /// Routes of HTTP, HTTP/2 and gRPC.
        "http" http: Vec<HttpRoute>,
        /// Routes of TLS that is passed through, by server name.
        "tls" tls: Vec<TlsRoute>,
        /// Routes of connections whose protocol is not looked at.
        "tcp" tcp: Vec<TcpRoute>,
        /// Namespaces whose clients see the routes: `.` its own, `*` all (the default), or names.
        "exportTo" export_to: Vec<String>,
    }
}

record! {
    /// One HTTP route: which requests, and what happens to them. It has exactly one of route, redirect, directResponse and
    /// delegate.
    HttpRoute {
        /// Name of the route in access logs and in explanations.
        "name" name: String,
        /// The route is taken when one of these matches; without any, it takes every request.
        "match" matches: Vec<HttpMatch>,
        /// Destinations and their shares.
        "route" route: Vec<HttpDestination>,
        /// Answers with a redirect.
        "redirect" redirect: Option<Redirect>,
        /// Answers with a fixed response.
        "directResponse" direct_response: Option<DirectResponse>,
        /// Another VirtualService, without hosts, that has the routes.
        "delegate" delegate: Option<Delegate>,
        /// Changes path and authority on the way to the destination.
        "rewrite" rewrite: Option<Rewrite>,
        /// Longest time for the whole request, with all its tries; no limit when absent.
        "timeout" timeout: Option<Span>,
        /// When a failed request is tried again; two retries of connection failures when absent.
        "retries" retries: Option<Retries>,
        /// Delays and failures on purpose.
        "fault" fault: Option<Fault>,
        /// Sends a copy of requests to another destination and drops its answers; prefer mirrors.
        "mirror" mirror: Option<Destination>,
        /// Destinations that get copies of requests; their answers are dropped.
        "mirrors" mirrors: Vec<Mirror>,
        /// Share of requests that are copied, in whole percent. Deprecated: use mirrorPercentage.
        "mirrorPercent" mirror_percent: Option<u32>,
        /// Share of requests that are copied, in whole percent. Deprecated: use mirrorPercentage.
        "mirror_percent" mirror_percent_old: Option<u32>,
        /// Share of requests that are copied; all when absent.
        "mirrorPercentage" mirror_percentage: Option<Percent>,
        /// What browsers may do from pages of other origins.
        "corsPolicy" cors_policy: Option<CorsPolicy>,
        /// Changes to header fields, for all destinations.
        "headers" headers: Option<Headers>,
    }
}

record! {
    /// Conditions on a request that must all hold.
    HttpMatch {
        /// Name of the match, appended to the name of the route in access logs.
        "name" name: String,
        /// The path, with the case as written unless ignoreUriCase.
        "uri" uri: Option<StringMatch>,
        /// The scheme, `http` or `https`.
        "scheme" scheme: Option<StringMatch>,
        /// The method, such as `GET`.
        "method" method: Option<StringMatch>,
        /// The authority (host) of the request.
        "authority" authority: Option<StringMatch>,
        /// Header fields by name in lower case; an empty match asks only that the field is there. At gateways
        /// `@request.auth.claims.NAME` matches a claim of a valid token.
        "headers" headers: BTreeMap<String, StringMatch>,
        /// Header fields that must not match.
        "withoutHeaders" without_headers: BTreeMap<String, StringMatch>,
        /// Parameters of the query by name.
        "queryParams" query_params: BTreeMap<String, StringMatch>,
        /// Compares exact and prefix matches of uri without regard to case.
        "ignoreUriCase" ignore_uri_case: bool,
        /// Port of the host that the client called.
        "port" port: u32,
        /// Labels that the client's pod carries; not at gateways.
        "sourceLabels" source_labels: BTreeMap<String, String>,
        /// Namespace of the client's pod; not at gateways.
        "sourceNamespace" source_namespace: String,
        /// Gateways for which this match holds, instead of those of the VirtualService.
        "gateways" gateways: Vec<String>,
        /// Makes statistics of its own for requests that take this route, under this prefix.
        "statPrefix" stat_prefix: String,
    }
}

record! {
    /// A destination and its share.
    HttpDestination {
        /// Where requests go.
        "destination" destination: Option<Destination> = [Required],
        /// Share of requests, in proportion to the sum of all weights; may be absent when there is one destination.
        "weight" weight: i32,
        /// Changes to header fields of requests that go here.
        "headers" headers: Option<Headers>,
    }
}

record! {
    /// Changes to the header fields of requests and responses.
    Headers {
        /// Changes before the request is forwarded.
        "request" request: Option<HeaderOperations>,
        /// Changes before the response is given to the client.
        "response" response: Option<HeaderOperations>,
    }
}

record! {
    /// Changes to header fields.
    HeaderOperations {
        /// Fields that are replaced, or added when absent.
        "set" set: BTreeMap<String, String>,
        /// Values that are appended.
        "add" add: BTreeMap<String, String>,
        /// Fields that are removed.
        "remove" remove: Vec<String>,
    }
}

words! {
    /// Where a redirect takes its port from.
    DerivePort {
        /// 80 for http, 443 for https.
        ProtocolDefault = "FROM_PROTOCOL_DEFAULT",
        /// The port that the client called.
        RequestPort = "FROM_REQUEST_PORT",
    }
}

record! {
    /// Answers with a redirect.
    Redirect {
        /// New path; `%PREFIX()%` keeps what follows a matched prefix.
        "uri" uri: String,
        /// Replaces only the matched prefix of the path.
        "prefixRewrite" prefix_rewrite: String,
        /// New authority.
        "authority" authority: String,
        /// New port.
        "port" port: Option<u32>,
        /// Takes the port from the scheme or from the request.
        "derivePort" derive_port: Option<DerivePort>,
        /// New scheme, `http` or `https`.
        "scheme" scheme: String,
        /// Status of the answer: 301 (the default), 302, 303, 307 or 308.
        "redirectCode" redirect_code: u32,
    } where [OneOf(&["port", "derivePort"])]
}

record! {
    /// Answers with a fixed response.
    DirectResponse {
        /// Status of the answer.
        "status" status: u32 = [Required],
        /// Body of the answer; none when absent.
        "body" body: Option<Body>,
    }
}

record! {
    /// What a direct response says.
    Body {
        /// As text.
        "string" string: Option<String>,
        /// As base64.
        "bytes" bytes: Option<String>,
    } where [OneOf(&["string", "bytes"])]
}

record! {
    /// Another VirtualService that has the routes.
    Delegate {
        /// Its name.
        "name" name: String,
        /// Its namespace; that of this object when absent.
        "namespace" namespace: String,
    }
}

record! {
    /// Changes path and authority on the way to the destination.
    Rewrite {
        /// New path; after a prefix match only the prefix is replaced.
        "uri" uri: String,
        /// New authority.
        "authority" authority: String,
        /// Replaces a part of the path by pattern.
        "uriRegexRewrite" uri_regex_rewrite: Option<RegexRewrite>,
    }
}

record! {
    /// Replaces what a pattern matches.
    RegexRewrite {
        /// An RE2 pattern.
        "match" pattern: String,
        /// What stands in its place; `\1` is the first group.
        "rewrite" rewrite: String,
    }
}

record! {
    /// When a request is tried again.
    Retries {
        /// How often at most; 0 turns retries off.
        "attempts" attempts: i32,
        /// Longest time of each try; the timeout of the route when absent.
        "perTryTimeout" per_try_timeout: Option<Span>,
        /// Conditions, separated by commas, such as `connect-failure,5xx`; numbers are status codes.
        "retryOn" retry_on: String,
        /// Tries endpoints of other localities too.
        "retryRemoteLocalities" retry_remote_localities: Option<bool>,
        /// Prefers endpoints that were not tried yet; true when absent.
        "retryIgnorePreviousHosts" retry_ignore_previous_hosts: Option<bool>,
        /// Shortest pause between tries, growing with each one; 25ms when absent.
        "backoff" backoff: Option<Span>,
    }
}

record! {
    /// Trouble on purpose, to see how clients cope.
    Fault {
        /// Holds requests back.
        "delay" delay: Option<Delay>,
        /// Fails requests without forwarding them.
        "abort" abort: Option<Abort>,
    }
}

record! {
    /// Holds requests back.
    Delay {
        /// How long.
        "fixedDelay" fixed_delay: Option<Span>,
        /// Not supported, as in Istio.
        "exponentialDelay" exponential_delay: Option<Span>,
        /// Share of requests; none when absent.
        "percentage" percentage: Option<Percent>,
        /// Share of requests in whole percent. Deprecated: use percentage.
        "percent" percent: i32,
    } where [OneOf(&["fixedDelay", "exponentialDelay"])]
}

record! {
    /// Fails requests without forwarding them.
    Abort {
        /// Status of the answer.
        "httpStatus" http_status: Option<i32>,
        /// Status of the answer to a gRPC request, as name or number.
        "grpcStatus" grpc_status: Option<String>,
        /// Not supported, as in Istio.
        "http2Error" http2_error: Option<String>,
        /// Share of requests; none when absent.
        "percentage" percentage: Option<Percent>,
    } where [OneOf(&["httpStatus", "grpcStatus", "http2Error"])]
}

record! {
    /// Sends copies of requests.
    Mirror {
        /// Where copies go.
        "destination" destination: Option<Destination> = [Required],
        /// Share of requests that are copied; all when absent.
        "percentage" percentage: Option<Percent>,
    }
}

words! {
    /// What happens to a preflight of an origin that is not allowed.
    UnmatchedPreflights {
        /// Same as FORWARD.
        Unspecified = "UNSPECIFIED",
        /// The application answers it.
        Forward = "FORWARD",
        /// It is answered without any permission.
        Ignore = "IGNORE",
    }
}

record! {
    /// What browsers may do from pages of other origins.
    CorsPolicy {
        /// Origins that are allowed, word for word. Deprecated: use allowOrigins.
        "allowOrigin" allow_origin: Vec<String>,
        /// Origins that are allowed.
        "allowOrigins" allow_origins: Vec<StringMatch>,
        /// Methods that are allowed.
        "allowMethods" allow_methods: Vec<String>,
        /// Header fields that requests may carry.
        "allowHeaders" allow_headers: Vec<String>,
        /// Header fields of responses that pages may read.
        "exposeHeaders" expose_headers: Vec<String>,
        /// How long a browser may remember the answer to a preflight.
        "maxAge" max_age: Option<Span>,
        /// Whether requests may carry credentials.
        "allowCredentials" allow_credentials: Option<bool>,
        /// What happens to a preflight of an origin that is not allowed.
        "unmatchedPreflights" unmatched_preflights: UnmatchedPreflights,
    }
}

record! {
    /// One TLS route, by server name.
    TlsRoute {
        /// The route is taken when one of these matches.
        "match" matches: Vec<TlsMatch> = [Required],
        /// Destinations and their shares.
        "route" route: Vec<RouteDestination>,
    }
}

record! {
    /// Conditions on a TLS connection that must all hold.
    TlsMatch {
        /// Server names that the client asks for; each must be covered by a host of the VirtualService.
        "sniHosts" sni_hosts: Vec<String> = [Required],
        /// Ranges that the destination address is in.
        "destinationSubnets" destination_subnets: Vec<String>,
        /// Port that the client called.
        "port" port: u32,
        /// Labels that the client's pod carries; not at gateways.
        "sourceLabels" source_labels: BTreeMap<String, String>,
        /// Gateways for which this match holds, instead of those of the VirtualService.
        "gateways" gateways: Vec<String>,
        /// Namespace of the client's pod; not at gateways.
        "sourceNamespace" source_namespace: String,
    }
}

record! {
    /// One route of connections.
    TcpRoute {
        /// The route is taken when one of these matches; without any, it takes every connection.
        "match" matches: Vec<TcpMatch>,
        /// Destinations and their shares.
        "route" route: Vec<RouteDestination>,
    }
}

record! {
    /// Conditions on a connection that must all hold.
    TcpMatch {
        /// Ranges that the destination address is in.
        "destinationSubnets" destination_subnets: Vec<String>,
        /// Port that the client called.
        "port" port: u32,
        /// Range that the client's address is in; has no effect, as in Istio.
        "sourceSubnet" source_subnet: String,
        /// Labels that the client's pod carries; not at gateways.
        "sourceLabels" source_labels: BTreeMap<String, String>,
        /// Gateways for which this match holds, instead of those of the VirtualService.
        "gateways" gateways: Vec<String>,
        /// Namespace of the client's pod; not at gateways.
        "sourceNamespace" source_namespace: String,
    }
}

record! {
    /// A destination of connections and its share.
    RouteDestination {
        /// Where connections go.
        "destination" destination: Option<Destination> = [Required],
        /// Share of connections, in proportion to the sum of all weights.
        "weight" weight: i32,
    }
}
