//! Addresses for hosts that have none, so that proxies that answer name questions can tell connections to them apart.
//!
//! In: the services of ServiceEntries, oldest first. Out: the same with an address out of 240.240.0.0/16, Istio's range.
//! Holds: a host keeps its address for as long as no older host wants the same one; hosts of one name in several namespaces
//! have one address. A host without a way to its servers (resolution NONE) gets none: the address would lead nowhere; nor
//! does a wildcard, and what its author keeps out (`networking.istio.io/enable-autoallocate-ip: "false"`).
//! Why from the name and not from a counter: every control plane, and `weft explain`, finds the same address without a store.

use std::collections::{HashMap, HashSet};
use std::hash::Hasher as _;
use std::net::{IpAddr, Ipv4Addr};

use weft_model::api::service_entry::ServiceEntry;
use weft_model::{Host, Object};

use crate::{Resolution, Service};

const SWITCH: &str = "networking.istio.io/enable-autoallocate-ip";
/// 240.240.0.0
const RANGE: u32 = 0xf0f0_0000;
/// Addresses with a last part from 1 to 254.
const SIZE: u32 = 256 * 254;

/// Gives addresses.
pub(crate) fn addresses(services: &mut [Service]) {
    let mut given: HashMap<Host, IpAddr> = HashMap::new();
    let mut taken = HashSet::new();
    for service in services.iter_mut().filter(|service| wants(service)) {
        let known = given.get(&service.host).copied();
        let fresh = || free(service.host.as_str(), &mut taken);
        let Some(address) = known.or_else(fresh) else { return };
        given.insert(service.host.clone(), address);
        service.allocated = Some(address);
    }
}

fn wants(service: &Service) -> bool {
    let allows = |object: &Object<ServiceEntry>| {
        object.meta.labels.get(SWITCH).is_none_or(|value| !value.eq_ignore_ascii_case("false"))
    };
    let objects = service.entry.iter().flat_map(|entry| &entry.objects);
    service.addresses.is_empty()
        && service.ranges.is_empty()
        && service.resolution != Resolution::Called
        && !service.host.as_str().starts_with('*')
        && objects.into_iter().all(|object| allows(object))
}

/// The address that follows from the name, or the next free one; none once all are taken.
fn free(host: &str, taken: &mut HashSet<u32>) -> Option<IpAddr> {
    // Fixed keys: the same name has the same address in every process.
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(host.as_bytes());
    let first = u32::try_from(hasher.finish() % u64::from(SIZE)).ok()?;
    let slot = (0..SIZE).map(|step| (first + step) % SIZE).find(|slot| taken.insert(*slot))?;
    let address = RANGE | (slot / 254) << 8 | (slot % 254 + 1);
    Some(IpAddr::V4(Ipv4Addr::from(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_gets_an_address_of_its_own_until_all_are_taken() {
        let mut taken = HashSet::new();
        let mut found = HashSet::new();
        for number in 0..SIZE {
            let IpAddr::V4(ip) = free(&format!("h{number}.example.com"), &mut taken).unwrap()
            else {
                panic!("v4")
            };
            let [a, b, _, d] = ip.octets();
            assert!((a, b) == (240, 240) && (1..=254).contains(&d), "{ip}");
            assert!(found.insert(ip), "{ip} twice");
        }
        assert_eq!(free("one.more", &mut taken), None);
    }

    #[test]
    fn an_address_follows_from_the_name() {
        let alone = free("db.example.com", &mut HashSet::new());
        assert_eq!(alone, free("db.example.com", &mut HashSet::new()));
        assert_ne!(alone, free("other.example.com", &mut HashSet::new()));
    }
}
