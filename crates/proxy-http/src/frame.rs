//! What a body is made of, and how it can break.

use bytes::Bytes;

use crate::Fields;

/// One piece of a body.
#[derive(Debug, Clone)]
pub enum Frame {
    /// Bytes of the body, never empty.
    Data(Bytes),
    /// Fields after the body; nothing follows.
    Trailers(Fields),
}

/// Why a message ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamError {
    /// The peer broke the protocol.
    Protocol(&'static str),
    /// The peer closed or reset the connection.
    Closed,
    /// An h2 peer reset the stream with this code.
    Reset(h2::Reason),
    /// A head or trailer block is larger than allowed.
    TooLarge,
}

impl std::fmt::Display for StreamError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Protocol(why) => write!(f, "protocol error: {why}"),
            Self::Closed => f.write_str("connection closed"),
            Self::Reset(reason) => write!(f, "stream reset: {reason}"),
            Self::TooLarge => f.write_str("header fields too large"),
        }
    }
}

impl std::error::Error for StreamError {}

impl From<std::io::Error> for StreamError {
    fn from(_error: std::io::Error) -> Self {
        Self::Closed
    }
}

impl From<h2::Error> for StreamError {
    fn from(error: h2::Error) -> Self {
        match error.reason() {
            // Our side has found it: the message was malformed, it was not the peer that gave up.
            Some(h2::Reason::PROTOCOL_ERROR) if error.is_library() => {
                Self::Protocol("malformed in HTTP/2")
            }
            Some(reason) if error.is_reset() => Self::Reset(reason),
            Some(h2::Reason::NO_ERROR) | None => Self::Closed,
            Some(reason) => Self::Reset(reason),
        }
    }
}
