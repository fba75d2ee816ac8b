//! The blocks of a PEM text.

use std::fmt;

use x509_parser::pem::Pem;

/// Blocks that are read of one text, so that a text without end costs no more: bundles of authorities are the longest.
const MOST_BLOCKS: usize = 1024;

/// What of a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Its place among the blocks, from 1; 0 when there is no block of the kind that is looked for.
    pub block: usize,
    /// Why.
    pub why: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.block {
            0 => f.write_str(&self.why),
            block => write!(f, "block {block} of the PEM text: {}", self.why),
        }
    }
}

/// One block: what its first line calls it, and its bytes.
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) der: Vec<u8>,
}

/// Every block, up to the first that is malformed.
pub(crate) fn blocks(text: &[u8]) -> Vec<Result<Block, Malformed>> {
    let mut found = Vec::new();
    for (at, block) in Pem::iter_from_buffer(text).take(MOST_BLOCKS).enumerate() {
        match block {
            Ok(Pem { label, contents }) => found.push(Ok(Block { label, der: contents })),
            Err(error) => {
                found.push(Err(Malformed { block: at + 1, why: error.to_string() }));
                break;
            }
        }
    }
    found
}

/// The blocks that can be read and have such a label.
pub(crate) fn labelled(text: &[u8], end: &str) -> Vec<Vec<u8>> {
    let good = blocks(text).into_iter().filter_map(Result::ok);
    good.filter(|block| block.label.ends_with(end)).map(|block| block.der).collect()
}

/// Whether a private key stands in a text, as far as its frame tells.
#[must_use]
pub fn has_key(text: &[u8]) -> bool {
    !labelled(text, "PRIVATE KEY").is_empty()
}
