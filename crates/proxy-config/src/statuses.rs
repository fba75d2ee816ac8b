//! A set of HTTP statuses.
//! In: statuses. Out: whether one is among them. Holds: what is no status (below 100, above 599) is in no set.

const FIRST: u16 = 100;
const END: u16 = 600;

/// A set of HTTP statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statuses([u64; 8]);

impl Statuses {
    /// Those for which the question is answered with yes.
    pub fn where_(holds: impl Fn(u16) -> bool) -> Self {
        let mut found = Self::default();
        for status in (FIRST..END).filter(|status| holds(*status)) {
            let (word, bit) = Self::place(status);
            found.0[word] |= bit;
        }
        found
    }

    /// Is it one of them?
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        let (word, bit) = Self::place(status);
        (FIRST..END).contains(&status) && self.0[word] & bit != 0
    }

    const fn place(status: u16) -> (usize, u64) {
        let at = status.saturating_sub(FIRST) as usize;
        (at / 64 % 8, 1 << (at % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_it_was_given_and_no_more() {
        let set = Statuses::where_(|status| matches!(status, 100 | 404 | 599));
        let found: Vec<u16> = (0..=u16::MAX).filter(|status| set.contains(*status)).collect();
        assert_eq!(found, [100, 404, 599]);
    }
}
