//! Rules in the Common Expression Language (`x-kubernetes-validations`).
//!
//! In: the text of a rule, later a value and the one before. Out: a compiled rule; faults.
//! Holds: a rule that names a field which the schema does not have is refused when it is written, not when it is run.
//! Holds: all rules over one object share one budget, and an expression is never deeper than the stack can bear.

mod compile;
pub(crate) mod condition;
mod convert;
mod library;
mod pairs;
pub(crate) mod url;
mod walk;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, IdedExpr, Value as Cel};
use serde_json::Value;

use crate::name::step;
use crate::node::{Node, Step};
use crate::{Fault, Reason};

pub(crate) use walk::run;

/// Elements that all rules over one object may visit.
const BUDGET: i64 = 1_000_000;

/// One rule, ready to run.
#[derive(Debug)]
pub(crate) struct Rule {
    text: String,
    expression: IdedExpr,
    message: Option<String>,
    message_expression: Option<IdedExpr>,
    reason: Reason,
    /// Where the fault is shown, below the place of the rule.
    field: String,
    transition: bool,
    /// `oldSelf` is an optional value, and the rule is run on new objects too.
    optional_old: bool,
}

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // Each adds names that the standard library does not have; were one refused, rules that use it would be refused.
    for extension in [cel::extensions::strings, cel::extensions::lists] {
        extension(&mut env).ok();
    }
    library::overloads(&mut env).ok();
    pairs::macros(&mut env).ok();
    Arc::new(env)
});

impl Rule {
    /// Reads one rule of the place `node`; on a fault, the keyword and what is wrong with it.
    pub(crate) fn parse(rule: &Value, node: &Node) -> Result<Self, (&'static str, String)> {
        let text = |name: &str| rule.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
        let rule_text =
            text("rule").ok_or(("rule", "is required: write an expression".to_owned()))?;
        let expression = compile::rule(rule_text, node).map_err(|what| ("rule", what))?;
        let message_expression = text("messageExpression")
            .map(|text| compile::rule(text, node))
            .transpose()
            .map_err(|what| ("messageExpression", what))?;
        if text("message").is_none_or(str::is_empty)
            && rule_text.contains('\n')
            && message_expression.is_none()
        {
            return Err(("message", "is required for a rule of several lines".to_owned()));
        }
        Ok(Self {
            transition: compile::uses(&expression, "oldSelf"),
            optional_old: rule.get("optionalOldSelf") == Some(&Value::Bool(true)),
            text: rule_text.to_owned(),
            expression,
            message: text("message").map(str::to_owned),
            message_expression,
            reason: reason(text("reason"))?,
            field: text("fieldPath").map_or(Ok(String::new()), |path| field(path, node))?,
        })
    }

    /// It is about what was before, too.
    pub(crate) fn is_transition(&self) -> bool {
        self.transition
    }
}

fn reason(word: Option<&str>) -> Result<Reason, (&'static str, String)> {
    match word {
        None | Some("FieldValueInvalid") => Ok(Reason::Invalid),
        Some("FieldValueForbidden") => Ok(Reason::Forbidden),
        Some("FieldValueRequired") => Ok(Reason::Required),
        Some("FieldValueDuplicate") => Ok(Reason::Duplicate),
        Some(other) => Err((
            "reason",
            format!(
                "{other:?} is not known: write FieldValueInvalid, FieldValueForbidden, FieldValueRequired or FieldValueDuplicate"
            ),
        )),
    }
}

/// `.spec.a` or `['a.b']` as a JSON pointer, of a field that the schema has.
fn field(path: &str, node: &Node) -> Result<String, (&'static str, String)> {
    let bad =
        |why: &str| ("fieldPath", format!("{path:?} {why}: write it like .spec.name or ['a.b']"));
    let (mut rest, mut at, mut pointer) = (path, Some(node), String::new());
    while !rest.is_empty() {
        let (name, after) = if let Some(inner) = rest.strip_prefix("['") {
            inner.split_once("']").ok_or_else(|| bad("has an open bracket"))?
        } else {
            let inner = rest.strip_prefix('.').ok_or_else(|| bad("does not start with a dot"))?;
            inner.split_at(inner.find(['.', '[']).unwrap_or(inner.len()))
        };
        at = match at.map(|node| node.field(name)) {
            Some(Step::Node(next)) => Some(next),
            Some(Step::Free) | None => None,
            Some(Step::Unknown) => return Err(bad("names a field that the schema does not have")),
        };
        pointer.push_str(&step(name));
        rest = after;
    }
    Ok(pointer)
}

/// What is left of the budget; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<AtomicI64>);

impl Budget {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(BUDGET)))
    }

    /// Takes `cost`; an error once nothing is left.
    fn take(&self, cost: usize) -> Result<(), ExecutionError> {
        let cost = i64::try_from(cost).unwrap_or(i64::MAX / 2);
        if self.0.fetch_sub(cost, Ordering::Relaxed) >= cost {
            return Ok(());
        }
        Err(ExecutionError::function_error("budget", "the rules visit too many elements"))
    }

    fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= 0
    }
}

/// One look of a rule at one value.
struct Look<'a> {
    context: &'a Context<'a, 'static>,
    me: Cel,
    old: Option<Cel>,
}

impl Look<'_> {
    /// The fault, when the value breaks the rule.
    fn fault(&self, rule: &Rule, pointer: &str, budget: &Budget) -> Option<Fault> {
        let mut context = self.context.new_inner_scope();
        context.add_variable_from_value("self", self.me.clone());
        match (&self.old, rule.optional_old) {
            (old, true) => {
                context.add_variable_from_value("oldSelf", optional(self.context, old.clone())?)
            }
            (Some(old), false) => context.add_variable_from_value("oldSelf", old.clone()),
            (None, false) if rule.transition => return None,
            (None, false) => {}
        }
        budget.take(1).ok();
        let told = match context.resolve(&rule.expression) {
            Ok(Cel::Bool(true)) => return None,
            Ok(Cel::Bool(false)) => (rule.told(&context), ""),
            Ok(_) => {
                (format!("the rule `{}` does not say true or false", rule.text), "correct the rule")
            }
            Err(_) if budget.is_spent() => (
                format!("the rules, among them `{}`, take too long to check", rule.text),
                "make the lists shorter, or give them a maxItems and the rule less to do",
            ),
            Err(error) => (
                format!("the rule `{}` cannot be evaluated: {error}", rule.text),
                "set what the rule reads, or guard it with has()",
            ),
        };
        let (what, fix) = (told.0, told.1.to_owned());
        let pointer = format!("{pointer}{}", rule.field);
        Some(Fault { pointer, unknown: false, reason: rule.reason, what, fix })
    }
}

fn optional(context: &Context<'_, 'static>, old: Option<Cel>) -> Option<Cel> {
    let mut scope = context.new_inner_scope();
    let text = if old.is_some() { "optional.of(old)" } else { "optional.none()" };
    scope.add_variable_from_value("old", old.unwrap_or(Cel::Null));
    scope.resolve(&ENV.parser().parse(text).ok()?).ok()
}

impl Rule {
    fn told(&self, context: &Context<'_, 'static>) -> String {
        let computed = self.message_expression.as_ref().and_then(|e| context.resolve(e).ok());
        match computed {
            Some(Cel::String(text)) if !text.trim().is_empty() => text.to_string(),
            _ => self.message.clone().unwrap_or_else(|| format!("breaks the rule `{}`", self.text)),
        }
    }
}

#[cfg(test)]
mod tests;
