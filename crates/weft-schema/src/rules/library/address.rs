//! `ip()`, `isIP()`, `cidr()`, `isCIDR()` and what can be asked of them.

use std::net::IpAddr;
use std::sync::Arc;

use cel::extractors::This;
use cel::{Context, ExecutionError, Value as Cel};

use super::{Answer, held};
use crate::format::is_cidr;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ip(IpAddr);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl cel::objects::Opaque for Ip {
    fn runtime_type_name(&self) -> &str {
        "net.IP"
    }
}

impl cel::objects::Opaque for Cidr {
    fn runtime_type_name(&self) -> &str {
        "net.CIDR"
    }
}

impl Cidr {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').filter(|_| is_cidr(text))?;
        Some(Self { address: address.parse().ok()?, bits: bits.parse().ok()? })
    }

    fn masked(&self, address: IpAddr) -> Option<u128> {
        match (self.address, address) {
            (IpAddr::V4(_), IpAddr::V4(v4)) => {
                Some(u128::from(u32::from(v4).checked_shr(32 - u32::from(self.bits)).unwrap_or(0)))
            }
            (IpAddr::V6(_), IpAddr::V6(v6)) => {
                Some(u128::from(v6).checked_shr(128 - u32::from(self.bits)).unwrap_or(0))
            }
            _ => None,
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.masked(address).is_some_and(|found| self.masked(self.address) == Some(found))
    }
}

fn ip(text: &str) -> Answer {
    let bad = |_| ExecutionError::function_error("ip", format!("{text:?} is not an address"));
    Ok(Cel::Opaque(Arc::new(Ip(text.parse().map_err(bad)?))))
}

/// An address, or the text of one.
fn address(value: &Cel) -> Result<IpAddr, ExecutionError> {
    match value {
        Cel::String(text) => held::<Ip>(&ip(text)?).map(|ip| ip.0),
        other => held::<Ip>(other).map(|ip| ip.0),
    }
}

fn range(value: &Cel) -> Result<Cidr, ExecutionError> {
    let Cel::String(text) = value else { return held(value) };
    let bad = || ExecutionError::function_error("cidr", format!("{text:?} is not a range"));
    Cidr::parse(text).ok_or_else(bad)
}

pub(super) fn functions(context: &mut Context<'_, 'static>) {
    context
        .add_function("ip", |This(given): This<Cel>| -> Answer {
            match &given {
                Cel::String(text) => ip(text),
                // `cidr(...).ip()`
                other => Ok(Cel::Opaque(Arc::new(Ip(held::<Cidr>(other)?.address)))),
            }
        })
        .ok();
    context.add_function("isIP", |text: Arc<String>| text.parse::<IpAddr>().is_ok()).ok();
    context
        .add_function("ip.isCanonical", |text: Arc<String>| {
            text.parse::<IpAddr>().is_ok_and(|ip| ip.to_string() == *text)
        })
        .ok();
    context
        .add_function("family", |This(given): This<Cel>| -> Answer {
            Ok(Cel::Int(if address(&given)?.is_ipv4() { 4 } else { 6 }))
        })
        .ok();
    type Test = fn(IpAddr) -> bool;
    let tests: [(&str, Test); 4] = [
        ("isLoopback", |ip| ip.is_loopback()),
        ("isUnspecified", |ip| ip.is_unspecified()),
        ("isLinkLocalMulticast", |ip| match ip {
            IpAddr::V4(ip) => ip.octets()[..3] == [224, 0, 0],
            IpAddr::V6(ip) => ip.segments()[0] & 0xff0f == 0xff02,
        }),
        ("isLinkLocalUnicast", |ip| match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80,
        }),
    ];
    for (name, test) in tests {
        context
            .add_function(name, move |This(given): This<Cel>| -> Answer {
                Ok(Cel::Bool(test(address(&given)?)))
            })
            .ok();
    }
    ranges(context);
}

fn ranges(context: &mut Context<'_, 'static>) {
    context
        .add_function("cidr", |text: Cel| -> Answer { Ok(Cel::Opaque(Arc::new(range(&text)?))) })
        .ok();
    context.add_function("isCIDR", |text: Arc<String>| is_cidr(&text)).ok();
    context
        .add_function("containsIP", |This(given): This<Cel>, ip: Cel| -> Answer {
            Ok(Cel::Bool(held::<Cidr>(&given)?.contains(address(&ip)?)))
        })
        .ok();
    context
        .add_function("containsCIDR", |This(given): This<Cel>, inner: Cel| -> Answer {
            let (outer, inner) = (held::<Cidr>(&given)?, range(&inner)?);
            Ok(Cel::Bool(outer.bits <= inner.bits && outer.contains(inner.address)))
        })
        .ok();
    context
        .add_function("prefixLength", |This(given): This<Cel>| -> Answer {
            held::<Cidr>(&given).map(|range| Cel::Int(i64::from(range.bits)))
        })
        .ok();
}
