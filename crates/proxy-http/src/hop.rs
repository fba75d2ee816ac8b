//! Fields that mean this connection only: taken out of the head, and what they said kept as values.
//!
//! In: the fields of a message. Out: the same without them, and a [`Hop`].
//! Holds: a client cannot make the proxy drop a field that says where a request comes from or who asks.
//! Never: writing them; `encode` does, from the head's members.

use crate::parse::{Refused, refuse};
use crate::{Fields, Version};

/// More names than this in `connection` are refused, as Envoy does.
const MOST_NAMES: usize = 10;

/// What the fields said.
#[derive(Debug, Default)]
pub(crate) struct Hop {
    close: bool,
    keep: bool,
    /// The protocol that is asked for.
    pub(crate) upgrade: Option<String>,
}

impl Hop {
    pub(crate) const fn keeps(&self, version: Version) -> bool {
        !self.close && (self.keep || !matches!(version, Version::Http10))
    }
}

/// Refuses a request whose `connection` names what only a proxy may drop.
pub(crate) fn check(fields: &Fields) -> Result<(), Refused> {
    let mut names = 0;
    for value in fields.all("connection") {
        for name in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
            names += usize::from(!name.is_empty());
            let origin =
                [&b"host"[..], b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"];
            let forbidden = name.starts_with(b":")
                || origin.iter().any(|origin| origin.eq_ignore_ascii_case(name));
            if forbidden || names >= MOST_NAMES {
                return Err(refuse(400, "http1.connection_header_rejected"));
            }
        }
    }
    Ok(())
}

/// Removes the fields that mean this connection only, and says what they said.
pub(crate) fn strip(fields: &mut Fields) -> Hop {
    let mut hop = Hop::default();
    if let Some(connection) = fields.joined("connection") {
        strip_named(fields, &connection, &mut hop);
    }
    for name in OURS {
        fields.remove(name);
    }
    if fields.has("te") {
        let plain = |value: &[u8]| !value.trim_ascii().eq_ignore_ascii_case(b"trailers");
        fields.remove_if(|name, value| name == b"te" && plain(value));
    }
    hop
}

/// What no message takes along to the next connection, besides `te`.
const OURS: [&str; 5] =
    ["keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings"];

/// Removes `connection` with the fields that it names.
fn strip_named(fields: &mut Fields, connection: &str, hop: &mut Hop) {
    let mut wants_upgrade = false;
    for token in connection.split(',').map(str::trim) {
        if token.eq_ignore_ascii_case("close") {
            hop.close = true;
        } else if token.eq_ignore_ascii_case("keep-alive") {
            hop.keep = true;
        } else if token.eq_ignore_ascii_case("upgrade") {
            wants_upgrade = true;
        } else if !token.is_empty() && !is_protected(token) {
            fields.remove(&token.to_ascii_lowercase());
        }
    }
    if wants_upgrade {
        // A client that would rather speak h2c is served as it came: with HTTP/1.1.
        let asked = fields.text("upgrade").filter(|protocol| !protocol.eq_ignore_ascii_case("h2c"));
        hop.upgrade = asked.map(str::to_owned);
    }
    fields.remove("connection");
}

/// Fields that stay although `connection` names them.
fn is_protected(token: &str) -> bool {
    ["content-length", "te", "authorization"].iter().any(|name| token.eq_ignore_ascii_case(name))
        || token.to_ascii_lowercase().starts_with("x-envoy-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(connection: &str) -> Fields {
        let others = [("authorization", "a"), ("x-hop", "1"), ("upgrade", "h2c")];
        std::iter::once(("connection", connection)).chain(others).collect()
    }

    #[test]
    fn a_client_cannot_have_fields_of_ours_dropped() {
        for odd in ["host", "X-Forwarded-For", "close, x-forwarded-proto", ":path"] {
            assert_eq!(check(&fields(odd)).map_err(|refused| refused.status), Err(400), "{odd}");
        }
        assert!(check(&fields(&["x"; 10].join(","))).is_err());
        let mut kept = fields("authorization, X-Hop, upgrade, close");
        assert!(check(&kept).is_ok());
        let hop = strip(&mut kept);
        assert!(!hop.keeps(Version::Http11) && hop.upgrade.is_none());
        assert_eq!(kept.iter().collect::<Vec<_>>(), [("authorization", &b"a"[..])]);
    }
}
