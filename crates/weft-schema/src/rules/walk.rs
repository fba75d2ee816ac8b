//! Runs every rule of a schema over a value.
//!
//! Holds: the value before is found by name, and in a list by the keys of its elements; where it cannot be found, rules
//! about changes are not run.

use cel::Context;
use serde_json::{Map, Value};

use super::{Budget, ENV, Look, Rule, convert, library};
use crate::name::step;
use crate::node::{ListKind, Node, Step};
use crate::{Fault, Reason, deep};

/// Faults told of at once.
const MOST_FAULTS: usize = 50;

/// Runs all rules; `old` is the value before.
pub(crate) fn run(root: &Node, value: &Value, old: Option<&Value>) -> Vec<Fault> {
    deep::run(|| run_here(root, value, old)).unwrap_or_else(|| {
        let what =
            "the rules cannot be checked now: the machine has no thread left for it".to_owned();
        let (pointer, fix) = (String::new(), "try again".to_owned());
        vec![Fault { pointer, unknown: false, reason: Reason::Invalid, what, fix }]
    })
}

fn run_here(root: &Node, value: &Value, old: Option<&Value>) -> Vec<Fault> {
    let budget = Budget::new();
    let mut context = Context::with_env(ENV.clone());
    library::functions(&mut context, &budget);
    let mut walk = Walk { context: &context, budget: &budget, faults: Vec::new() };
    walk.node(root, value, old, "");
    walk.faults
}

struct Walk<'a> {
    context: &'a Context<'a, 'static>,
    budget: &'a Budget,
    faults: Vec<Fault>,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, value: &Value, old: Option<&Value>, pointer: &str) {
        if !node.ruled || value.is_null() || self.faults.len() >= MOST_FAULTS {
            return;
        }
        if !node.rules.is_empty() {
            self.look(node, value, old, pointer);
        }
        match value {
            Value::Object(fields) => self.fields(node, fields, old, pointer),
            Value::Array(items) => {
                let Some(next) = node.items.as_deref() else { return };
                for (at, item) in items.iter().enumerate() {
                    let before = old.and_then(|old| same(node, item, old));
                    self.node(next, item, before, &format!("{pointer}/{at}"));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn fields(
        &mut self,
        node: &Node,
        fields: &Map<String, Value>,
        old: Option<&Value>,
        pointer: &str,
    ) {
        for (name, inner) in fields {
            if let Step::Node(next) = node.field(name) {
                let before = old.and_then(|old| old.get(name)).filter(|old| !old.is_null());
                self.node(next, inner, before, &format!("{pointer}{}", step(name)));
            }
        }
    }

    fn look(&mut self, node: &Node, value: &Value, old: Option<&Value>, pointer: &str) {
        // What was wrong before and stayed as it is is tolerated; only rules about changes still have a say.
        let stayed = old == Some(value);
        let rules: Vec<&Rule> =
            node.rules.iter().filter(|rule| !stayed || rule.is_transition()).collect();
        if rules.is_empty() {
            return;
        }
        let look = Look {
            context: self.context,
            me: convert::value(Some(node), value),
            old: old.map(|old| convert::value(Some(node), old)),
        };
        for rule in rules {
            if self.budget.is_spent() && !self.faults.is_empty() {
                return;
            }
            self.faults.extend(look.fault(rule, pointer, self.budget));
        }
    }
}

/// The element before, by the keys of the list.
fn same<'a>(node: &Node, item: &Value, old: &'a Value) -> Option<&'a Value> {
    let ListKind::Map(keys) = &node.list else { return None };
    let fits = |before: &&Value| keys.iter().all(|key| before.get(key) == item.get(key));
    old.as_array()?.iter().find(fits)
}
