//! HTTP words and codecs that the accepting and the connecting side of the proxy share.
//!
//! In: bytes of a connection, or frames of an h2 stream. Out: heads, body frames, and bytes again.
//! Holds: a message whose length two parsers could read differently is refused, never guessed.
//! Never: sockets, routing, timers, pools.
//! Why an own HTTP/1 codec: heads are rewritten in place with no allocation per header, and an idle
//! connection keeps no buffer; measured at two thirds of hyper's cost per proxied request.

pub mod body;
pub mod encode;
pub mod fields;
pub mod frame;
pub mod h1;
pub mod h2io;
pub mod head;
mod hop;
pub mod parse;
pub mod target;
pub mod tunnel;
pub mod wire;

pub use body::BodyKind;
pub use fields::Fields;
pub use frame::{Frame, StreamError};
pub use head::{RequestHead, ResponseHead, Version};
pub use wire::{BoxIo, Io, Wire};
