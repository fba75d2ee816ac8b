//! Which rule of which policy decided.
//!
//! In: an answer. Out: names of rules. Holds: what decides is told by steps of the trace that end in a verdict; a rule that
//! was only considered decides nothing.

use serde_json::Value;

/// A rule of an AuthorizationPolicy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) number: usize,
}

impl Rule {
    /// `rule NUMBER of NAMESPACE/NAME`, or as filters name it: `ns[NAMESPACE]-policy[NAME]-rule[NUMBER]`.
    fn read(text: &str) -> Option<Self> {
        let (namespace, name, number) = match text.strip_prefix("rule ") {
            Some(rest) => {
                let (number, policy) = rest.split_once(" of ")?;
                let (namespace, name) = policy.split_once('/')?;
                (namespace, name, number)
            }
            None => {
                let (namespace, rest) = text.strip_prefix("ns[")?.split_once("]-policy[")?;
                let (name, rest) = rest.split_once("]-rule[")?;
                (namespace, name, rest.strip_suffix(']')?)
            }
        };
        let number = number.parse().ok()?;
        Some(Self { namespace: namespace.to_owned(), name: name.to_owned(), number })
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} rules[{}]", self.namespace, self.name, self.number)
    }
}

fn steps(answer: &Value) -> impl DoubleEndedIterator<Item = &str> {
    let all = answer["trace"].as_array().map_or(&[][..], Vec::as_slice).iter();
    all.filter(|step| step["step"] == "policy").filter_map(|step| step["why"].as_str())
}

/// The rules that decided, one for each filter that had one.
pub(crate) fn deciding(answer: &Value) -> Vec<Rule> {
    let verdict = |why: &str| {
        let who = why.strip_suffix(" allows it").or_else(|| why.strip_suffix(" denies it"))?;
        Rule::read(who)
    };
    steps(answer).filter_map(verdict).collect()
}

/// The rule that denied; `None` when no rule did.
pub(crate) fn denying(answer: &Value) -> Option<Rule> {
    let last = steps(answer).next_back().filter(|_| answer["outcome"] == "denied")?;
    Rule::read(last.strip_suffix(" denies it")?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_rule_that_denied_is_told_apart_from_those_that_allowed() {
        let allowed = json!({"step": "policy", "why": "ns[a]-policy[b]-rule[1] allows it"});
        let denied = json!({"step": "policy", "why": "rule 0 of a/c denies it"});
        let none = json!({"step": "policy", "why": "there are policies that allow, and none does"});
        let by = |steps: &[&Value]| {
            let rule = denying(&json!({"outcome": "denied", "trace": steps}));
            rule.map(|rule| rule.to_string())
        };
        assert_eq!(by(&[&denied]), Some("a/c rules[0]".to_owned()));
        assert_eq!(by(&[&allowed, &none]), None);
        assert_eq!(deciding(&json!({"trace": [allowed, denied]})).len(), 2);
    }
}
