//! Route configurations as bytes, read host by host.
//! In: an encoded RouteConfiguration. Out: ours. Holds: at most one host is in memory as protobuf.
//! Why: decoded, a host takes ten times what is kept of it, and a thousand of them would stay the heap's high-water mark.

use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint};

use super::{VirtualHost, named_host, wire, with_hosts};
use crate::known::Rejected;
use crate::{Lowered, any};

/// Number of the field `virtual_hosts`.
const HOSTS: u32 = 2;

pub(crate) fn read(mut bytes: &[u8]) -> Lowered<super::RouteConfig> {
    let (mut config, mut hosts) = (wire::RouteConfiguration::default(), Vec::new());
    while !bytes.is_empty() {
        let (tag, kind) = decode_key(&mut bytes).map_err(unreadable)?;
        if (tag, kind) == (HOSTS, WireType::LengthDelimited) {
            hosts.push(host(&mut bytes)?);
        } else {
            let context = DecodeContext::default();
            config.merge_field(tag, kind, &mut bytes, context).map_err(unreadable)?;
        }
    }
    hosts.shrink_to_fit();
    with_hosts(&config, hosts)
}

fn host(bytes: &mut &[u8]) -> Lowered<VirtualHost> {
    let length = decode_varint(bytes).map_err(unreadable)?;
    let split = usize::try_from(length).ok().and_then(|length| bytes.split_at_checked(length));
    let (host, rest) = split.ok_or_else(|| unreadable("a virtual host is cut off"))?;
    *bytes = rest;
    named_host(&any::decode(host, "routes")?)
}

fn unreadable(error: impl std::fmt::Display) -> Rejected {
    Rejected::new("routes", format!("cannot be read: {error}"))
}
