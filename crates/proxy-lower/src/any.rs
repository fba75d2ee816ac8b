//! Opens typed configuration.
//! In: bytes, or an Any. Out: a message. Holds: an Any of another type than asked for is refused.

use prost::{Message, Name};
use weft_proto::google::protobuf::Any;

use crate::Lowered;
use crate::known::Rejected;

pub(crate) fn decode<M: Message + Default>(bytes: &[u8], path: &str) -> Lowered<M> {
    M::decode(bytes).map_err(|error| Rejected::new(path, format!("cannot be read: {error}")))
}

/// The message's full name, as in its type URL.
pub(crate) fn kind(any: &Any) -> &str {
    any.type_url.rsplit('/').next().unwrap_or_default()
}

/// Opens an Any of a known type.
pub(crate) fn open<M: Message + Default + Name>(any: &Any) -> Lowered<M> {
    if kind(any) != M::full_name() {
        let why = format!("is a {}, expected a {}", kind(any), M::full_name());
        return Err(Rejected::new("typed_config", why));
    }
    decode(&any.value, "typed_config")
}
