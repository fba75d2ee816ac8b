//! The reference page of mesh-wide settings, made of the types.
//!
//! In: the shapes and [`effects`]. Out: Markdown. Holds: every field stands there with its meaning and whether it acts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use weft_api::install::IstioOperator;
use weft_api::mesh_config::{Field, MeshConfig, MeshNetworks, Shape, Shaped};

use crate::{EffectState, effects};

const HEAD: &str = "# Settings of the whole mesh\n\n\
    Made of the types by `WEFT_WRITE_DOCS=1 cargo test -p weft-meshconfig --test reference`; do not edit.\n\n\
    `weft up` and `weft validate` take them in an `IstioOperator` document or in the ConfigMap `istio` of `istio-system` (key `mesh`,\n\
    and `meshNetworks`). A field marked with ✓ acts today; another one is read and checked, and told of as WEFT0002 when it is set.\n\
    `[]` stands for an entry of a list, `*` for a key of a map. Fields without a meaning mean what they mean in a DestinationRule or\n\
    VirtualService.\n";

/// The page.
#[must_use]
pub fn reference() -> String {
    let acts: BTreeMap<&str, bool> = effects()
        .iter()
        .map(|effect| (effect.path.as_str(), effect.state == EffectState::InEffect))
        .collect();
    let mut page = HEAD.to_owned();
    for (name, shape) in [
        ("MeshConfig", MeshConfig::SHAPE),
        ("MeshNetworks", MeshNetworks::SHAPE),
        ("IstioOperator", IstioOperator::SHAPE),
    ] {
        let count = |wanted: bool| {
            let own = acts.iter().filter(|(path, _)| path.split('.').next() == Some(name));
            own.filter(|(_, acts)| **acts == wanted).count()
        };
        let (yes, all) = (count(true), count(true) + count(false));
        // Writing into a text cannot fail.
        write!(page, "\n## {name}\n\n{yes} of {all} fields act.\n\n| field | form | acts | meaning |\n| --- | --- | --- | --- |\n")
            .unwrap_or_default();
        rows(name, name.len() + 1, shape, &acts, &mut page);
    }
    page
}

fn rows(path: &str, skip: usize, shape: &Shape, acts: &BTreeMap<&str, bool>, page: &mut String) {
    match shape {
        Shape::Record(fields) => {
            for Field { name, doc, shape } in *fields {
                let path = format!("{path}.{name}");
                let shown = path.get(skip..).unwrap_or_default();
                let mark =
                    if acts.get(leaf(&path, shape).as_str()) == Some(&true) { "✓" } else { "" };
                let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
                writeln!(page, "| `{shown}` | {} | {mark} | {doc} |", form(shape))
                    .unwrap_or_default();
                rows(&path, skip, shape, acts, page);
            }
        }
        Shape::List(item) => rows(&format!("{path}[]"), skip, item, acts, page),
        Shape::Map(item) => rows(&format!("{path}.*"), skip, item, acts, page),
        Shape::Any
        | Shape::Truth
        | Shape::Text
        | Shape::Whole
        | Shape::Number
        | Shape::Time
        | Shape::Words(_) => {}
    }
}

/// The path under which the effect of a field without fields of its own stands.
fn leaf(path: &str, shape: &Shape) -> String {
    match shape {
        Shape::List(item) => leaf(&format!("{path}[]"), item),
        Shape::Map(item) => leaf(&format!("{path}.*"), item),
        _ => path.to_owned(),
    }
}

fn form(shape: &Shape) -> String {
    match shape {
        Shape::Any => "anything".to_owned(),
        Shape::Truth => "true or false".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Whole => "whole number".to_owned(),
        Shape::Number => "number".to_owned(),
        Shape::Time => "duration".to_owned(),
        Shape::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{}`", word.name)).collect();
            words.join(", ")
        }
        Shape::List(item) => format!("list of {}", form(item)),
        Shape::Map(item) => format!("map of {}", form(item)),
        Shape::Record(_) => "fields".to_owned(),
    }
}
