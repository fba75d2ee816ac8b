//! Routes that answer by themselves: redirects and fixed responses.

use weft_model::api::virtual_service::{DerivePort, DirectResponse, Redirect};
use weft_proto::envoy::config::core::v3::{DataSource, data_source::Specifier};
use weft_proto::envoy::config::route::v3::redirect_action::{
    PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
};
use weft_proto::envoy::config::route::v3::{DirectResponseAction, RedirectAction};

pub(crate) fn redirect(redirect: &Redirect, called: u16) -> RedirectAction {
    let code = match redirect.redirect_code {
        302 => RedirectResponseCode::Found,
        303 => RedirectResponseCode::SeeOther,
        307 => RedirectResponseCode::TemporaryRedirect,
        308 => RedirectResponseCode::PermanentRedirect,
        _ => RedirectResponseCode::MovedPermanently,
    };
    let scheme = Some(redirect.scheme.clone()).filter(|scheme| !scheme.is_empty());
    RedirectAction {
        host_redirect: redirect.authority.clone(),
        response_code: code.into(),
        port_redirect: port(redirect, called),
        scheme_rewrite_specifier: scheme.map(SchemeRewriteSpecifier::SchemeRedirect),
        path_rewrite_specifier: path(redirect),
        ..RedirectAction::default()
    }
}

/// 0 for the scheme's own port, which is not written out.
fn port(redirect: &Redirect, called: u16) -> u32 {
    let port = match (redirect.port, redirect.derive_port) {
        (Some(port), _) => port,
        (None, Some(DerivePort::RequestPort)) => u32::from(called),
        (None, _) => 0,
    };
    match (redirect.scheme.as_str(), port) {
        ("" | "http", 80) | ("https", 443) => 0,
        _ => port,
    }
}

fn path(redirect: &Redirect) -> Option<PathRewriteSpecifier> {
    if !redirect.prefix_rewrite.is_empty() {
        return Some(PathRewriteSpecifier::PrefixRewrite(redirect.prefix_rewrite.clone()));
    }
    if let Some(rest) = redirect.uri.strip_prefix("%PREFIX()%") {
        return Some(PathRewriteSpecifier::PrefixRewrite(rest.to_owned()));
    }
    let uri = Some(redirect.uri.clone()).filter(|uri| !uri.is_empty());
    uri.map(PathRewriteSpecifier::PathRedirect)
}

pub(crate) fn response(response: &DirectResponse) -> DirectResponseAction {
    let body = response.body.as_ref().and_then(|body| match (&body.string, &body.bytes) {
        (Some(text), _) => Some(Specifier::InlineString(text.clone())),
        (None, Some(text)) => decode(text).map(Specifier::InlineBytes),
        (None, None) => None,
    });
    let body =
        body.map(|specifier| DataSource { specifier: Some(specifier), ..DataSource::default() });
    DirectResponseAction { status: response.status, body, ..DirectResponseAction::default() }
}

/// Base64 of either alphabet, with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut bits) = (0u32, 0u32);
    for letter in text.trim_end_matches('=').bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        word = (word << 6 | u32::from(six)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(word >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn bytes_are_read_from_base64() {
        assert_eq!(decode("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(decode("a b"), None);
    }
}
