//! The documents of a file, also of one in which some cannot be read.
//! In: text. Out: documents, and a fault for each that is none. Holds: a fault in one document leaves the others as they are.

use weft_model::Place;
use weft_model::api::yaml::{self, Document, Position, YamlError};

use super::Fault;

/// All that can be read, and what is wrong with the rest.
pub(super) fn read(text: &str, file: &str) -> (Vec<Document>, Vec<Fault>) {
    let whole = match yaml::read(text, file) {
        Ok(documents) => return (documents, Vec::new()),
        Err(error) => error,
    };
    let (mut documents, mut faults) = (Vec::new(), Vec::new());
    for (before, part) in parts(text) {
        match yaml::read(part, file) {
            Ok(found) => documents.extend(found.into_iter().map(|one| moved(one, before))),
            Err(error) => faults.push(fault(error, before)),
        }
    }
    if faults.is_empty() {
        // Only together they make no sense.
        return (Vec::new(), vec![fault(whole, 0)]);
    }
    (documents, faults)
}

/// The text of each document, and how many lines are before it. Inside of a document no line can begin like this.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let (mut found, mut begin, mut first, mut at) = (Vec::new(), 0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let after = line.strip_prefix("---");
        if at > begin
            && after.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        {
            found.push((first, &text[begin..at]));
            (begin, first) = (at, number);
        }
        at += line.len();
    }
    found.push((first, &text[begin..]));
    found
}

fn moved(mut document: Document, lines: usize) -> Document {
    document.positions.values_mut().for_each(|position| position.line += lines);
    document
}

fn fault(error: YamlError, lines: usize) -> Fault {
    let YamlError { file, position, what } = error;
    let position = Position { line: position.line + lines, ..position };
    Fault { place: Place::at(&file, position), what: format!("not valid YAML: {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, documents: usize, places: &[&str]) {
        let (found, faults) = read(text, "x");
        let told: Vec<String> = faults.iter().map(|fault| fault.place.to_string()).collect();
        let full = found.iter().filter(|document| !document.value.is_null()).count();
        assert_eq!(
            (full, told.iter().map(String::as_str).collect::<Vec<_>>()),
            (documents, places.to_vec())
        );
    }

    #[test]
    fn documents_beside_a_broken_one_are_read_with_their_places() {
        let text = "a: 1\n---\nb: [1,\n--- # third\nc: 1\n---\nd: *e\n";
        check(text, 2, &["x:4:1", "x:7:4"]);
        let (found, _) = read(text, "x");
        assert_eq!(found[1].position("/c").line, 5);
        check("a: 1\n---\nb: |\n  ---\n  x\n", 2, &[]);
    }
}
