//! Routes that send requests on.
//! In: Envoy's RouteAction. Out: ours.

use std::sync::Arc;
use std::time::Duration;

use proxy_config::route::{
    Forward, HashBy, HashPolicy, HeaderOp, HeaderOps, HostRewrite, Mirror, Rewrite, WeightedCluster,
};
use regex::Regex;
use weft_proto::envoy::config::route::v3 as wire;
use weft_proto::envoy::r#type::matcher::v3::RegexMatchAndSubstitute;
use wire::route_action as action_wire;
use wire::weighted_cluster::cluster_weight::HostRewriteSpecifier as Own;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::route::{ops, retry};
use crate::wrap;

const AUTHORITY: &str = ":authority";

/// Envoy's default route timeout.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) fn lower(wire: &wire::RouteAction) -> Lowered<Forward> {
    #[expect(deprecated, reason = "max_grpc_timeout is what Istio writes")]
    only!(
        wire,
        cluster_not_found_response_code,
        prefix_rewrite,
        regex_rewrite,
        timeout,
        idle_timeout,
        retry_policy,
        request_mirror_policies,
        hash_policy,
        max_grpc_timeout,
        upgrade_configs,
        cluster_specifier,
        host_rewrite_specifier,
        max_stream_duration,
    )?;
    let timeout = wire.timeout.as_ref().map(wrap::duration).transpose();
    let timeout = timeout.map_err(|e| e.within("timeout"))?.unwrap_or(TIMEOUT);
    let idle = wire.idle_timeout.as_ref().map(wrap::duration).transpose();
    let mut clusters = clusters(wire.cluster_specifier.as_ref())?;
    let host_rewrite = hosts(&mut clusters, host_rewrite(wire)?);
    Ok(Forward {
        clusters,
        timeout: (!timeout.is_zero()).then_some(timeout),
        idle_timeout: idle.map_err(|e| e.within("idle_timeout"))?,
        max_grpc_timeout: grpc_timeout(wire)?,
        retry: wire.retry_policy.as_ref().map(retry::lower).transpose()?.map(Arc::new),
        rewrite: rewrite(wire)?,
        host_rewrite,
        hash: wire.hash_policy.iter().map(hash).collect::<Lowered<_>>()?,
        mirrors: wire.request_mirror_policies.iter().map(mirror).collect::<Lowered<_>>()?,
        upgrades: upgrades(&wire.upgrade_configs)?,
        cluster_not_found: match wire.cluster_not_found_response_code() {
            action_wire::ClusterNotFoundResponseCode::ServiceUnavailable => 503,
            action_wire::ClusterNotFoundResponseCode::NotFound => 404,
            action_wire::ClusterNotFoundResponseCode::InternalServerError => 500,
        },
    })
}

fn clusters(wire: Option<&action_wire::ClusterSpecifier>) -> Lowered<Vec<WeightedCluster>> {
    use action_wire::ClusterSpecifier;
    match wire {
        Some(ClusterSpecifier::Cluster(name)) => Ok(vec![WeightedCluster {
            cluster: name.as_str().into(),
            weight: 1,
            headers: HeaderOps::default(),
        }]),
        Some(ClusterSpecifier::WeightedClusters(weighted)) => {
            #[expect(deprecated, reason = "the sum of the weights is what counts today")]
            only!(weighted, clusters, total_weight, runtime_key_prefix)
                .map_err(|e| e.within("weighted_clusters"))?;
            let one = |cluster: &wire::weighted_cluster::ClusterWeight| {
                only!(
                    cluster,
                    name,
                    weight,
                    request_headers_to_add,
                    request_headers_to_remove,
                    response_headers_to_add,
                    response_headers_to_remove,
                    host_rewrite_specifier,
                )?;
                let mut headers = ops(cluster)?;
                if let Some(Own::HostRewriteLiteral(host)) = &cluster.host_rewrite_specifier {
                    headers.request.push(HeaderOp::Set(AUTHORITY.into(), host.as_str().into()));
                }
                Ok(WeightedCluster {
                    cluster: cluster.name.as_str().into(),
                    weight: cluster.weight.map_or(0, |weight| weight.value),
                    headers,
                })
            };
            weighted.clusters.iter().map(one).collect()
        }
        _ => Err(Rejected::new("cluster_specifier", "must be cluster or weighted_clusters")),
    }
}

/// The host that a destination sets goes before the route's, which then is one of the others' own.
fn hosts(clusters: &mut [WeightedCluster], route: Option<HostRewrite>) -> Option<HostRewrite> {
    let sets = |op: &HeaderOp| matches!(op, HeaderOp::Set(name, _) if &**name == AUTHORITY);
    let own = |cluster: &WeightedCluster| cluster.headers.request.iter().any(sets);
    match route {
        Some(HostRewrite::Literal(host)) if clusters.iter().any(own) => {
            for cluster in clusters.iter_mut().filter(|cluster| !own(cluster)) {
                let set = HeaderOp::Set(AUTHORITY.into(), Arc::clone(&host));
                cluster.headers.request.push(set);
            }
            None
        }
        route => route,
    }
}

fn grpc_timeout(wire: &wire::RouteAction) -> Lowered<Option<Duration>> {
    #[expect(deprecated, reason = "max_grpc_timeout is what Istio writes")]
    let old = wire.max_grpc_timeout.as_ref();
    let limits = wire.max_stream_duration.as_ref();
    if let Some(limits) = limits {
        let at = |e: Rejected| e.within("max_stream_duration");
        only!(limits, max_stream_duration, grpc_timeout_header_max).map_err(at)?;
        if wrap::bound(limits.max_stream_duration.as_ref(), "max_stream_duration")?.is_some() {
            return Err(at(Rejected::new("max_stream_duration", "is not supported")));
        }
    }
    let new = limits.and_then(|limits| limits.grpc_timeout_header_max.as_ref());
    new.or(old).map(wrap::duration).transpose().map_err(|e| e.within("max_grpc_timeout"))
}

fn rewrite(wire: &wire::RouteAction) -> Lowered<Option<Rewrite>> {
    match (wire.prefix_rewrite.as_str(), wire.regex_rewrite.as_ref()) {
        ("", None) => Ok(None),
        ("", Some(rewrite)) => regex(rewrite).map(Some),
        (prefix, None) => Ok(Some(Rewrite::Prefix(prefix.into()))),
        (_, Some(_)) => Err(Rejected::new("regex_rewrite", "excludes prefix_rewrite")),
    }
}

pub(crate) fn regex(wire: &RegexMatchAndSubstitute) -> Lowered<Rewrite> {
    let pattern = wire.pattern.as_ref().map_or("", |pattern| pattern.regex.as_str());
    let pattern = crate::matcher::search(pattern).map_err(|e| e.within("regex_rewrite"))?;
    // RE2 writes groups as `\1`; a literal `$` needs escaping for our engine.
    let substitution = wire.substitution.replace('$', "$$");
    let group =
        Regex::new(r"\\(\d)").map_err(|error| Rejected::new("regex_rewrite", error.to_string()))?;
    let substitution = group.replace_all(&substitution, "$${$1}").replace("\\\\", "\\");
    Ok(Rewrite::Regex(pattern, substitution.into()))
}

fn host_rewrite(wire: &wire::RouteAction) -> Lowered<Option<HostRewrite>> {
    use action_wire::HostRewriteSpecifier;
    match wire.host_rewrite_specifier.as_ref() {
        None => Ok(None),
        Some(HostRewriteSpecifier::HostRewriteLiteral(host)) => {
            Ok(Some(HostRewrite::Literal(host.as_str().into())))
        }
        Some(HostRewriteSpecifier::AutoHostRewrite(auto)) => {
            Ok(auto.value.then_some(HostRewrite::Auto))
        }
        Some(HostRewriteSpecifier::HostRewriteHeader(name)) => {
            Ok(Some(HostRewrite::Header(name.to_ascii_lowercase().into())))
        }
        Some(_) => Err(Rejected::new("host_rewrite", "by path is not supported")),
    }
}

fn hash(wire: &action_wire::HashPolicy) -> Lowered<HashPolicy> {
    use action_wire::hash_policy::PolicySpecifier;
    let at = |e: Rejected| e.within("hash_policy");
    let by = match wire.policy_specifier.as_ref() {
        Some(PolicySpecifier::Header(header)) => {
            only!(header, header_name).map_err(at)?;
            HashBy::Header(header.header_name.to_ascii_lowercase().into())
        }
        Some(PolicySpecifier::Cookie(cookie)) => {
            only!(cookie, name, ttl, path, attributes).map_err(at)?;
            let attributes = cookie.attributes.iter();
            HashBy::Cookie {
                name: cookie.name.as_str().into(),
                ttl: cookie.ttl.as_ref().map(wrap::duration).transpose().map_err(at)?,
                path: cookie.path.as_str().into(),
                attributes: attributes
                    .map(|one| (one.name.as_str().into(), one.value.as_str().into()))
                    .collect(),
            }
        }
        Some(PolicySpecifier::ConnectionProperties(found)) if found.source_ip => HashBy::SourceIp,
        Some(PolicySpecifier::QueryParameter(query)) => HashBy::Query(query.name.as_str().into()),
        _ => return Err(at(Rejected::new("", "is of a kind that is not known"))),
    };
    Ok(HashPolicy { by, terminal: wire.terminal })
}

fn mirror(wire: &action_wire::RequestMirrorPolicy) -> Lowered<Mirror> {
    // Whether a copy is traced does not matter where nothing is.
    only!(wire, cluster, runtime_fraction, trace_sampled, disable_shadow_host_suffix_append)
        .map_err(|e| e.within("request_mirror_policies"))?;
    let fraction = wrap::runtime_fraction(wire.runtime_fraction.as_ref())?;
    let suffix = !wire.disable_shadow_host_suffix_append;
    Ok(Mirror { cluster: wire.cluster.as_str().into(), fraction, suffix })
}

fn upgrades(wire: &[action_wire::UpgradeConfig]) -> Lowered<Option<Vec<Arc<str>>>> {
    if wire.is_empty() {
        return Ok(None);
    }
    for upgrade in wire {
        only!(upgrade, upgrade_type, enabled).map_err(|e| e.within("upgrade_configs"))?;
    }
    let enabled = wire.iter().filter(|upgrade| upgrade.enabled.is_none_or(|b| b.value));
    Ok(Some(enabled.map(|upgrade| upgrade.upgrade_type.to_ascii_lowercase().into()).collect()))
}
