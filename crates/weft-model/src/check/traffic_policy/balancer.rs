//! Rules of load balancers.

use weft_api::traffic_policy::{
    ConsistentHash, Distribute, Failover, LoadBalancer, LocalityLb, Warmup, ZoneAwareLb,
};

use crate::Severity;
use crate::check::findings::code;
use crate::check::{Findings, header, values};

const PLACES: [&str; 3] =
    ["topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"];

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
    findings.not_honoured("zoneAwareLbSetting", zone_aware_lb_setting.is_some());
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
        // Istio takes it so.
        0 => {
            let fix = "set httpHeaderName, httpCookie or useSourceIp";
            findings.add(Severity::Warning, code::SUSPICIOUS, "has no key", fix);
        }
        _ => findings.error("has more than one key", "keep one of them"),
    }
    findings.given("httpHeaderName", http_header_name.as_ref(), |name, findings| {
        header::name(name, findings);
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
    let old = minimum_ring_size.unwrap_or(0);
    if old != 0 && (ring_hash.is_some() || maglev.is_some()) {
        let what = "does not go with ringHash and maglev";
        findings.error_in("minimumRingSize", what, "use ringHash.minimumRingSize");
    } else if old != 0 {
        let fix = "use ringHash.minimumRingSize";
        findings.warning_in("minimumRingSize", code::DEPRECATED, "is deprecated", fix);
    }
    let sizes = [old, ring_hash.as_ref().map_or(0, |r| r.minimum_ring_size)];
    if sizes.iter().any(|size| *size > LARGEST_RING) {
        let (what, fix) = ("is more than proxies take", format!("use at most {LARGEST_RING}"));
        findings.error_in("minimumRingSize", what, fix);
    }
}

fn is_prime(number: i64) -> bool {
    number > 1 && (2..).take_while(|n| n * n <= number).all(|n| number % n != 0)
}

fn locality(setting: &LocalityLb, findings: &mut Findings) {
    let LocalityLb { distribute, failover, failover_priority, enabled: _ } = setting;
    if !distribute.is_empty() && !failover.is_empty() {
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
    let placed = failover_priority.iter().any(|label| PLACES.contains(&label.as_str()));
    if !failover.is_empty() && placed {
        let fix = "remove it, or remove failover";
        findings.error_in("failoverPriority", "names a place, and so does failover", fix);
    }
}

/// The parts of a place; what is not said stands for all.
fn parts(place: &str) -> [&str; 3] {
    let mut parts = place.splitn(3, '/');
    std::array::from_fn(|_| parts.next().unwrap_or("*"))
}

/// Whether a place meets one that was named before it.
fn meets(before: &str, place: &str) -> bool {
    let ([region, zone, subzone], [other, within, inner]) = (parts(place), parts(before));
    let zones = within == "*" || within == zone;
    let same = match place.split('/').count() {
        1 => true,
        2 => zones,
        _ => within == "*" || within == zone && (inner == "*" || inner == subzone),
    };
    other == "*" || other == region && same
}

fn overlap(places: Vec<&str>, findings: &mut Findings) {
    for (index, one) in places.iter().enumerate() {
        if let Some(other) = places.iter().take(index).find(|other| meets(other, one)) {
            findings.error(format!("{one} overlaps with {other}"), "keep one of them");
        }
    }
}

/// `region/zone/subzone`; `*` may end it.
fn place(text: &str, findings: &mut Findings) {
    let stars = text.matches('*').count();
    let ended = stars == 0 || stars == 1 && text.ends_with('*');
    if !ended || text.splitn(3, '/').any(str::is_empty) {
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
