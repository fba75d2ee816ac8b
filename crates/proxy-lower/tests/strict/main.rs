//! Security first: what would weaken a check, or panic, or be dropped in silence, is refused by name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod clusters;
mod discovery;
mod listeners;
mod protocols;
mod routes;
mod tls;

use prost::{Message, Name};
use weft_proto::google::protobuf::Any;

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

#[track_caller]
fn refused<T>(result: Result<T, String>, words: &[&str]) {
    let Err(why) = result else { panic!("accepted, expected a refusal with {words:?}") };
    for word in words {
        assert!(why.contains(word), "{word:?} is not in {why:?}");
    }
}
