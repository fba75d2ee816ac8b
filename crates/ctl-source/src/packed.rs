//! An object in little room, for whoever keeps many and reads few.
//!
//! In: an object. Out: the same one, read again whenever it is asked for.
//! Holds: what comes out is equal to what went in; who asks while another one still reads gets the same allocation.
//! Why: as a tree of [`Value`]s a map of one field takes a node with room for eleven, and a pod has many such maps.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;

use crate::Object;

/// Maps and lists within each other that can be read again, as `serde_json` reads them.
pub const DEEPEST: usize = 127;

/// An object that nests deeper than anybody could read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("maps and lists may be nested {DEEPEST} levels deep, and these are deeper")]
pub struct TooDeep;

/// A packed object. Cheap to clone; clones are the same object.
#[derive(Debug, Clone)]
pub struct Packed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bytes: Box<[u8]>,
    /// As long as somebody holds it.
    open: Mutex<Weak<Value>>,
}

impl Packed {
    /// Packs an object.
    ///
    /// # Errors
    /// [`TooDeep`]: it could not be read again.
    pub fn of(object: &Object) -> Result<Self, TooDeep> {
        if is_deeper(object, DEEPEST) {
            return Err(TooDeep);
        }
        let bytes = lz4_flex::compress_prepend_size(object.to_string().as_bytes());
        let open = Mutex::new(Arc::downgrade(object));
        Ok(Self(Arc::new(Inner { bytes: bytes.into(), open })))
    }

    /// The object.
    #[must_use]
    pub fn open(&self) -> Object {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.upgrade().unwrap_or_else(|| {
            let object = Arc::new(self.read());
            *open = Arc::downgrade(&object);
            object
        })
    }

    /// Its JSON.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "packed by us, and never changed since")]
        lz4_flex::decompress_size_prepended(&self.0.bytes).expect("what was packed")
    }

    /// Whether it is the very same one, which is then equal.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn read(&self) -> Value {
        #[expect(clippy::expect_used, reason = "written by us, and no deeper than can be read")]
        serde_json::from_slice(&self.text()).expect("JSON")
    }
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let below = |value: &Value| levels == 0 || is_deeper(value, levels - 1);
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(below),
        Value::Object(fields) => levels == 0 || fields.values().any(below),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Object {
        Arc::new((0..levels).fold(json!(1), |inner, _| json!([inner])))
    }

    #[test]
    fn what_comes_out_is_what_went_in() {
        let object = Arc::new(
            json!({ "a": [1, -2, u64::MAX, 0.1, 1e300, 2.225_073_858_507_201e-308, "é\u{0}", null, true, {}] }),
        );
        let packed = Packed::of(&object).unwrap();
        assert!(Arc::ptr_eq(&packed.open(), &object), "somebody holds it");
        let equal = object.as_ref().clone();
        drop(object);
        let (one, other) = (packed.open(), packed.clone().open());
        assert_eq!(*one, equal);
        assert!(Arc::ptr_eq(&one, &other));
    }

    #[test]
    fn what_could_not_be_read_again_is_refused() {
        let deepest = Packed::of(&nested(DEEPEST)).unwrap();
        assert_eq!(deepest.open(), nested(DEEPEST));
        assert_eq!(Packed::of(&nested(DEEPEST + 1)).unwrap_err(), TooDeep);
    }
}
