//! Rules of load balancers.

use weft_api::traffic_policy::{
    ConsistentHash, Distribute, Failover, LoadBalancer, LocalityLb, Warmup, ZoneAwareLb,
};

use crate::check::{Findings, http_route, values};

const REGION: &str = "topology.kubernetes.io/region";
const PLACES: [&str; 3] = [REGION, "topology.kubernetes.io/zone", "topology.istio.io/subzone"];

pub(crate) fn check(balancer: &LoadBalancer, findings: &mut Findings) {
    let LoadBalancer {
        simple,
        consistent_hash,
        backend_utilization,
        locality_lb_setting,
        zone_aware_lb_setting,
        warmup,
        warmup_duration_secs,
    } = balancer;
    let kinds = [simple.is_some(), consistent_hash.is_some(), backend_utilization.is_some()];
    if kinds.iter().filter(|set| **set).count() > 1 {
        findings.error(
            "has more than one kind",
            "keep one of simple, consistentHash, backendUtilization",
        );
    }
    findings.given("consistentHash", consistent_hash.as_ref(), hash);
    if locality_lb_setting.is_some() && zone_aware_lb_setting.is_some() {
        let fix = "keep one of them";
        findings.error_in("zoneAwareLbSetting", "does not go with localityLbSetting", fix);
    }
    findings.given("localityLbSetting", locality_lb_setting.as_ref(), locality);
    findings.given("zoneAwareLbSetting", zone_aware_lb_setting.as_ref(), zones);
    findings.given("warmup", warmup.as_ref(), self::warmup);
    findings.given("warmupDurationSecs", warmup_duration_secs.as_ref(), |span, f| {
        values::duration(*span, f);
    });
    findings.not_honoured("backendUtilization", backend_utilization.is_some());
    findings.not_honoured("localityLbSetting", locality_lb_setting.is_some());
    findings.not_honoured("zoneAwareLbSetting", zone_aware_lb_setting.is_some());
    findings.not_honoured("warmup", warmup.is_some());
    findings.not_honoured("warmupDurationSecs", warmup_duration_secs.is_some());
}

/// Envoy takes no larger ones.
const LARGEST_RING: i64 = 8_388_608;
const LARGEST_TABLE: i64 = 5_000_011;

fn hash(hash: &ConsistentHash, findings: &mut Findings) {
    let ConsistentHash {
        http_header_name,
        http_cookie,
        use_source_ip,
        http_query_parameter_name,
        ring_hash,
        maglev,
        minimum_ring_size,
    } = hash;
    let keys = [
        http_header_name.is_some(),
        http_cookie.is_some(),
        use_source_ip.is_some(),
        http_query_parameter_name.is_some(),
    ];
    match keys.iter().filter(|set| **set).count() {
        1 => {}
        0 => findings.error("has no key", "set httpHeaderName, httpCookie or useSourceIp"),
        _ => findings.error("has more than one key", "keep one of them"),
    }
    findings.given("httpHeaderName", http_header_name.as_ref(), |name, findings| {
        http_route::header_name(name, findings);
    });
    findings.given(
        "httpQueryParameterName",
        http_query_parameter_name.as_ref(),
        |name, findings| {
            if name.is_empty() {
                findings.error("is empty", "name a parameter");
            }
        },
    );
    findings.given("httpCookie", http_cookie.as_ref(), |cookie, findings| {
        for (field, text) in [("name", &cookie.name), ("path", &cookie.path)] {
            findings.within(field, |findings| values::one_line(text, findings));
        }
        if cookie.name.is_empty() {
            findings.error_in("name", "is missing", "name the cookie");
        }
        findings.each("attributes", &cookie.attributes, |attribute, findings| {
            let same = cookie.attributes.iter().filter(|other| other.name == attribute.name);
            if attribute.name.is_empty() {
                findings.error_in("name", "is missing", "name the attribute");
            } else if same.count() > 1 {
                findings.error_in("name", "stands here twice", "keep one of them");
            }
        });
        findings.not_honoured("attributes", !cookie.attributes.is_empty());
    });
    if ring_hash.is_some() && maglev.is_some() {
        findings.error_in("maglev", "does not go with ringHash", "keep one of them");
    }
    findings.given("maglev", maglev.as_ref(), |maglev, findings| {
        let size = maglev.table_size;
        if size == 0 {
            findings.error_in("tableSize", "is missing", "use a prime, such as 65537");
        } else if !is_prime(size) {
            findings.error_in("tableSize", format!("{size} is no prime"), "use one, such as 65537");
        } else if size >= LARGEST_TABLE {
            let fix = format!("use a prime below {LARGEST_TABLE}");
            findings.error_in("tableSize", format!("{size} is more than proxies take"), fix);
        }
    });
    let sizes =
        [minimum_ring_size.unwrap_or(0), ring_hash.as_ref().map_or(0, |r| r.minimum_ring_size)];
    if sizes.iter().any(|size| *size > LARGEST_RING) {
        let fix = format!("use at most {LARGEST_RING}");
        findings.error_in("minimumRingSize", "is more than proxies take", fix);
    }
}

fn is_prime(number: i64) -> bool {
    number > 1 && (2..).take_while(|n| n * n <= number).all(|n| number % n != 0)
}

fn locality(setting: &LocalityLb, findings: &mut Findings) {
    let LocalityLb { distribute, failover, failover_priority, enabled: _ } = setting;
    if !distribute.is_empty() && (!failover.is_empty() || !failover_priority.is_empty()) {
        findings.error_in("distribute", "does not go with failover", "keep one of them");
    }
    findings.each("distribute", distribute, |Distribute { from, to }, findings| {
        findings.within("from", |findings| place(from, findings));
        let mut sum = 0u64;
        findings.within("to", |findings| {
            for (locality, weight) in to {
                findings.within(locality, |findings| {
                    place(locality, findings);
                    if !(1..=100).contains(weight) {
                        findings.error(format!("{weight} is no share"), "use 1 to 100");
                    }
                });
                sum += u64::from(*weight);
            }
        });
        if sum != 100 {
            findings.error_in("to", format!("the shares add up to {sum}"), "make it 100");
        }
        overlap(to.keys().map(String::as_str).collect(), findings);
    });
    let from: Vec<&str> = distribute.iter().map(|entry| entry.from.as_str()).collect();
    overlap(from, findings);
    failovers(failover, findings);
    let regional = failover_priority.iter().any(|label| label.split('=').next() == Some(REGION));
    if !failover.is_empty() && regional {
        let fix = "remove it, or remove failover";
        findings.error_in("failoverPriority", "names the region, and so does failover", fix);
    }
}

fn overlap(places: Vec<&str>, findings: &mut Findings) {
    for (index, one) in places.iter().enumerate() {
        let within = |outer: &str, inner: &str| {
            let outer = outer.strip_suffix("/*").unwrap_or(outer);
            outer == "*"
                || inner == outer
                || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
        };
        let other =
            places.iter().take(index).find(|other| within(other, one) || within(one, other));
        if let Some(other) = other {
            findings.error(format!("{one} overlaps with {other}"), "keep one of them");
        }
    }
}

/// `region/zone/subzone`; `*` may be the last part.
fn place(text: &str, findings: &mut Findings) {
    let parts: Vec<&str> = text.split('/').collect();
    let star = parts.iter().position(|part| part.contains('*'));
    let inner = star.is_some_and(|at| at + 1 < parts.len() || parts.get(at) != Some(&"*"));
    if parts.len() > 3 || inner || parts.iter().any(|part| part.is_empty()) {
        findings.error(format!("{text:?} is no place"), "write region/zone/subzone; * may end it");
    }
}

fn failovers(failover: &[Failover], findings: &mut Findings) {
    findings.each("failover", failover, |Failover { from, to }, findings| {
        if from == to {
            findings.error("fails over to itself", "name another region");
        }
        for (field, region) in [("from", from), ("to", to)] {
            if region.contains('*') {
                findings.error_in(field, "may hold no wildcard", "name a region");
            }
            if region.contains('/') {
                findings.error_in(field, "is more than a region", "name the region alone");
            }
        }
    });
}

fn zones(setting: &ZoneAwareLb, findings: &mut Findings) {
    let ZoneAwareLb { enabled: _, min_cluster_size, failover, failover_priority } = setting;
    failovers(failover, findings);
    if min_cluster_size.is_some_and(|size| size < 1) {
        findings.error_in("minClusterSize", "is below 1", "use 1 or more");
    }
    findings.each("failoverPriority", failover_priority, |label, findings| {
        if PLACES.contains(&label.split('=').next().unwrap_or_default()) {
            findings.error("is a place, and places are dealt with already", "remove it");
        }
    });
}

fn warmup(warmup: &Warmup, findings: &mut Findings) {
    let Warmup { duration, minimum_percent, aggression } = warmup;
    match duration {
        None => findings.error_in("duration", "is missing", "say how long: 60s"),
        Some(span) => findings.within("duration", |f| values::duration(*span, f)),
    }
    if minimum_percent.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
        findings.error_in("minimumPercent", "is no share", "use 0 to 100");
    }
    if aggression.is_some_and(|aggression| aggression < 1.0) {
        findings.error_in("aggression", "is below 1", "use 1.0 or more");
    }
}
