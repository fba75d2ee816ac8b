//! Accepted resources as they came, for the config dump, in a small room.
//!
//! In: encoded resources. Out: the same bytes, when somebody asks.
//! Holds: what comes out is what went in; a body keeps nothing of the buffer that it came in.
//! Never: meaning of the bytes.
//! Why packed: nobody but the dump reads them, and a sidecar that sees a thousand services would hold megabytes for it.
//! Why a sample: resources of a type differ in a few names, so that most of one is told by pointing at another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use lz4_flex::block::{compress_with_dict, decompress_with_dict};
use weft_xds::Upsert;

/// Longer samples are slower to use, and help little.
const LONGEST: usize = 4 * 1024;
/// A sample grows so often at most; bodies that were packed by an earlier one keep that.
const GROWTHS: u32 = 8;

/// One accepted resource as it came.
#[derive(Debug, Clone)]
pub struct Body {
    /// Its version.
    pub version: String,
    /// The encoded message.
    pub bytes: Bytes,
    /// When it came.
    pub at: SystemTime,
}

/// Bodies of one type by name.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    all: BTreeMap<Arc<str>, Packed>,
    sample: Arc<[u8]>,
    growths: u32,
}

#[derive(Debug)]
struct Packed {
    version: Box<str>,
    at: SystemTime,
    bytes: Box<[u8]>,
    length: usize,
    sample: Arc<[u8]>,
}

impl Bodies {
    /// Of secrets: no key may outlive its secret in a sample.
    pub(crate) fn secret() -> Self {
        Self { growths: GROWTHS, ..Self::default() }
    }

    /// Takes one in, in place of the last of that name.
    pub(crate) fn take(&mut self, name: Arc<str>, upsert: &Upsert, at: SystemTime) {
        let body = &*upsert.body;
        let packed = Packed {
            version: upsert.version.as_str().into(),
            at,
            bytes: compress_with_dict(body, &self.sample).into(),
            length: body.len(),
            sample: Arc::clone(&self.sample),
        };
        let strange = packed.bytes.len() * 4 > body.len();
        if strange && self.growths < GROWTHS && self.sample.len() + body.len() <= LONGEST {
            self.sample = [&*self.sample, body].concat().into();
            self.growths += 1;
        }
        self.all.insert(name, packed);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.all.remove(name);
    }

    pub(crate) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.all.retain(|name, _| wanted(name));
    }

    /// All of them, as they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Arc<str>, Body)> {
        self.all.iter().map(|(name, packed)| (Arc::clone(name), packed.open()))
    }
}

impl Packed {
    fn open(&self) -> Body {
        let bytes = decompress_with_dict(&self.bytes, self.length, &self.sample);
        if let Err(why) = &bytes {
            tracing::error!(%why, "a resource that was kept for the dump is damaged");
        }
        let bytes = Bytes::from(bytes.unwrap_or_default());
        Body { version: self.version.clone().into(), bytes, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn upsert(version: usize, body: Vec<u8>) -> Upsert {
        Upsert { name: "n".into(), version: version.to_string(), body: body.into() }
    }

    /// About as a cluster reads.
    fn usual(number: usize) -> Vec<u8> {
        let name = format!("outbound|80||service-{number}.many.svc.cluster.local");
        let rest: String = (0..40).map(|n| format!("field-{n}: value {};", n * n)).collect();
        format!("{name}{rest}{name}").into_bytes()
    }

    #[test]
    fn what_comes_out_is_what_went_in() {
        let mut bodies = Bodies::default();
        let of = |number: usize| match number % 7 {
            0 => Vec::new(),
            1 => vec![u8::try_from(number % 251).unwrap(); 100_000],
            2 => (0..=255).cycle().take(number * 13).collect(),
            _ => usual(number),
        };
        for number in 0..200 {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
            bodies.take(number.to_string().into(), &upsert(number, of(number)), at);
        }
        bodies.take("7".into(), &upsert(1000, usual(1000)), SystemTime::UNIX_EPOCH);
        bodies.remove("8");
        let found: BTreeMap<_, _> = bodies.iter().collect();
        assert_eq!(found.len(), 199);
        for (name, body) in &found {
            let number = if &**name == "7" { 1000 } else { name.parse().unwrap() };
            assert_eq!((body.version.clone(), &*body.bytes), (number.to_string(), &*of(number)));
        }
        assert_eq!(found["7"].at, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn no_sample_is_made_of_secrets() {
        let mut bodies = Bodies::secret();
        bodies.take("s".into(), &upsert(0, b"a key".to_vec()), SystemTime::UNIX_EPOCH);
        assert!(bodies.sample.is_empty());
    }

    #[test]
    fn a_thousand_of_a_kind_take_a_tenth() {
        let mut bodies = Bodies::default();
        for number in 0..1000 {
            // The first is of another kind.
            let body = if number == 0 { vec![0; 20] } else { usual(number) };
            bodies.take(number.to_string().into(), &upsert(0, body), SystemTime::UNIX_EPOCH);
        }
        let packed: usize = bodies.all.values().map(|packed| packed.bytes.len()).sum();
        let whole: usize = bodies.all.values().map(|packed| packed.length).sum();
        assert!(packed * 10 < whole, "{packed} of {whole}");
    }
}
