//! Paths of printer columns: the part of JSONPath that leads to values of an object.

use serde_json::Value;

/// Steps of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    /// Elements whose field at the path compares so; without a comparison, that have the field.
    Where(JsonPath, Option<(Compare, Value)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const COMPARISONS: [(&str, Compare); 6] = [
    ("==", Compare::Equal),
    ("!=", Compare::Unequal),
    ("<=", Compare::LessOrEqual),
    (">=", Compare::GreaterOrEqual),
    ("<", Compare::Less),
    (">", Compare::Greater),
];

impl JsonPath {
    /// Reads a path like `.spec.hosts[0]` or `.status.conditions[?(@.type=="Ready")].status`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bad = |why: &str| {
            format!(
                "{text:?} {why}: write it like .spec.name or .status.conditions[?(@.type==\"Ready\")].status"
            )
        };
        if !text.starts_with(['.', '[']) {
            return Err(bad("must start with a dot"));
        }
        let (mut steps, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let end = close(inner).ok_or_else(|| bad("has an open bracket"))?;
                steps.push(
                    bracket(&inner[..end])
                        .ok_or_else(|| bad("has a bracket that is not understood"))?,
                );
                rest = &inner[end + 1..];
                continue;
            }
            let inner = rest.strip_prefix('.').ok_or_else(|| bad("lacks a dot"))?;
            let (name, after) = name(inner);
            match name.as_str() {
                "" if after.starts_with('[') && steps.is_empty() => {}
                "" => return Err(bad("has an empty step")),
                "*" => steps.push(Step::All),
                _ => steps.push(Step::Field(name)),
            }
            rest = after;
        }
        Ok(Self(steps))
    }

    /// Every value that the path leads to.
    pub(crate) fn find<'a>(&self, object: &'a Value) -> Vec<&'a Value> {
        self.0.iter().fold(vec![object], |values, step| {
            values.into_iter().flat_map(|value| step.of(value)).collect()
        })
    }
}

/// A field's name; `\.` is a dot in it.
fn name(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => name.extend(letters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[at..]),
            _ => name.push(letter),
        }
    }
    (name, "")
}

/// Where the bracket ends, quotes and inner brackets left aside.
fn close(text: &str) -> Option<usize> {
    let (mut quote, mut depth) = (None, 0);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    let text = text.trim();
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(inner) = text.strip_prefix("?(").and_then(|t| t.strip_suffix(')')) {
        return filter(inner);
    }
    match text.parse() {
        Ok(index) => Some(Step::Index(index)),
        Err(_) => quoted(text).map(Step::Field),
    }
}

fn quoted(text: &str) -> Option<String> {
    let inside = |quote: char| text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).map(str::to_owned)
}

fn filter(text: &str) -> Option<Step> {
    let found = COMPARISONS.iter().find_map(|(sign, compare)| {
        text.split_once(sign).map(|(left, right)| (left, right.trim(), *compare))
    });
    let path = |text: &str| JsonPath::parse(text.trim().strip_prefix('@')?).ok();
    let Some((left, right, compare)) = found else { return Some(Step::Where(path(text)?, None)) };
    let wanted = quoted(right).map(Value::String).or_else(|| serde_json::from_str(right).ok())?;
    Some(Step::Where(path(left)?, Some((compare, wanted))))
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let items = || value.as_array().into_iter().flatten();
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => {
                let length = value.as_array().map_or(0, Vec::len);
                let from_end = i64::try_from(length).unwrap_or(i64::MAX) + index;
                let at = if *index < 0 { from_end } else { *index };
                usize::try_from(at).ok().and_then(|at| value.get(at)).into_iter().collect()
            }
            Self::All => match value {
                Value::Object(fields) => fields.values().collect(),
                _ => items().collect(),
            },
            Self::Where(path, wanted) => items()
                .filter(|item| {
                    path.find(item).into_iter().any(|found| {
                        wanted.as_ref().is_none_or(|(compare, wanted)| compare.holds(found, wanted))
                    })
                })
                .collect(),
        }
    }
}

impl Compare {
    fn holds(self, found: &Value, wanted: &Value) -> bool {
        let order = match (found, wanted) {
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Value::Number(a), Value::Number(b)) => {
                a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b))
            }
            _ => None,
        };
        match self {
            Self::Equal => found == wanted || order.is_some_and(std::cmp::Ordering::is_eq),
            Self::Unequal => found != wanted,
            Self::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Self::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::JsonPath;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(path: &str, expected: &Value) {
        let object = json!({ "spec": { "hosts": ["a", "b"], "n": 3, "x.y/z": { "q": 1 } },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }, { "type": "Live", "status": "False", "n": 5 }] } });
        let found =
            JsonPath::parse(path).unwrap().find(&object).into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(json!(found), *expected, "{path}");
    }

    #[test]
    fn paths_lead_to_values() {
        check(".spec.n", &json!([3]));
        check(".spec.hosts", &json!([["a", "b"]]));
        check(".spec.hosts[-1]", &json!(["b"]));
        check(".spec.hosts[*]", &json!(["a", "b"]));
        check(r".spec.x\.y/z.q", &json!([1]));
        check(".spec['x.y/z'].q", &json!([1]));
        check(".status.conditions[?(@.type==\"Ready\")].status", &json!(["True"]));
        check(".status.conditions[?(@.type == 'Live')].status", &json!(["False"]));
        check(".status.conditions[?(@.n>4)].type", &json!(["Live"]));
        check(".status.conditions[?(@.n)].type", &json!(["Live"]));
        check(".spec.none.deeper", &json!([]));
        for bad in ["spec", "", ".spec[", ".spec..a", ".a[?(x)]"] {
            assert!(JsonPath::parse(bad).is_err(), "{bad}");
        }
    }
}
