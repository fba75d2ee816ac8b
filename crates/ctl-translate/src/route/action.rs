//! Routes of a VirtualService.
//!
//! Holds: a route per condition, in the order of the object; a destination that does not exist is answered with 503,
//! because no cluster has its name.

use ctl_snapshot::MeshSnapshot;
use weft_model::api::reference::Destination;
use weft_model::api::virtual_service::{
    HttpDestination, HttpMatch, HttpRoute, Rewrite, VirtualService,
};
use weft_model::{Host, Object, expand};
use weft_proto::envoy::config::core::v3::RuntimeFractionalPercent;
use weft_proto::envoy::config::route::v3::route_action::{
    ClusterSpecifier, HashPolicy, HostRewriteSpecifier, RequestMirrorPolicy,
};
use weft_proto::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use weft_proto::envoy::config::route::v3::weighted_cluster::cluster_weight::HostRewriteSpecifier as OwnHost;
use weft_proto::envoy::config::route::v3::{
    Decorator, Route, RouteAction, RouteMatch, WeightedCluster, route, route_action, route_match,
};
use weft_proto::envoy::r#type::matcher::v3::{RegexMatchAndSubstitute, RegexMatcher};

use crate::http::{CORS, FAULT};
use crate::route::headers::Operations;
use crate::route::selection::{Context, Source};
use crate::route::{answer, extras, hash, matching};
use crate::{names, wire};

/// The routes that this proxy may take; none when none is meant for it.
pub(crate) fn routes(context: &Context<'_>, object: &Object<VirtualService>) -> Vec<Route> {
    let mut found = Vec::new();
    for written in &object.spec.http {
        for condition in conditions(context, object, written) {
            let takes_all = matching::takes_all(&condition.matches);
            found.push(Writer { context, object, written, condition }.route());
            if takes_all {
                return found;
            }
        }
    }
    found
}

/// A condition, and how a route is called because of it.
struct Condition {
    name: String,
    /// Under which Envoy keeps statistics of the route; empty for none.
    counted_as: String,
    matches: RouteMatch,
}

/// The conditions that may hold for this proxy's requests.
fn conditions(
    context: &Context<'_>,
    object: &Object<VirtualService>,
    written: &HttpRoute,
) -> Vec<Condition> {
    if written.matches.is_empty() {
        let (name, counted_as) = (written.name.clone(), String::new());
        return vec![Condition { name, counted_as, matches: matching::everything() }];
    }
    let meant = written
        .matches
        .iter()
        .filter(|found| context.admits(&Source::from(*found), &object.meta.namespace));
    let named = |name: &str| match name {
        "" => written.name.clone(),
        name => format!("{}.{name}", written.name),
    };
    let condition = |found: &HttpMatch| Condition {
        name: named(&found.name),
        counted_as: found.stat_prefix.clone(),
        matches: match object.meta.derived {
            true => matching::by_segments(matching::conditions(found)),
            false => matching::conditions(found),
        },
    };
    meant.map(condition).collect()
}

struct Writer<'a> {
    context: &'a Context<'a>,
    object: &'a Object<VirtualService>,
    written: &'a HttpRoute,
    condition: Condition,
}

impl Writer<'_> {
    fn route(&self) -> Route {
        let mut headers = Operations::of(self.written.headers.as_ref());
        if let [only] = self.written.route.as_slice() {
            headers = headers.and(Operations::of(only.headers.as_ref()));
        }
        let action = self.action(headers.authority.take());
        Route {
            name: self.condition.name.clone(),
            stat_prefix: self.condition.counted_as.clone(),
            decorator: Some(Decorator {
                operation: self.operation(&action),
                ..Decorator::default()
            }),
            action: Some(action),
            r#match: Some(self.condition.matches.clone()),
            metadata: Some(wire::config(&self.made_from())),
            typed_per_filter_config: wire::ordered(self.filters()),
            request_headers_to_add: headers.request.add,
            request_headers_to_remove: headers.request.remove,
            response_headers_to_add: headers.response.add,
            response_headers_to_remove: headers.response.remove,
            ..Route::default()
        }
    }

    /// A derived object's routes are called by what they were made from: `HTTPRoute/shop/web/0`.
    fn made_from(&self) -> String {
        let meta = &self.object.meta;
        let mut parts = self.written.name.split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(namespace), Some(name)) if meta.derived => {
                format!("/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/{kind}/{name}")
            }
            _ => names::object("networking.istio.io", "virtual-service", meta),
        }
    }

    fn filters(&self) -> Vec<(String, weft_proto::google::protobuf::Any)> {
        let fault = self.written.fault.as_ref().map(extras::fault);
        let fault = fault.filter(|fault| fault.delay.is_some() || fault.abort.is_some());
        let cors = self.written.cors_policy.as_ref().map(extras::cors);
        let fault = fault.map(|fault| (FAULT.to_owned(), wire::any(&fault)));
        fault.into_iter().chain(cors.map(|cors| (CORS.to_owned(), wire::any(&cors)))).collect()
    }

    fn action(&self, authority: Option<String>) -> route::Action {
        let Self { context, written, .. } = self;
        if let Some(redirect) = &written.redirect {
            return route::Action::Redirect(answer::redirect(redirect, context.port));
        }
        if let Some(response) = &written.direct_response {
            return route::Action::DirectResponse(answer::response(response));
        }
        route::Action::Route(self.forward(authority))
    }

    fn forward(&self, authority: Option<String>) -> RouteAction {
        let written = self.written;
        let timeout = written.timeout.map_or_else(|| wire::seconds(0), |s| wire::duration(s.0));
        let hash_policy = self.hash_policy();
        let hashed = !hash_policy.is_empty() && written.route.len() == 1;
        let settings = self.context.snapshot.settings();
        let mut action = RouteAction {
            cluster_specifier: Some(self.clusters()),
            retry_policy: extras::retry(written.retries.as_ref(), hashed, settings),
            request_mirror_policies: self.mirrors(),
            hash_policy,
            ..RouteAction::default()
        };
        limit(&mut action, timeout);
        if self.object.meta.derived {
            action.cluster_not_found_response_code =
                route_action::ClusterNotFoundResponseCode::InternalServerError.into();
        }
        let mut host = authority;
        if let Some(rewrite) = &written.rewrite {
            self.rewrite(rewrite, &mut action);
            host = Some(rewrite.authority.clone()).filter(|host| !host.is_empty()).or(host);
        }
        action.host_rewrite_specifier = host.map(HostRewriteSpecifier::HostRewriteLiteral);
        action
    }

    fn rewrite(&self, rewrite: &Rewrite, action: &mut RouteAction) {
        if let Some(regex) = &rewrite.uri_regex_rewrite {
            action.regex_rewrite = Some(substitution(&regex.pattern, &regex.rewrite));
        } else if !rewrite.uri.is_empty() {
            match &self.condition.matches.path_specifier {
                Some(route_match::PathSpecifier::SafeRegex(_)) => {
                    action.regex_rewrite = Some(substitution(".*", &rewrite.uri));
                }
                _ => action.prefix_rewrite = rewrite.uri.clone(),
            }
        }
    }

    /// Host and port of a destination.
    fn target(&self, to: &Destination) -> (Host, u16) {
        let snapshot = self.context.snapshot;
        let host = expand(&to.host, &self.object.meta.namespace, &snapshot.settings().domain);
        let host = snapshot.config().aliased(&host).clone();
        let port = match self.context.gateway {
            Some(_) => port_of(snapshot, to, &host, self.context.port),
            // As in Istio: the only port of another service is no guess that a sidecar makes.
            None => named_port(to).unwrap_or(self.context.port),
        };
        (host, port)
    }

    fn cluster(&self, to: &Destination) -> String {
        let (host, port) = self.target(to);
        names::outbound(port, &to.subset, &host)
    }

    fn clusters(&self) -> ClusterSpecifier {
        if let [HttpDestination { destination: Some(to), .. }] = self.written.route.as_slice() {
            return ClusterSpecifier::Cluster(self.cluster(to));
        }
        let weighted = self.written.route.iter().filter_map(|entry| {
            let weight = u32::try_from(entry.weight).ok().filter(|weight| *weight > 0)?;
            let Operations { request, response, authority } =
                Operations::of(entry.headers.as_ref());
            Some(ClusterWeight {
                name: self.cluster(entry.destination.as_ref()?),
                weight: wire::number(weight),
                request_headers_to_add: request.add,
                request_headers_to_remove: request.remove,
                response_headers_to_add: response.add,
                response_headers_to_remove: response.remove,
                host_rewrite_specifier: authority.map(OwnHost::HostRewriteLiteral),
                ..ClusterWeight::default()
            })
        });
        let clusters: Vec<ClusterWeight> = weighted.collect();
        if clusters.is_empty() {
            return ClusterSpecifier::Cluster(names::BLACK_HOLE.to_owned());
        }
        ClusterSpecifier::WeightedClusters(WeightedCluster {
            clusters,
            ..WeightedCluster::default()
        })
    }

    fn mirrors(&self) -> Vec<RequestMirrorPolicy> {
        let HttpRoute { mirror, mirrors, mirror_percentage, mirror_percent, .. } = self.written;
        let old = mirror_percent.or(self.written.mirror_percent_old).map(f64::from);
        let share = mirror_percentage.as_ref().map(|share| share.value).or(old);
        let first = mirror.iter().map(|to| (to, share));
        let more = mirrors.iter().filter_map(|mirror| {
            Some((mirror.destination.as_ref()?, mirror.percentage.as_ref().map(|p| p.value)))
        });
        let all = first.chain(more).map(|(to, share)| (to, share.unwrap_or(100.0)));
        all.filter(|(_, share)| *share > 0.0).map(|(to, share)| self.mirror(to, share)).collect()
    }

    fn mirror(&self, to: &Destination, share: f64) -> RequestMirrorPolicy {
        RequestMirrorPolicy {
            cluster: self.cluster(to),
            runtime_fraction: Some(RuntimeFractionalPercent {
                default_value: Some(extras::share(share)),
                ..RuntimeFractionalPercent::default()
            }),
            trace_sampled: wire::truth(false),
            disable_shadow_host_suffix_append: true,
            ..RequestMirrorPolicy::default()
        }
    }

    /// By what the destinations that balance by a key want to be chosen.
    fn hash_policy(&self) -> Vec<HashPolicy> {
        let wanted = self.written.route.iter().filter_map(|entry| {
            let to = entry.destination.as_ref()?;
            extras::hash(hash::of_destination(self.context, &self.target(to).0, to)?)
        });
        let mut found: Vec<HashPolicy> = Vec::new();
        for policy in wanted {
            if !found.contains(&policy) {
                found.push(policy);
            }
        }
        found
    }

    /// What traces call it: the only destination, else the object, with the path.
    fn operation(&self, action: &route::Action) -> String {
        use route_match::PathSpecifier;
        let path = match &self.condition.matches.path_specifier {
            Some(PathSpecifier::Prefix(prefix)) => format!("{prefix}*"),
            Some(PathSpecifier::PathSeparatedPrefix(prefix)) => format!("{prefix}/*"),
            Some(PathSpecifier::Path(path)) => path.clone(),
            Some(PathSpecifier::SafeRegex(pattern)) => pattern.regex.clone(),
            _ => "/*".to_owned(),
        };
        let only = match (action, self.written.route.as_slice()) {
            (route::Action::Route(_), [only]) => only.destination.as_ref(),
            _ => None,
        };
        match only.map(|to| self.target(to)) {
            Some((host, port)) => format!("{host}:{port}{path}"),
            None => format!("{}:{}{path}", self.object.meta.name, self.context.port),
        }
    }
}

/// How long the whole takes at most; a client's `grpc-timeout` counts within it.
pub(crate) fn limit(action: &mut RouteAction, timeout: weft_proto::google::protobuf::Duration) {
    action.timeout = Some(timeout);
    #[expect(deprecated, reason = "its successor has other semantics; Istio writes this one too")]
    let limit = &mut action.max_grpc_timeout;
    *limit = Some(timeout);
}

fn substitution(pattern: &str, text: &str) -> RegexMatchAndSubstitute {
    RegexMatchAndSubstitute {
        pattern: Some(RegexMatcher { regex: pattern.to_owned(), ..RegexMatcher::default() }),
        substitution: text.to_owned(),
    }
}

/// The port that is meant: the one that is named, the service's only one, or the one that was called.
pub(crate) fn port_of(snapshot: &MeshSnapshot, to: &Destination, host: &Host, called: u16) -> u16 {
    named_port(to).unwrap_or_else(|| {
        match snapshot.config().service(host).map(|service| service.ports.as_slice()) {
            Some([only]) => only.number,
            _ => called,
        }
    })
}

fn named_port(to: &Destination) -> Option<u16> {
    let named = to.port.as_ref().and_then(|port| u16::try_from(port.number).ok());
    named.filter(|port| *port > 0)
}
