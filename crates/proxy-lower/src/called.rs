//! Clusters and filters that look up the host that is called.
//!
//! In: Envoy's dynamic forward proxy. Out: how names are looked up, and to which port of them connections go.
//! Holds: what would change which address is asked, and is not honoured, is refused.
//! Why the filter of requests becomes nothing: here the cluster itself looks the host up, before anybody is asked.

use std::sync::Arc;
use std::time::Duration;

use proxy_config::cluster::CalledHosts;
use weft_proto::envoy::config::cluster::v3::cluster::CustomClusterType;
use weft_proto::envoy::extensions::clusters::dynamic_forward_proxy::v3 as of_cluster;
use weft_proto::envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig;
use weft_proto::envoy::extensions::filters::http::dynamic_forward_proxy::v3 as of_requests;
use weft_proto::envoy::extensions::filters::network::sni_dynamic_forward_proxy::v3 as of_names;
use weft_proto::google::protobuf::Any;

use crate::known::{Rejected, only};
use crate::{Lowered, any, cluster, wrap};

const CLUSTER: &str = "envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig";

/// The discovery of a cluster of an extension's kind.
pub(crate) fn cluster(kind: &CustomClusterType) -> Lowered<Arc<CalledHosts>> {
    let config = kind.typed_config.as_ref().filter(|config| any::kind(config) == CLUSTER);
    let Some(config) = config else {
        return Err(Rejected::new("", format!("{} is not known", kind.name)));
    };
    let config: of_cluster::ClusterConfig = any::open(config)?;
    only!(config, allow_insecure_cluster_options, cluster_implementation_specifier)?;
    match config.cluster_implementation_specifier {
        Some(of_cluster::cluster_config::ClusterImplementationSpecifier::DnsCacheConfig(dns)) => {
            cache(&dns).map(Arc::new).map_err(|e| e.within("dns_cache_config"))
        }
        _ => Err(Rejected::new("dns_cache_config", "is missing")),
    }
}

/// The filter of requests.
pub(crate) fn requests(config: &Any) -> Lowered<()> {
    let config: of_requests::FilterConfig = any::open(config)?;
    only!(config, implementation_specifier)?;
    match &config.implementation_specifier {
        Some(of_requests::filter_config::ImplementationSpecifier::DnsCacheConfig(dns)) => {
            cache(dns).map(drop).map_err(|e| e.within("dns_cache_config"))
        }
        _ => Err(Rejected::new("dns_cache_config", "is missing")),
    }
}

/// The filter of connections by server name: the port that they go on to.
pub(crate) fn names(config: &Any) -> Lowered<u16> {
    let config: of_names::FilterConfig = any::open(config)?;
    only!(config, dns_cache_config, port_specifier)?;
    cache(&config.dns_cache_config.unwrap_or_default())
        .map_err(|e| e.within("dns_cache_config"))?;
    // Envoy's default.
    let Some(of_names::filter_config::PortSpecifier::PortValue(port)) = config.port_specifier
    else {
        return Ok(443);
    };
    u16::try_from(port).map_err(|error| Rejected::new("port_value", error.to_string()))
}

fn cache(dns: &DnsCacheConfig) -> Lowered<CalledHosts> {
    // The time to live of an answer, and jitter, are as with other names that are looked up.
    only!(
        dns,
        name,
        dns_lookup_family,
        dns_refresh_rate,
        dns_min_refresh_rate,
        host_ttl,
        max_hosts,
        dns_query_timeout
    )?;
    let span = |given: Option<&_>, otherwise: u64| match given {
        Some(span) => wrap::duration(span),
        None => Ok(Duration::from_secs(otherwise)),
    };
    Ok(CalledHosts {
        cache: dns.name.as_str().into(),
        family: cluster::family(dns.dns_lookup_family()),
        refresh: span(dns.dns_refresh_rate.as_ref(), 60)?,
        kept: span(dns.host_ttl.as_ref(), 300)?,
        most: dns.max_hosts.map_or(1024, |most| most.value),
        limit: span(dns.dns_query_timeout.as_ref(), 5)?,
    })
}
