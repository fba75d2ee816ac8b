//! WebSockets between HTTP/2 and HTTP/1.
//!
//! In: the head of an upgrade on its way to a server. Out: the same, with what HTTP/1 wants and HTTP/2 leaves out.
//! Holds: a key that the client sent stays. Never: reading frames of WebSockets.
//! Why a key at all: a server of HTTP/1 refuses an upgrade without one (RFC 6455), a client of HTTP/2 sends none (RFC 8441).

use proxy_http::RequestHead;
use proxy_upstream::Protocol;
use weft_rt::Rng;

const KEY: &str = "sec-websocket-key";
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Gives an upgrade to a server of HTTP/1 the key that it needs.
pub(crate) fn key(head: &mut RequestHead, protocol: Protocol, rng: &mut Rng) {
    let websocket = head.upgrade.as_deref().is_some_and(|p| p.eq_ignore_ascii_case("websocket"));
    if websocket && protocol == Protocol::Http1 && !head.fields.has(KEY) {
        head.fields.set(KEY, &random(rng));
    }
}

/// Sixteen random bytes in Base64: 21 digits of six bits, one of two bits, and padding.
fn random(rng: &mut Rng) -> [u8; 24] {
    let mut key = [b'='; 24];
    for place in &mut key[..21] {
        let [random, ..] = rng.next_u64().to_le_bytes();
        *place = DIGITS[usize::from(random & 63)];
    }
    let [random, ..] = rng.next_u64().to_le_bytes();
    key[21] = DIGITS[usize::from(random & 0b11_0000)];
    key
}
