//! Finds the line of each problem in the files that the objects came from.

use std::collections::HashMap;

use serde_json::Value;
use weft_api::yaml::Document;
use weft_model::{ObjectRef, Place, Problem};

use crate::source::DEEPEST_LIST;
use crate::view::{Json, Object};

/// The same problems, each with its place if its object is in one of the documents.
#[must_use]
pub fn locate(problems: Vec<Problem>, documents: &[Document]) -> Vec<Problem> {
    let mut places = HashMap::new();
    for document in documents {
        collect(document, &document.value, String::new(), DEEPEST_LIST, &mut places);
    }
    let place = |problem: &Problem| {
        let (document, prefix) = places.get(&problem.object)?;
        let position = document.position(&format!("{prefix}{}", problem.field.0));
        Some(Place::at(&document.file, position))
    };
    problems.into_iter().map(|problem| Problem { place: place(&problem), ..problem }).collect()
}

/// Documents of objects, and the JSON pointer of each inside of its document.
type Places<'d> = HashMap<ObjectRef, (&'d Document, String)>;

fn collect<'d>(
    document: &'d Document,
    value: &'d Value,
    pointer: String,
    depth: usize,
    places: &mut Places<'d>,
) {
    let Some(object) = Object::read(value) else { return };
    if object.is_list() {
        let items = value.list("items").iter().enumerate().filter(|_| depth > 0);
        for (index, item) in items {
            collect(document, item, format!("{pointer}/items/{index}"), depth - 1, places);
        }
    } else {
        // Of two with one name, the last is the one that counts.
        places.insert(object.reference(), (document, pointer));
    }
}
