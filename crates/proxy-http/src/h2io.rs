//! One h2 stream, either end, in the same shape as an HTTP/1 connection.
//!
//! In: the h2 crate's streams. Out: heads and frames.
//! Holds: flow control of one side pauses the other, because a full sink is not fed.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::target::is_authority;
use crate::wire::HIGH_WATER;
use crate::{BodyKind, Fields, Frame, RequestHead, ResponseHead, StreamError, Version};

/// The incoming body of a stream.
#[derive(Debug)]
pub struct Receiver {
    stream: RecvStream,
    data_done: bool,
}

impl Receiver {
    /// Wraps the body of a request or response.
    #[must_use]
    pub const fn new(stream: RecvStream) -> Self {
        Self { stream, data_done: false }
    }

    /// True when nothing follows.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.stream.is_end_stream()
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// The stream was reset.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, StreamError>> {
        while !self.data_done {
            match ready!(self.stream.poll_data(cx)) {
                Some(data) => {
                    let data = data?;
                    // The window is given back at once: the sink's high-water mark is what holds us.
                    self.stream.flow_control().release_capacity(data.len())?;
                    if !data.is_empty() {
                        return Poll::Ready(Ok(Some(Frame::Data(data))));
                    }
                }
                None => self.data_done = true,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(cx))?;
        Poll::Ready(Ok(trailers.map(|map| Frame::Trailers(fields_of(&map)))))
    }
}

/// The outgoing body of a stream.
#[derive(Debug)]
pub struct Sender {
    stream: SendStream<Bytes>,
    queue: VecDeque<Bytes>,
    queued: usize,
    trailers: Option<HeaderMap>,
    end: bool,
    ended: bool,
}

impl Sender {
    /// Wraps the sending half.
    #[must_use]
    pub const fn new(stream: SendStream<Bytes>) -> Self {
        let queue = VecDeque::new();
        Self { stream, queue, queued: 0, trailers: None, end: false, ended: false }
    }

    /// Marks the stream as already ended by its head.
    pub const fn set_ended(&mut self) {
        self.ended = true;
    }

    /// Queues a frame.
    pub fn send_frame(&mut self, frame: Frame) {
        match frame {
            Frame::Data(data) => {
                self.queued += data.len();
                self.queue.push_back(data);
            }
            Frame::Trailers(fields) => {
                self.trailers = Some(map_of(&fields));
                self.end = true;
            }
        }
    }

    /// Queues the end.
    pub const fn send_end(&mut self) {
        self.end = true;
    }

    /// True when the sender should wait.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.queued > HIGH_WATER
    }

    /// Hands queued frames to the connection as far as the peer's window allows.
    ///
    /// # Errors
    /// The stream was reset.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        while let Some(front) = self.queue.front_mut() {
            self.stream.reserve_capacity(front.len());
            let room = match ready!(self.stream.poll_capacity(cx)) {
                None => return Poll::Ready(Err(StreamError::Closed)),
                Some(room) => room?,
            };
            let n = room.min(front.len());
            if n == 0 {
                continue;
            }
            let piece = front.split_to(n);
            let last = front.is_empty();
            if last {
                self.queue.pop_front();
            }
            self.queued -= n;
            let end = self.end && self.trailers.is_none() && self.queue.is_empty();
            self.stream.send_data(piece, end)?;
            self.ended = end;
        }
        if self.end && !self.ended {
            self.ended = true;
            match self.trailers.take() {
                Some(map) => self.stream.send_trailers(map)?,
                None => self.stream.send_data(Bytes::new(), true)?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Resolves when the peer resets the stream.
    ///
    /// # Errors
    /// The connection broke.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Result<h2::Reason, StreamError>> {
        self.stream.poll_reset(cx).map_err(Into::into)
    }

    /// Ends the stream with an error code.
    pub fn reset(&mut self, reason: h2::Reason) {
        self.ended = true;
        self.stream.send_reset(reason);
    }
}

/// Fields of an h2 header block.
#[must_use]
pub fn fields_of(map: &HeaderMap) -> Fields {
    let sizes = map.iter().map(|(name, value)| name.as_str().len() + value.len());
    let mut fields = Fields::with_room(map.len(), sizes.sum());
    for (name, value) in map {
        if name != http::header::COOKIE {
            fields.append(name.as_str(), value.as_bytes());
        }
    }
    join_cookies(map, &mut fields);
    fields
}

/// An h2 client may split its cookies; HTTP/1 allows one field only.
fn join_cookies(map: &HeaderMap, fields: &mut Fields) {
    let mut cookies = map.get_all(http::header::COOKIE).iter().peekable();
    if cookies.peek().is_some() {
        let parts: Vec<_> = cookies.map(HeaderValue::as_bytes).collect();
        fields.append("cookie", &parts.join(&b"; "[..]));
    }
}

/// An h2 header block of fields; what h2 forbids is left out.
#[must_use]
pub fn map_of(fields: &Fields) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields.iter() {
        let forbidden = matches!(
            name,
            "connection"
                | "keep-alive"
                | "proxy-connection"
                | "transfer-encoding"
                | "upgrade"
                | "host"
        );
        if let (false, Ok(name), Ok(value)) =
            (forbidden, HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        {
            map.append(name, value);
        }
    }
    map
}

fn body_kind(map: &HeaderMap, ended: bool) -> Result<BodyKind, StreamError> {
    if ended {
        return Ok(BodyKind::Empty);
    }
    let mut values = map.get_all(http::header::CONTENT_LENGTH).iter();
    let Some(value) = values.next() else { return Ok(BodyKind::Chunked) };
    let digits = value.to_str().ok().filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
    let length = digits.filter(|_| values.next().is_none()).and_then(|v| v.parse().ok());
    length.map(BodyKind::Length).ok_or(StreamError::Protocol("bad content-length"))
}

/// The head of a request that came over h2.
///
/// # Errors
/// Its length is malformed.
pub fn request_head(parts: &http::request::Parts, ended: bool) -> Result<RequestHead, StreamError> {
    let mut fields = fields_of(&parts.headers);
    let host = fields.text("host").map(str::to_owned);
    fields.remove("host");
    let authority = parts.uri.authority().map(|a| a.as_str().to_owned()).or(host);
    if !authority.as_deref().is_none_or(is_authority) {
        return Err(StreamError::Protocol("bad authority"));
    }
    let upgrade =
        parts.extensions.get::<h2::ext::Protocol>().map(|protocol| protocol.as_str().to_owned());
    let tunnels = upgrade.is_some() || parts.method == Method::CONNECT;
    Ok(RequestHead {
        // As the same request is in HTTP/1.
        method: if upgrade.is_some() { Method::GET } else { parts.method.clone() },
        path: parts.uri.path_and_query().map(|p| p.as_str().to_owned()).unwrap_or_default(),
        authority: authority.unwrap_or_default(),
        scheme: parts.uri.scheme_str().unwrap_or_default().to_owned(),
        version: Version::Http2,
        fields,
        // What follows is the tunnel's, and waits for the answer.
        body: if tunnels { BodyKind::Empty } else { body_kind(&parts.headers, ended)? },
        keep_alive: true,
        upgrade,
        expect_continue: false,
    })
}

/// An h2 request of a head.
///
/// # Errors
/// Authority or path cannot be written in h2.
pub fn request_of(head: &RequestHead) -> Result<http::Request<()>, StreamError> {
    let scheme = if head.scheme.is_empty() { "http" } else { &head.scheme };
    let uri = if head.path.is_empty() {
        http::Uri::builder().authority(head.authority.as_str())
    } else {
        http::Uri::builder()
            .scheme(scheme)
            .authority(head.authority.as_str())
            .path_and_query(head.path.as_str())
    };
    let uri = uri.build().map_err(|_bad| StreamError::Protocol("bad authority or path"))?;
    let mut request = http::Request::new(());
    *request.method_mut() = head.method.clone();
    if let Some(protocol) = &head.upgrade {
        *request.method_mut() = Method::CONNECT;
        request.extensions_mut().insert(h2::ext::Protocol::from(protocol.as_str()));
    }
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_2;
    *request.headers_mut() = map_of(&head.fields);
    Ok(request)
}

/// The head of a response that came over h2.
///
/// # Errors
/// Its length is malformed.
pub fn response_head(
    parts: &http::response::Parts,
    ended: bool,
) -> Result<ResponseHead, StreamError> {
    let mut head = ResponseHead::new(parts.status.as_u16());
    head.fields = fields_of(&parts.headers);
    head.version = Version::Http2;
    head.body = body_kind(&parts.headers, ended)?;
    Ok(head)
}

/// An h2 response of a head.
///
/// # Errors
/// The status is not one.
pub fn response_of(head: &ResponseHead, to_head: bool) -> Result<http::Response<()>, StreamError> {
    let mut response = http::Response::new(());
    // HTTP/2 has no 101: a success is what agrees to a tunnel.
    let status = if head.status == 101 { 200 } else { head.status };
    *response.status_mut() =
        http::StatusCode::from_u16(status).map_err(|_bad| StreamError::Protocol("bad status"))?;
    *response.version_mut() = http::Version::HTTP_2;
    let mut map = map_of(&head.fields);
    if let (BodyKind::Length(n), false) = (head.body, to_head) {
        map.insert(http::header::CONTENT_LENGTH, HeaderValue::from(n));
    }
    *response.headers_mut() = map;
    Ok(response)
}
