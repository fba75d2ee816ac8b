//! A condition over several named values, as admission webhooks have them.
//!
//! In: an expression and the names that it may use, later the values. Out: yes or no.
//! Holds: a condition that names something else is refused when it is written; each look has the budget of one object.

use cel::{Context, IdedExpr, Value as Cel};
use serde_json::Value;

use super::{Budget, ENV, compile, convert, library};
use crate::deep;

const NO_THREAD: &str = "the machine has no thread left for it: try again";

/// An expression that says yes or no.
#[derive(Debug)]
pub struct Condition {
    text: String,
    expression: IdedExpr,
}

impl Condition {
    /// Reads an expression over `names`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let read = deep::run(|| compile::over(text, names));
        let expression = read.unwrap_or_else(|| Err(NO_THREAD.to_owned()))?;
        Ok(Self { text: text.to_owned(), expression })
    }

    /// Whether it holds for these values; a name that is left out is null.
    ///
    /// # Errors
    /// Why it says neither yes nor no.
    pub fn holds(&self, values: &[(&str, &Value)]) -> Result<bool, String> {
        deep::run(|| self.look(values)).unwrap_or_else(|| Err(NO_THREAD.to_owned()))
    }

    fn look(&self, values: &[(&str, &Value)]) -> Result<bool, String> {
        let budget = Budget::new();
        let mut context = Context::with_env(ENV.clone());
        library::functions(&mut context, &budget);
        for (name, value) in values {
            context.add_variable_from_value(*name, convert::value(None, value));
        }
        match context.resolve(&self.expression) {
            Ok(Cel::Bool(holds)) => Ok(holds),
            Ok(_) => Err(format!("`{}` does not say true or false", self.text)),
            Err(_) if budget.is_spent() => Err(format!("`{}` takes too long", self.text)),
            Err(error) => Err(format!("`{}` cannot be evaluated: {error}", self.text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAMES: [&str; 2] = ["object", "request"];

    #[test]
    fn a_condition_looks_at_named_values_as_they_are() {
        let object = json!({"metadata": {"labels": {"app.io/tier": "web"}}, "spec": {"n": 3}});
        let request = json!({"userInfo": {"groups": ["dev", "ops"]}});
        let look = |text: &str| {
            let values = [("object", &object), ("request", &request)];
            Condition::parse(text, &NAMES).and_then(|condition| condition.holds(&values))
        };
        assert_eq!(look("object.metadata.labels['app.io/tier'] == 'web'"), Ok(true));
        assert_eq!(look("'ops' in request.userInfo.groups && object.spec.n > 3"), Ok(false));
        assert_eq!(look("has(object.spec.missing)"), Ok(false));
        assert!(look("object.spec.n").unwrap_err().contains("true or false"));
        assert!(look("object.spec.missing == 1").unwrap_err().contains("cannot be evaluated"));
    }

    #[test]
    fn a_condition_that_names_something_else_is_refused_when_it_is_read() {
        let refused = |text: &str| Condition::parse(text, &NAMES).unwrap_err();
        assert!(refused("self.spec.n == 1").contains("use object, request"));
        assert!(refused("object.spec.(").contains("not an expression"));
    }
}
