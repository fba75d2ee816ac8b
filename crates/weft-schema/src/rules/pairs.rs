//! `all`, `exists` and `existsOne` over keys and values of a map, or places and elements of a list.
//!
//! In: the call as it was written. Out: a comprehension over the keys, in which the value is bound to its name.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators,
};
use cel::parser::Macro;
use cel::{DeclarationError, Env};

/// The function that makes keys of a map or a list; no user can write this name.
pub(super) const KEYS: &str = "@keys";
const RESULT: &str = "@result";

/// Adds the forms with two variables.
pub(super) fn macros(env: &mut Env) -> Result<(), DeclarationError> {
    for (name, form) in [
        ("all", Form::All),
        ("exists", Form::Exists),
        ("existsOne", Form::One),
        ("exists_one", Form::One),
    ] {
        env.add_macro(Macro::receiver(name, 3, move |_, target, args| {
            let (Some(target), [key, value, test]) = (target.take(), args.as_slice()) else {
                return Ok(None);
            };
            let (Expr::Ident(key), Expr::Ident(value)) = (&key.expr, &value.expr) else {
                return Ok(None);
            };
            Ok(Some(form.over(&target, key, value, test)))
        }))?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Form {
    All,
    Exists,
    One,
}

impl Form {
    fn over(self, target: &IdedExpr, key: &str, value: &str, test: &IdedExpr) -> IdedExpr {
        let at = call(operators::INDEX, vec![target.clone(), ident(key)]);
        let test = bound(value, at, test.clone());
        let (start, goes_on, step, result) = match self {
            Self::All => (
                truth(true),
                call(operators::NOT_STRICTLY_FALSE, vec![ident(RESULT)]),
                call(operators::LOGICAL_AND, vec![ident(RESULT), test]),
                ident(RESULT),
            ),
            Self::Exists => (
                truth(false),
                call(
                    operators::NOT_STRICTLY_FALSE,
                    vec![call(operators::LOGICAL_NOT, vec![ident(RESULT)])],
                ),
                call(operators::LOGICAL_OR, vec![ident(RESULT), test]),
                ident(RESULT),
            ),
            Self::One => {
                let more = call(operators::ADD, vec![ident(RESULT), number(1)]);
                let step = call(operators::CONDITIONAL, vec![test, more, ident(RESULT)]);
                (
                    number(0),
                    truth(true),
                    step,
                    call(operators::EQUALS, vec![ident(RESULT), number(1)]),
                )
            }
        };
        made(Expr::Comprehension(Box::new(ComprehensionExpr {
            iter_range: call(KEYS, vec![target.clone()]),
            iter_var: key.to_owned(),
            iter_var2: None,
            accu_var: RESULT.to_owned(),
            accu_init: start,
            loop_cond: goes_on,
            loop_step: step,
            result,
        })))
    }
}

/// `inner`, in which `name` stands for `value`.
fn bound(name: &str, value: IdedExpr, inner: IdedExpr) -> IdedExpr {
    made(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: made(Expr::List(ListExpr::new(Vec::new()))),
        iter_var: "#unused".to_owned(),
        iter_var2: None,
        accu_var: name.to_owned(),
        accu_init: value,
        loop_cond: truth(false),
        loop_step: ident(name),
        result: inner,
    })))
}

fn made(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

fn ident(name: &str) -> IdedExpr {
    made(Expr::Ident(name.to_owned()))
}

fn call(name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    made(Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }))
}

fn truth(value: bool) -> IdedExpr {
    made(Expr::Literal(LiteralValue::Boolean(value.into())))
}

fn number(value: i64) -> IdedExpr {
    made(Expr::Literal(LiteralValue::Int(value.into())))
}
