//! Versions of TLS and cipher suites.
//! In: Envoy's TlsParameters. Out: what is allowed. Holds: what would widen what our library does is left stricter; lists of
//! which it does nothing are refused.

use proxy_config::tls::TlsLimits;
use weft_proto::envoy::extensions::transport_sockets::tls::v3::TlsParameters;
use weft_proto::envoy::extensions::transport_sockets::tls::v3::tls_parameters::TlsProtocol;

use crate::Lowered;
use crate::known::{Rejected, only};

/// The cipher suites of TLS 1.2 that rustls does. Those of 1.3 are not chosen by lists.
const SUITES: [&str; 6] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
];
const CURVES: [&str; 4] = ["X25519", "P-256", "P-384", "X25519MLKEM768"];

pub(super) fn lower(wire: Option<&TlsParameters>) -> Lowered<TlsLimits> {
    let Some(wire) = wire else { return Ok(TlsLimits::default()) };
    let at = |e: Rejected| e.within("tls_params");
    only!(
        wire,
        tls_minimum_protocol_version,
        tls_maximum_protocol_version,
        cipher_suites,
        ecdh_curves
    )
    .map_err(at)?;
    let (least, most) = (wire.tls_minimum_protocol_version(), wire.tls_maximum_protocol_version());
    let refuse = |field: &str, why: &str| Err(at(Rejected::new(field, why)));
    if matches!(most, TlsProtocol::TlSv10 | TlsProtocol::TlSv11) {
        return refuse("tls_maximum_protocol_version", "must be 1.2 at least");
    }
    let suites = known(&wire.cipher_suites, &SUITES);
    // TLS 1.2 without a suite that both sides do is no TLS 1.2; the suites of 1.3 are not chosen by lists.
    let without_12 = suites.is_empty() && !wire.cipher_suites.is_empty();
    let limits = TlsLimits {
        only_13: without_12 || least == TlsProtocol::TlSv13,
        only_12: most == TlsProtocol::TlSv12,
        suites,
        curves: known(&wire.ecdh_curves, &CURVES),
    };
    if limits.only_12 && without_12 {
        let why = "holds none that weft-proxy does: ECDHE with AES-GCM or ChaCha20";
        return refuse("cipher_suites", why);
    }
    if limits.only_12 && limits.only_13 {
        return refuse("tls_minimum_protocol_version", "is newer than the newest");
    }
    if limits.curves.is_empty() && !wire.ecdh_curves.is_empty() {
        return refuse("ecdh_curves", "holds none that weft-proxy does: X25519, P-256, P-384");
    }
    Ok(limits)
}

/// Those that are known, also where one entry names several of equal worth: `[A|B]`.
fn known(written: &[String], ours: &[&str]) -> Vec<String> {
    let names = written.iter().flat_map(|entry| entry.split(['[', ']', '|', ':']));
    names.filter(|name| ours.contains(name)).map(str::to_owned).collect()
}
