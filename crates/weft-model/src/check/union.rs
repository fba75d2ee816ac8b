//! Rules of records with a type and one field per type.

use super::Findings;

/// Checks that the field of the type is given, and no other one. Each choice is a word, its field, and whether it is given.
pub(crate) fn check(word: &str, choices: &[(&str, &str, bool)], findings: &mut Findings) {
    for (choice, field, given) in choices {
        match (*choice == word, *given) {
            (true, false) => {
                let fix = format!("add {field}, or change type");
                findings.error_in(field, format!("is missing, and type {word} needs it"), fix);
            }
            (false, true) => {
                let fix = format!("remove it, or set type {choice}");
                findings.error_in(field, format!("does not go with type {word}"), fix);
            }
            (true, true) | (false, false) => {}
        }
    }
}

/// Checks that exactly one of some fields is given. Each is a name and whether it is given.
pub(crate) fn exactly_one(fields: &[(&str, bool)], findings: &mut Findings) {
    let given: Vec<&str> = fields.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    match given.len() {
        0 => findings.error("says nothing", format!("add one of {}", names.join(", "))),
        1 => {}
        _ => {
            let what = format!("{} exclude each other", given.join(" and "));
            findings.error(what, "keep one of them");
        }
    }
}
