//! What must hold of the proxy's parsers, whatever comes; the fuzz targets and the replay of `make test` run the same.
//!
//! In: any bytes. Out: a panic when a parser panics or when two ways to read the same bytes disagree.

use bytes::BytesMut;
use http::Method;
use proxy_config::http::EscapedSlashes;
use proxy_filter::path::{self, Normal, Options};
use proxy_http::body::{Decoded, Decoder};
use proxy_http::parse::{self, Limits};
use proxy_http::{BodyKind, Frame, RequestHead, ResponseHead, encode};
use proxy_listen::introduced::{Header, header};
use proxy_listen::sniff::{Ask, judge};

const ENOUGH: usize = 400;

/// A request that we pass on is read by the next proxy as we have read it, and a head leaves what follows alone.
pub(crate) fn http1_head(data: &[u8]) {
    for method in [Method::GET, Method::HEAD] {
        let (mut buf, mut head) = (BytesMut::from(data), ResponseHead::default());
        let _judged = parse::response(&mut buf, &mut head, &method, true);
    }
    let (mut buf, mut head) = (BytesMut::from(data), RequestHead::default());
    if !matches!(parse::request(&mut buf, &mut head, Limits::default()), Ok(true)) {
        return;
    }
    assert!(data.ends_with(&buf), "what follows a head is not touched");
    let (mut sent, mut again) = (BytesMut::new(), RequestHead::default());
    encode::request(&head, true, &mut sent);
    let limits = Limits { most: usize::MAX, http_10: true, keep_case: true };
    match parse::request(&mut sent, &mut again, limits) {
        // Two fields more may be one too many.
        Err(refused) => assert_eq!(refused.status, 431, "{refused:?}"),
        Ok(whole) => {
            assert!(whole && sent.is_empty(), "one head is one head");
            assert_eq!((&again.method, &again.path), (&head.method, &head.path));
            assert_eq!(again.authority, head.authority);
            assert_eq!(again.body.is_empty(), head.body.is_empty());
            assert!(again.body == head.body || head.body.is_empty());
        }
    }
}

/// What a body was read as: its bytes, whether it ended, and whether it broke.
fn read(kind: BodyKind, data: &[u8], step: usize) -> (Vec<u8>, bool, bool) {
    let (mut decoder, mut buf, mut body) = (Decoder::from(kind), BytesMut::new(), Vec::new());
    let mut pieces = data.chunks(step.max(1));
    loop {
        match decoder.decode(&mut buf) {
            Err(_broken) => return (body, false, true),
            Ok(Decoded::End) => return (body, true, false),
            Ok(Decoded::Frame(Frame::Data(piece))) => body.extend_from_slice(&piece),
            Ok(Decoded::Frame(Frame::Trailers(_))) => {}
            Ok(Decoded::More) => match pieces.next() {
                Some(piece) => buf.extend_from_slice(piece),
                None => return (body, false, false),
            },
        }
    }
}

/// A body is the same however the network cuts it.
pub(crate) fn http1_body(data: &[u8]) {
    let Some((step, data)) = data.split_first() else { return };
    for kind in [BodyKind::Chunked, BodyKind::Length(9), BodyKind::UntilClose] {
        let whole = read(kind, data, data.len());
        assert_eq!(whole, read(kind, data, usize::from(*step)), "{kind:?} in steps of {step}");
    }
}

/// What the first bytes are said to be, they stay when more come.
pub(crate) fn first_bytes(data: &[u8]) {
    let data = data.get(..ENOUGH).unwrap_or(data);
    for (tls, http) in [(true, true), (true, false), (false, true)] {
        let ask = Ask { tls, http };
        let mut said = None;
        for end in 1..=data.len() {
            let answer = judge(&data[..end], ask);
            if said.is_some() {
                assert_eq!(answer, said, "after {end} bytes, {ask:?}");
            }
            said = answer;
        }
    }
    introduced(data);
}

/// A PROXY header stays what it is when more comes, and is no longer than what came.
fn introduced(data: &[u8]) {
    let mut said = Header::Part;
    for end in 0..=data.len() {
        let answer = header(&data[..end]);
        if said != Header::Part {
            assert_eq!(answer, said, "after {end} bytes");
        }
        if let Header::Whole(length, _) = answer {
            assert!(length <= end, "{length} of {end}");
        }
        said = answer;
    }
}

/// A normal path stays as it is when it is normalised again, and begins with a slash.
pub(crate) fn paths(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let actions = [
        EscapedSlashes::Keep,
        EscapedSlashes::Reject,
        EscapedSlashes::UnescapeAndRedirect,
        EscapedSlashes::UnescapeAndForward,
    ];
    for escaped_slashes in actions {
        for (normalize, merge_slashes) in [(true, true), (true, false), (false, true)] {
            let options = Options { normalize, merge_slashes, escaped_slashes };
            let Normal::Path(once) = path::normalize(text, options) else { continue };
            if !text.starts_with('/') {
                continue;
            }
            assert!(once.starts_with('/'), "{once:?}");
            let bare = once.split('?').next().unwrap_or_default();
            if normalize {
                assert!(!bare.split('/').any(|part| part == "." || part == ".."), "{once:?}");
            }
            if let Normal::Path(twice) = path::normalize(&once, options) {
                assert!(twice == once || escaped_slashes != EscapedSlashes::Keep, "{once:?}");
            }
        }
    }
}

/// Any resource is accepted or refused.
pub(crate) fn resources(data: &[u8]) {
    drop(proxy_lower::lower_listener(data));
    drop(proxy_lower::lower_cluster(data));
    drop(proxy_lower::lower_endpoints(data));
    drop(proxy_lower::lower_routes(data));
    drop(proxy_lower::lower_names(data));
}
