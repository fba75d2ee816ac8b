//! Route configurations as bytes, read host by host.
//! In: an encoded RouteConfiguration. Out: ours. Holds: at most one host is in memory as protobuf.
//! Why: decoded, a host takes ten times what is kept of it, and a thousand of them would stay the heap's high-water mark.

use std::sync::Arc;

use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint};
use proxy_config::route::Retry;

use super::{RouteAction, VirtualHost, named_host, wire, with_hosts};
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
    share_retries(&mut hosts);
    with_hosts(&config, hosts)
}

/// Retries that are the same as those of the route before are kept once: most of a mesh retries in the same way.
fn share_retries(hosts: &mut [VirtualHost]) {
    let mut last: Option<Arc<Retry>> = None;
    for route in hosts.iter_mut().flat_map(|host| &mut host.routes) {
        let RouteAction::Forward(forward) = &mut route.action else { continue };
        let Some(retry) = Arc::get_mut(forward).and_then(|f| f.retry.as_mut()) else { continue };
        match &last {
            Some(known) if known == retry => *retry = Arc::clone(known),
            _ => last = Some(Arc::clone(retry)),
        }
    }
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
