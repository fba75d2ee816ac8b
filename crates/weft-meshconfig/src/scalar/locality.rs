//! Rules of places: `REGION/ZONE/SUBZONE`, with `*` at the end for all below.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checked, fault};

const ALL: &str = "*";

/// Places of which none may contain a later one.
///
/// # Errors
/// A `*` that is not at the end, an empty part, or a place that an earlier one contains.
pub fn localities<'a>(places: impl IntoIterator<Item = &'a str>) -> Checked {
    let mut seen = Seen::default();
    for place in places {
        let stars = place.matches('*').count();
        if stars > 1 || (stars == 1 && !place.ends_with('*')) {
            return fault(format!("{place:?} has a `*` inside"), "use one `*`, at the end");
        }
        let parts: Vec<&str> = place.splitn(3, '/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            let fix = "write REGION, REGION/ZONE or REGION/ZONE/SUBZONE";
            return fault(format!("{place:?} has an empty part"), fix);
        }
        if !seen.add(&parts) {
            let what = format!("{place:?} is a part of what was said before");
            return fault(what, "name each place once");
        }
    }
    Ok(())
}

/// Regions with their zones with their subzones; `*` stands for all.
#[derive(Default)]
struct Seen(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Seen {
    /// Adds a place; false when it is contained in an earlier one.
    fn add(&mut self, parts: &[&str]) -> bool {
        if self.0.contains_key(ALL) {
            return false;
        }
        let part = |index: usize| parts.get(index).copied().unwrap_or(ALL);
        let (region, zone, subzone) = (part(0), part(1), part(2));
        if parts.len() == 1 && self.0.contains_key(region) {
            return false;
        }
        let zones = self.0.entry(region.to_owned()).or_default();
        if zones.contains_key(ALL) || (parts.len() == 2 && zones.contains_key(zone)) {
            return false;
        }
        let subzones = zones.entry(zone.to_owned()).or_default();
        !subzones.contains(ALL) && subzones.insert(subzone.to_owned())
    }
}
