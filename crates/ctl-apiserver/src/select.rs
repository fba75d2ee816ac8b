//! Label and field selectors.
//!
//! In: the query's text. Out: does an object match?
//! Holds: a selector that cannot be read refuses the request; it never means "everything".

use serde_json::Value;

/// One condition on a label.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Label {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// Both selectors of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    labels: Vec<Label>,
    /// Path, value, and whether they must be equal.
    fields: Vec<(String, String, bool)>,
}

const SELECTABLE: [&str; 12] = [
    "metadata.name",
    "metadata.namespace",
    "status.phase",
    "status.podIP",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.clusterIP",
    "spec.type",
    "type",
    "reason",
    "reportingComponent",
];

impl Selector {
    /// Reads both; `own` are the fields that the kind adds to those that can be selected by.
    pub(crate) fn parse(labels: &str, fields: &str, own: &[String]) -> Result<Self, String> {
        let labels = terms(labels).into_iter().map(label).collect::<Result<_, _>>()?;
        let fields =
            terms(fields).into_iter().map(|term| field(term, own)).collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let value = |key: &str| labels.get(key).and_then(Value::as_str);
        let one_of = |key: &str, values: &[String]| {
            value(key).is_some_and(|v| values.iter().any(|known| known == v))
        };
        self.labels.iter().all(|label| match label {
            Label::In(key, values) => one_of(key, values),
            Label::NotIn(key, values) => !one_of(key, values),
            Label::Exists(key) => value(key).is_some(),
            Label::Absent(key) => value(key).is_none(),
        }) && self
            .fields
            .iter()
            .all(|(path, wanted, equal)| (at(object, path) == *wanted) == *equal)
    }
}

fn at(object: &Value, path: &str) -> String {
    let found = path.split('.').fold(object, |value, part| &value[part]);
    match found {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Splits at commas outside brackets.
fn terms(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let split = text.split(move |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    split.map(str::trim).filter(|term| !term.is_empty()).collect()
}

fn label(term: &str) -> Result<Label, String> {
    let bad = || format!("unreadable label selector {term:?}");
    if let Some(key) = term.strip_prefix('!') {
        return Ok(Label::Absent(name(key).ok_or_else(bad)?));
    }
    if let Some((head, list)) = term.split_once('(') {
        let values = list.strip_suffix(')').ok_or_else(bad)?;
        let values = values.split(',').map(|v| v.trim().to_owned()).collect();
        return match head.split_whitespace().collect::<Vec<_>>()[..] {
            [key, "in"] => Ok(Label::In(name(key).ok_or_else(bad)?, values)),
            [key, "notin"] => Ok(Label::NotIn(name(key).ok_or_else(bad)?, values)),
            _ => Err(bad()),
        };
    }
    if equation(term).is_some_and(|(_, value, _)| !is_value(value)) {
        return Err(bad());
    }
    match equation(term) {
        Some((key, value, true)) => {
            Ok(Label::In(name(key).ok_or_else(bad)?, vec![value.to_owned()]))
        }
        Some((key, value, false)) => {
            Ok(Label::NotIn(name(key).ok_or_else(bad)?, vec![value.to_owned()]))
        }
        None => Ok(Label::Exists(name(term).ok_or_else(bad)?)),
    }
}

/// Could a label have this value?
fn is_value(text: &str) -> bool {
    text.len() <= 63 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn field(term: &str, own: &[String]) -> Result<(String, String, bool), String> {
    let (path, value, equal) =
        equation(term).ok_or_else(|| format!("unreadable field selector {term:?}"))?;
    let own = own.iter().any(|field| field == path);
    if !own && !SELECTABLE.contains(&path) && !path.starts_with("involvedObject.") {
        return Err(format!("field {path:?} cannot be selected by"));
    }
    Ok((path.to_owned(), value.to_owned(), equal))
}

fn equation(term: &str) -> Option<(&str, &str, bool)> {
    let (left, right, equal) = if let Some((left, right)) = term.split_once("!=") {
        (left, right, false)
    } else if let Some((left, right)) = term.split_once("==") {
        (left, right, true)
    } else {
        let (left, right) = term.split_once('=')?;
        (left, right, true)
    };
    Some((left.trim(), right.trim(), equal))
}

fn name(key: &str) -> Option<String> {
    let key = key.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!key.is_empty() && key.chars().all(fits)).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::Selector;
    use serde_json::json;

    #[test]
    fn selectors_select() {
        let pod = json!({ "metadata": { "name": "a", "labels": { "app": "x", "tier": "web" } },
            "status": { "phase": "Running" } });
        let check = |labels, fields| Selector::parse(labels, fields, &[]).unwrap().matches(&pod);
        assert!(check("app=x,tier in (web, db),!old,tier", "status.phase=Running"));
        assert!(check("app!=y,tier notin (db)", "metadata.name!=b"));
        assert!(!check("app in (y,z)", ""));
        assert!(!check("", "status.phase=Pending"));
        assert!(Selector::parse("a=b=(c", "", &[]).is_err());
        assert!(Selector::parse("a=b=c", "", &[]).is_err());
        assert!(Selector::parse("", "spec.color=red", &[]).is_err());
    }
}
