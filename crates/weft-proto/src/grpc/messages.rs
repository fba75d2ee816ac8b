//! The body of an answer that is a stream of messages.
//!
//! In: messages. Out: frames of HTTP, and the status at the end.
//! Holds: a message takes memory until it was sent, and nothing of it stays.
//! Why not tonic's: its buffer stays as large as the largest message for as long as the stream, and a discovery stream lasts
//! as long as its proxy.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame};
use prost::Message;
use tokio_stream::Stream;
use tonic::{Code, Status};

/// Whether it is compressed, and its length.
const HEAD: usize = 5;

pub(super) struct Messages<S> {
    stream: Option<S>,
}

impl<S> Messages<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream: Some(stream) }
    }
}

impl<S, M> Body for Messages<S>
where
    S: Stream<Item = Result<M, Status>> + Unpin,
    M: Message,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let next = ready!(Pin::new(stream).poll_next(context));
        let end = match next.map(|message| message.and_then(|message| framed(&message))) {
            Some(Ok(frame)) => return Poll::Ready(Some(Ok(Frame::data(frame)))),
            Some(Err(status)) => status,
            None => Status::new(Code::Ok, ""),
        };
        self.stream = None;
        let mut trailers = HeaderMap::new();
        let written = end.add_header(&mut trailers);
        Poll::Ready(Some(written.map(|()| Frame::trailers(trailers))))
    }
}

fn framed(message: &impl Message) -> Result<Bytes, Status> {
    let length = message.encoded_len();
    let told = u32::try_from(length)
        .map_err(|_large| Status::out_of_range(format!("a message of {length} bytes")))?;
    let mut frame = BytesMut::with_capacity(HEAD + length);
    frame.put_u8(0);
    frame.put_u32(told);
    message.encode(&mut frame).map_err(|error| Status::internal(error.to_string()))?;
    Ok(frame.freeze())
}
