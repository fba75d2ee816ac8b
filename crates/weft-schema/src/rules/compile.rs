//! From the text of a rule to an expression that is safe to run.
//!
//! Holds: what is selected of `self` is in the schema; each comprehension pays for the elements that it visits.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};
use cel::{Context, ExecutionError, IdedExpr};

use super::{Budget, ENV, library};
use crate::node::{Kind, Node, Step};

/// The longest expression, and the deepest.
const LONGEST: usize = 10_000;
const DEEPEST: usize = 80;
/// The function that pays for the elements of a list; no user can write this name.
pub(super) const PAY: &str = "@pay";

/// Compiles a rule of the place `node`.
pub(super) fn rule(text: &str, node: &Node) -> Result<IdedExpr, String> {
    compiled(text, Scope { node: Some(node), names: Vec::new() })
}

/// Compiles an expression over values of any form that have these names.
pub(super) fn over(text: &str, names: &[&str]) -> Result<IdedExpr, String> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    compiled(text, Scope { node: None, names })
}

fn compiled(text: &str, mut scope: Scope<'_>) -> Result<IdedExpr, String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes: split it into several rules"));
    }
    if nesting(text) > DEEPEST * 8 {
        return Err("is nested too deeply: split it into several rules".to_owned());
    }
    let parser = ENV.parser().max_recursion_depth(64);
    let mut expression = parser.parse(text).map_err(|errors| {
        let first = errors.to_string().lines().next().unwrap_or_default().to_owned();
        format!("is not an expression: {}", first.trim_start_matches("ERROR: "))
    })?;
    if depth(&expression) > DEEPEST {
        return Err("is nested too deeply: split it into several rules".to_owned());
    }
    scope.expression(&expression)?;
    metered(&mut expression);
    Ok(expression)
}

/// Marks that make an expression deeper: more of them than a stack bears are refused before parsing.
fn nesting(text: &str) -> usize {
    text.bytes().filter(|b| b"([{?+-*/%!<>=&|.".contains(b)).count()
}

/// Does it use this name?
pub(super) fn uses(expression: &IdedExpr, name: &str) -> bool {
    expression.references().has_variable(name)
}

fn depth(expression: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut left = vec![(expression, 1)];
    while let Some((expression, depth)) = left.pop() {
        deepest = deepest.max(depth);
        left.extend(children(&expression.expr).into_iter().map(|child| (child, depth + 1)));
    }
    deepest
}

fn children(expression: &Expr) -> Vec<&IdedExpr> {
    match expression {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(loops) => vec![
            &loops.iter_range,
            &loops.accu_init,
            &loops.loop_cond,
            &loops.loop_step,
            &loops.result,
        ],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| sides(&entry.expr)).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Struct(made) => made.entries.iter().flat_map(|entry| sides(&entry.expr)).collect(),
    }
}

fn sides(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

/// Makes each comprehension pay for its range.
fn metered(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Call(call) => {
            call.target.as_deref_mut().into_iter().chain(&mut call.args).for_each(metered)
        }
        Expr::Comprehension(loops) => {
            for part in [
                &mut loops.iter_range,
                &mut loops.accu_init,
                &mut loops.loop_cond,
                &mut loops.loop_step,
                &mut loops.result,
            ] {
                metered(part);
            }
            let range = std::mem::take(&mut loops.iter_range);
            let id = range.id;
            let pay = CallExpr { func_name: PAY.to_owned(), target: None, args: vec![range] };
            loops.iter_range = IdedExpr { id, expr: Expr::Call(pay) };
        }
        Expr::List(list) => list.elements.iter_mut().for_each(metered),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| metered_entry(&mut entry.expr)),
        Expr::Select(select) => metered(&mut select.operand),
        Expr::Struct(made) => {
            made.entries.iter_mut().for_each(|entry| metered_entry(&mut entry.expr))
        }
    }
}

fn metered_entry(entry: &mut EntryExpr) {
    match entry {
        EntryExpr::StructField(field) => metered(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            metered(&mut entry.key);
            metered(&mut entry.value);
        }
    }
}

/// The names that are known at a place of an expression.
struct Scope<'a> {
    /// What `self` and `oldSelf` are, where there are such.
    node: Option<&'a Node>,
    names: Vec<String>,
}

impl<'a> Scope<'a> {
    /// Checks names; the place of the schema that the expression stands for, where that is known.
    fn expression(&mut self, expression: &IdedExpr) -> Result<Option<&'a Node>, String> {
        match &expression.expr {
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => match self.unless_library(&select.operand)? {
                Some(node) => selected(node, &select.field),
                None => Ok(None),
            },
            Expr::Comprehension(loops) => self.comprehension(loops),
            Expr::Call(call) => {
                known_call(call)?;
                if let Some(target) = &call.target {
                    self.unless_library(target)?;
                }
                self.all(call.args.iter())
            }
            Expr::Unspecified
            | Expr::Literal(_)
            | Expr::List(_)
            | Expr::Map(_)
            | Expr::Struct(_) => self.all(children(&expression.expr).into_iter()),
        }
    }

    fn all<'e>(
        &mut self,
        parts: impl Iterator<Item = &'e IdedExpr>,
    ) -> Result<Option<&'a Node>, String> {
        for part in parts {
            self.expression(part)?;
        }
        Ok(None)
    }

    fn name(&self, name: &String) -> Result<Option<&'a Node>, String> {
        match name.as_str() {
            "self" | "oldSelf" if self.node.is_some() => Ok(self.node),
            known if self.names.contains(name) || is_word(known) => Ok(None),
            _ if self.node.is_some() => {
                Err(format!("names {name}, which is not known here: use self and oldSelf"))
            }
            _ => {
                let known = self.names.join(", ");
                Err(format!("names {name}, which is not known here: use {known}"))
            }
        }
    }

    /// What stands before a dot may be a name of the library, e.g. `sets.contains`.
    fn unless_library(&mut self, operand: &IdedExpr) -> Result<Option<&'a Node>, String> {
        match &operand.expr {
            Expr::Ident(name) if is_library(name) => Ok(None),
            _ => self.expression(operand),
        }
    }

    fn comprehension(&mut self, loops: &ComprehensionExpr) -> Result<Option<&'a Node>, String> {
        self.expression(&loops.iter_range)?;
        let known = self.names.len();
        self.names.extend([loops.iter_var.clone(), loops.accu_var.clone()]);
        self.names.extend(loops.iter_var2.clone());
        self.all(
            [&loops.accu_init, &loops.loop_cond, &loops.loop_step, &loops.result].into_iter(),
        )?;
        self.names.truncate(known);
        Ok(None)
    }
}

/// Refuses calls of functions that are not there, which would else fail for every object.
fn known_call(call: &CallExpr) -> Result<(), String> {
    const MACROS: [&str; 7] = ["has", "all", "exists", "exists_one", "existsOne", "map", "filter"];
    let name = match call.target.as_deref().map(|target| &target.expr) {
        Some(Expr::Ident(library)) if is_library(library) => {
            format!("{library}.{}", call.func_name)
        }
        _ => call.func_name.clone(),
    };
    if MACROS.contains(&name.as_str()) {
        let given = call.args.len();
        return Err(format!("calls {name} with {given} arguments, which is not supported here"));
    }
    let is_operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_operator || is_declared(&name) {
        return Ok(());
    }
    Err(format!("calls {name}, which is not known here: see docs/api.md for the functions"))
}

/// Asks by calling it with nothing: what is there complains of its arguments.
fn is_declared(name: &str) -> bool {
    let mut context = Context::with_env(ENV.clone());
    library::functions(&mut context, &Budget::new());
    let call = |target: Option<Box<IdedExpr>>| {
        let call = CallExpr { func_name: name.to_owned(), target, args: Vec::new() };
        let called = context.resolve(&IdedExpr { id: 0, expr: Expr::Call(call) });
        !matches!(called, Err(ExecutionError::UndeclaredReference(_)))
    };
    let nothing = IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::Null) };
    call(None) || call(Some(Box::new(nothing)))
}

fn selected<'a>(node: &'a Node, field: &str) -> Result<Option<&'a Node>, String> {
    let name = super::convert::unescaped(field);
    match node.field(&name) {
        _ if !matches!(node.kind, Kind::Object) => {
            if matches!(node.kind, Kind::Any | Kind::IntOrText) || node.preserve {
                return Ok(None);
            }
            Err(format!("selects {field} of what is {}: it has no fields", node.kind.in_words()))
        }
        Step::Node(next) => Ok(Some(next)),
        Step::Free => Ok(None),
        Step::Unknown => {
            let near = crate::similar(&name, node.fields.keys().map(String::as_str));
            let hint = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
            Err(format!("selects {field}, which the schema does not have{hint}"))
        }
    }
}

/// Names of types and constants.
fn is_word(name: &str) -> bool {
    const TYPES: [&str; 12] = [
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "bool",
        "list",
        "map",
        "null_type",
        "type",
        "dyn",
        "optional_type",
    ];
    TYPES.contains(&name)
        || name.starts_with('@')
        || name.starts_with("google.")
        || is_library(name)
}

fn is_library(name: &str) -> bool {
    matches!(name, "optional" | "sets" | "strings" | "lists" | "math" | "ip" | "cidr" | "google")
}
