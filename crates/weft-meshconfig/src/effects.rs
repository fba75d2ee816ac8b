//! Which fields Weft acts on today.
//!
//! In: the shapes of the types, and [`IN_EFFECT`]. Out: every field with its state, and warnings for set fields without effect.
//! Holds: a field is never dropped in silence: what is not named in [`IN_EFFECT`] is warned of.

mod in_effect;

use std::sync::LazyLock;

use serde_json::Value;
use weft_api::install::IstioOperator;
use weft_api::mesh_config::{MeshConfig, MeshNetworks, Shape, Shaped};

use crate::report::{Report, code};
use in_effect::IN_EFFECT;

/// Whether a field changes what Weft does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EffectState {
    /// It does.
    InEffect,
    /// It is read and checked, and changes nothing yet.
    NoEffectYet,
}

/// A field and its state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Effect {
    /// `MESSAGE.field.field`; `[]` after a list, `*` for a key of a map.
    pub path: String,
    /// Whether it changes what Weft does.
    pub state: EffectState,
}

static EFFECTS: LazyLock<Vec<Effect>> = LazyLock::new(|| {
    let mut paths = Vec::new();
    leaves("MeshConfig", MeshConfig::SHAPE, &mut paths);
    leaves("MeshNetworks", MeshNetworks::SHAPE, &mut paths);
    leaves("IstioOperator", IstioOperator::SHAPE, &mut paths);
    let state = |path: &String| match acts(path) {
        true => EffectState::InEffect,
        false => EffectState::NoEffectYet,
    };
    paths.into_iter().map(|path| Effect { state: state(&path), path }).collect()
});

/// Every field that has no fields of its own, with its state.
#[must_use]
pub fn effects() -> &'static [Effect] {
    &EFFECTS
}

fn leaves(path: &str, shape: &Shape, found: &mut Vec<String>) {
    match shape {
        Shape::Record(fields) if !fields.is_empty() => {
            for field in *fields {
                leaves(&format!("{path}.{}", field.name), field.shape, found);
            }
        }
        Shape::List(item) => leaves(&format!("{path}[]"), item, found),
        Shape::Map(item) => leaves(&format!("{path}.*"), item, found),
        Shape::Any
        | Shape::Truth
        | Shape::Text
        | Shape::Whole
        | Shape::Number
        | Shape::Time
        | Shape::Words(_)
        | Shape::Record(_) => found.push(path.to_owned()),
    }
}

/// Whether a path, or one around it, is named in [`IN_EFFECT`].
fn acts(path: &str) -> bool {
    IN_EFFECT.iter().any(|known| {
        path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// Whether a path below this one is named in [`IN_EFFECT`].
fn acts_below(path: &str) -> bool {
    IN_EFFECT
        .iter()
        .any(|known| known.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '['])))
}

/// Warns of what is written and has no effect yet, once for the largest part that has none.
pub(crate) fn tell<T: Shaped>(message: &str, written: &Value, report: &mut Report) {
    walk(message, T::SHAPE, written, report);
}

fn walk(path: &str, shape: &Shape, written: &Value, report: &mut Report) {
    if acts(path) || written.is_null() {
        return;
    }
    if !acts_below(path) && path.contains('.') {
        let what = "accepted, no effect yet";
        let fix = "remove it, or do not rely on it with this version of Weft";
        report.warning(code::NO_EFFECT, what, fix);
        return;
    }
    for (step, below, shape, value) in parts(shape, written) {
        let path = format!("{path}{below}");
        report.within(&step, |report| walk(&path, shape, value, report));
    }
}

/// What is written below: the step that leads there, the same in a path, its shape and its value.
type Part<'a> = (String, String, &'a Shape, &'a Value);

/// Nothing where the value has another form than the shape; that was told of.
fn parts<'a>(shape: &'a Shape, written: &'a Value) -> Vec<Part<'a>> {
    match (shape, written) {
        (Shape::Record(fields), Value::Object(given)) => {
            let set = fields.iter().filter_map(|field| Some((field, given.get(field.name)?)));
            set.map(|(field, value)| {
                (field.name.to_owned(), format!(".{}", field.name), field.shape, value)
            })
            .collect()
        }
        (Shape::List(item), Value::Array(given)) => {
            let each = given.iter().enumerate();
            each.map(|(index, value)| (index.to_string(), "[]".to_owned(), *item, value)).collect()
        }
        (Shape::Map(item), Value::Object(given)) => {
            given.iter().map(|(key, value)| (key.clone(), ".*".to_owned(), *item, value)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields without effect; may only shrink.
    const WITHOUT_EFFECT: usize = 867;

    #[test]
    fn fields_without_effect_only_become_fewer() {
        let without: Vec<&str> = effects()
            .iter()
            .filter(|effect| effect.state == EffectState::NoEffectYet)
            .map(|effect| effect.path.as_str())
            .collect();
        eprintln!(
            "{} of {} without effect:\n{}",
            without.len(),
            effects().len(),
            without.join("\n")
        );
        assert!(without.len() <= WITHOUT_EFFECT, "{} fields have no effect", without.len());
    }

    #[test]
    fn every_field_in_effect_is_a_field_of_the_types() {
        for known in IN_EFFECT {
            let named = effects().iter().any(|effect| {
                effect
                    .path
                    .strip_prefix(known)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            });
            assert!(named, "{known} is no field");
        }
    }
}
