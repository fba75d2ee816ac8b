//! Whether the certificates of a text are a chain, in the order in which clients want them.
//! Why names and identifiers are enough: who is shown the chain judges signatures; here people are told what they forgot.

use crate::Certificate;

/// A leaf and those that vouch for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Places of the certificates that lead from the leaf towards a root, the leaf first.
    pub path: Vec<usize>,
    /// Places of those that vouch for none of them.
    pub strays: Vec<usize>,
    /// Each stands behind the one that it vouches for.
    pub ordered: bool,
    /// Who clients must know: the issuer of the last one.
    pub anchor: String,
    /// It ends at a root that was given with it, in the chain or among the authorities.
    pub rooted: bool,
}

impl Chain {
    /// The chain of the first certificate of all; none of nothing.
    #[must_use]
    pub fn of(all: &[Certificate], authorities: &[Certificate]) -> Option<Self> {
        let mut last = all.first()?;
        let mut path = vec![0];
        while !last.is_root() {
            let vouches = |(at, one): &(usize, &Certificate)| !path.contains(at) && last.is_of(one);
            let Some((at, next)) = all.iter().enumerate().find(vouches) else { break };
            path.push(at);
            last = next;
        }
        let strays = (0..all.len()).filter(|at| !path.contains(at)).collect();
        let ordered = path.iter().copied().eq(0..path.len());
        let rooted = last.is_root() || authorities.iter().any(|one| last.is_of(one));
        Some(Self { path, strays, ordered, anchor: last.issuer.clone(), rooted })
    }
}
