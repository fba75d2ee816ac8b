//! The phases in which one authority takes the place of another; pure.
//!
//! In: what is wanted, and what the proxies have. Out: the next state.
//! Holds: nothing is signed under a root before every live proxy trusts it; no root is taken out of the bundle while a
//! live certificate needs it, unless an operator says so.
//! Why the whole state is one value: it is kept in one file, replaced whole, so that an end in any phase goes on there.

use serde::{Deserialize, Serialize};
use weft_admin_api::ca::Phase;

use crate::material::Material;

/// What the authority remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Where it stands.
    pub(crate) phase: Phase,
    /// Since when, in seconds of Unix time.
    pub(crate) since: u64,
    /// Who signs.
    pub(crate) signer: Material,
    /// Who will sign; its roots are trusted already.
    pub(crate) next: Option<Material>,
    /// Roots (PEM) of whom signed before.
    pub(crate) retired: Vec<String>,
    /// Of the bundle; grows with each change.
    pub(crate) version: u64,
    /// The last order to rotate that was judged, and why it was refused.
    pub(crate) rotate: String,
    pub(crate) refused: Option<String>,
    /// The last order to finish that was obeyed.
    pub(crate) finish: String,
}

impl State {
    pub(crate) fn new(signer: Material, now: u64) -> Self {
        Self {
            phase: Phase::Steady,
            since: now,
            signer,
            next: None,
            retired: Vec::new(),
            version: 1,
            rotate: String::new(),
            refused: None,
            finish: String::new(),
        }
    }

    /// All roots to trust, one by one, in an order that does not depend on who signs.
    pub(crate) fn roots(&self) -> Vec<String> {
        let mut all = self.signer.roots();
        all.extend(self.next.iter().flat_map(Material::roots));
        all.extend(self.retired.iter().cloned());
        all.sort();
        all.dedup();
        all
    }

    /// The authority that is to sign in the end.
    pub(crate) fn target(&self) -> &Material {
        self.next.as_ref().unwrap_or(&self.signer)
    }

    /// Begins to go over to another authority; one whose roots are trusted already signs at once.
    pub(crate) fn begin(&mut self, next: Material, now: u64) {
        let trusted = self.roots();
        let known = next.roots().iter().all(|root| trusted.contains(root));
        self.next = Some(next);
        if known {
            self.switch(now);
        } else {
            self.enter(Phase::Trusting, now);
        }
        if self.roots() != trusted {
            self.version += 1;
        }
    }

    /// The next authority signs.
    pub(crate) fn switch(&mut self, now: u64) {
        let Some(next) = self.next.take() else { return };
        self.retired.extend(self.signer.roots());
        let own = next.roots();
        self.retired.retain(|root| !own.contains(root));
        self.signer = next;
        self.enter(if self.retired.is_empty() { Phase::Steady } else { Phase::Renewing }, now);
    }

    /// Nobody needs the former roots.
    pub(crate) fn end(&mut self, now: u64) {
        self.retired.clear();
        self.version += 1;
        self.enter(Phase::Steady, now);
    }

    fn enter(&mut self, phase: Phase, now: u64) {
        self.phase = phase;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::files;

    fn made() -> Material {
        files::make(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)).unwrap()
    }

    #[test]
    fn a_new_root_is_trusted_before_it_signs_and_the_old_one_until_it_has_ended() {
        let (old, new) = (made(), made());
        let mut state = State::new(old.clone(), 0);
        state.begin(new.clone(), 1);
        assert_eq!((state.phase, state.version, &state.signer), (Phase::Trusting, 2, &old));
        let mut both = [old.roots(), new.roots()].concat();
        both.sort();
        assert_eq!(state.roots(), both);
        state.switch(2);
        assert_eq!((state.phase, &state.signer, state.version), (Phase::Renewing, &new, 2));
        assert_eq!(state.roots(), both);
        state.end(3);
        assert_eq!((state.phase, state.roots()), (Phase::Steady, new.roots()));
        assert_eq!(state.version, 3);
    }

    #[test]
    fn an_authority_under_a_root_that_is_trusted_signs_at_once() {
        let old = made();
        let mut other = made();
        other.root.clone_from(&old.root);
        let mut state = State::new(old, 0);
        state.begin(other.clone(), 1);
        assert_eq!((state.phase, state.version, &state.signer), (Phase::Steady, 1, &other));
    }

    #[test]
    fn who_goes_back_before_the_switch_takes_the_new_root_out_again() {
        let (old, new) = (made(), made());
        let mut state = State::new(old.clone(), 0);
        state.begin(new, 1);
        state.begin(old.clone(), 2);
        assert_eq!((state.phase, &state.signer, &state.next), (Phase::Steady, &old, &None));
        assert_eq!((state.roots(), state.version), (old.roots(), 3));
    }
}
