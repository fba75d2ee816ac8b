//! What of an answer's warnings is told in its head.
//!
//! In: all warnings. Out: values of the field `warning`. Holds: each is told once, in order, and all of them fit into a head
//! that clients take; when they do not, each is cut, and the last says how many are missing.
//! Source of the bounds: Kubernetes' API server.

use std::collections::HashSet;

use http::HeaderValue;

/// Characters of all warnings together.
const MOST: usize = 4096;
/// Characters of each, where all of them would be too much.
const CUT: usize = 256;

pub(super) fn values(warnings: &[String]) -> impl Iterator<Item = HeaderValue> {
    told(warnings).into_iter().filter_map(|warning| {
        let text: String = warning.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()).ok()
    })
}

fn told(warnings: &[String]) -> Vec<String> {
    let mut known = HashSet::new();
    let each: Vec<&String> = warnings.iter().filter(|warning| known.insert(*warning)).collect();
    let length = |text: &str| text.chars().count();
    if each.iter().map(|warning| length(warning)).sum::<usize>() <= MOST {
        return each.into_iter().cloned().collect();
    }
    let mut left = MOST;
    let cut = each.iter().map(|warning| warning.chars().take(CUT).collect::<String>());
    let mut told: Vec<String> = cut
        .map_while(|warning| {
            left = left.checked_sub(length(&warning))?;
            Some(warning)
        })
        .collect();
    let missing = each.len() - told.len();
    if missing > 0 {
        told.push(format!("and {missing} more warnings"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_that_fit_are_told_whole_and_once() {
        let long = "x".repeat(1000);
        let warnings = [long.clone(), "second \"one\"".to_owned(), long.clone()];
        let found: Vec<_> = values(&warnings).collect();
        assert_eq!(found, [&*format!("299 - \"{long}\""), "299 - \"second \\\"one\\\"\""]);
    }

    #[test]
    fn too_many_are_cut_and_counted() {
        let warnings: Vec<String> = (0..1000).map(|n| format!("{n} {}", "é".repeat(300))).collect();
        let found = told(&warnings);
        assert_eq!(found.len(), 17);
        assert!(found[..16].iter().all(|warning| warning.chars().count() == CUT));
        assert!(found[16].starts_with("and 984 more"), "{}", found[16]);
    }
}
