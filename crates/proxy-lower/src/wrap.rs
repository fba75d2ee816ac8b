//! Protobuf's wrapped values as plain ones.
//! In: durations, wrapped numbers, addresses. Out: std types.
//! Holds: durations that are negative, or longer than protobuf allows, are refused; so adding one to a time is safe.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proxy_config::matcher::{AddressRange, Fraction};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::r#type::v3 as kinds;
use weft_proto::google::protobuf;

use crate::Lowered;
use crate::known::{Rejected, only};

/// Protobuf's longest duration, about ten thousand years.
const LONGEST: u64 = 315_576_000_000;

pub(crate) fn duration(wire: &protobuf::Duration) -> Lowered<Duration> {
    let seconds = u64::try_from(wire.seconds);
    let nanos = u32::try_from(wire.nanos);
    match (seconds, nanos) {
        (Ok(seconds @ 0..=LONGEST), Ok(nanos @ 0..1_000_000_000)) => {
            Ok(Duration::new(seconds, nanos))
        }
        (Ok(_), Ok(_)) => Err(Rejected::new("", "is too long, or has a second or more of nanos")),
        _ => Err(Rejected::new("", "is negative")),
    }
}

/// A list without spare room: what is lowered stays for as long as it is in force, a thousandfold.
pub(crate) fn snug<T>(items: impl Iterator<Item = Lowered<T>>) -> Lowered<Vec<T>> {
    let mut all = items.collect::<Lowered<Vec<T>>>()?;
    all.shrink_to_fit();
    Ok(all)
}

/// A duration in which 0 means no bound.
pub(crate) fn bound(wire: Option<&protobuf::Duration>, path: &str) -> Lowered<Option<Duration>> {
    let found = wire.map(duration).transpose().map_err(|e| e.within(path))?;
    Ok(found.filter(|found| !found.is_zero()))
}

/// A status that a final response may have.
pub(crate) fn status(wire: u32) -> Lowered<u16> {
    let status = u16::try_from(wire).ok().filter(|status| (200..600).contains(status));
    status.ok_or_else(|| Rejected::new("", format!("{wire} is not a final status")))
}

pub(crate) fn socket(wire: Option<&core::Address>, path: &str) -> Lowered<SocketAddr> {
    let refuse = |why: &str| Rejected::new(path, why);
    let Some(core::address::Address::SocketAddress(socket)) = wire.and_then(|a| a.address.as_ref())
    else {
        return Err(refuse("is not a socket address"));
    };
    // How a name would be resolved does not matter for an address.
    only!(socket, address, port_specifier, ipv4_compat).map_err(|e| e.within(path))?;
    let Some(core::socket_address::PortSpecifier::PortValue(port)) = socket.port_specifier else {
        return Err(refuse("has no port number"));
    };
    let ip: IpAddr = socket
        .address
        .parse()
        .map_err(|error| Rejected::new(path, format!("{:?}: {error}", socket.address)))?;
    let port =
        u16::try_from(port).map_err(|error| Rejected::new(path, format!("port: {error}")))?;
    Ok(SocketAddr::new(ip, port))
}

pub(crate) fn range(wire: &core::CidrRange) -> Lowered<AddressRange> {
    let why = |text: String| Rejected::new("address_prefix", text);
    let ip: IpAddr = wire
        .address_prefix
        .parse()
        .map_err(|error| why(format!("{:?}: {error}", wire.address_prefix)))?;
    let length = wire.prefix_len.map_or(0, |length| length.value);
    let length = u8::try_from(length).map_err(|error| why(error.to_string()))?;
    let net = ipnet::IpNet::new(ip, length).map_err(|error| why(error.to_string()))?;
    Ok(AddressRange(net.trunc()))
}

pub(crate) fn ranges(wire: &[core::CidrRange]) -> Lowered<Vec<AddressRange>> {
    wire.iter().map(range).collect()
}

/// `numerator / denominator` in millionths.
pub(crate) fn fraction(wire: &kinds::FractionalPercent) -> Fraction {
    let factor = match wire.denominator() {
        kinds::fractional_percent::DenominatorType::Hundred => 10_000,
        kinds::fractional_percent::DenominatorType::TenThousand => 100,
        kinds::fractional_percent::DenominatorType::Million => 1,
    };
    Fraction(wire.numerator.saturating_mul(factor).min(1_000_000))
}

/// A share whose runtime key is not looked up: its default counts.
pub(crate) fn runtime_fraction(wire: Option<&core::RuntimeFractionalPercent>) -> Lowered<Fraction> {
    let Some(wire) = wire else { return Ok(Fraction::ALWAYS) };
    only!(wire, default_value, runtime_key)?;
    Ok(wire.default_value.as_ref().map_or(Fraction::ALWAYS, fraction))
}

/// Percent in millionths; what is no number is none.
pub(crate) fn per_million(percent: f64) -> u32 {
    let share = (percent.clamp(0.0, 100.0) * 10_000.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and a million"
    )]
    let share = share as u32;
    share
}
