//! Pod addresses: handed out in order, used again as late as possible.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

/// The pod network's free addresses.
#[derive(Debug)]
pub struct Addresses {
    first: u32,
    last: u32,
    state: Mutex<(u32, BTreeSet<u32>)>,
}

impl Addresses {
    /// The addresses behind the node's own.
    #[must_use]
    pub fn after(node: Ipv4Addr, prefix: u8) -> Self {
        let size = 1u32 << (32 - u32::from(prefix.clamp(8, 30)));
        let network = u32::from(node) & !(size - 1);
        let (first, last) = (u32::from(node) + 1, network + size - 2);
        Self { first, last, state: Mutex::new((first, BTreeSet::new())) }
    }

    /// A free address, or none when all are in use.
    #[must_use]
    pub fn take(&self) -> Option<Ipv4Addr> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, used) = &mut *state;
        let free =
            (*next..=self.last).chain(self.first..*next).find(|address| !used.contains(address))?;
        used.insert(free);
        *next = if free == self.last { self.first } else { free + 1 };
        Some(free.into())
    }

    /// Gives an address back.
    pub fn give_back(&self, address: Ipv4Addr) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1.remove(&u32::from(address));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_rests_before_it_is_used_again() {
        let addresses = Addresses::after(Ipv4Addr::new(10, 244, 0, 1), 29);
        let all: Vec<_> = std::iter::from_fn(|| addresses.take()).collect();
        assert_eq!(all.len(), 5);
        assert_eq!(all[0], Ipv4Addr::new(10, 244, 0, 2));
        addresses.give_back(all[3]);
        assert_eq!(addresses.take(), Some(all[3]));
        assert_eq!(addresses.take(), None);
    }
}
