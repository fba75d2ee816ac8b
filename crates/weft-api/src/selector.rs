//! Selection of objects by their labels, as Kubernetes' own kinds write it.

use std::collections::BTreeMap;

use crate::read::{record, words};

words! {
    /// How the value of a label is compared.
    Operator {
        /// It is one of the values.
        In = "In",
        /// It is none of the values, or absent.
        NotIn = "NotIn",
        /// It is there.
        Exists = "Exists",
        /// It is absent.
        DoesNotExist = "DoesNotExist",
    }
}

record! {
    /// Which objects, by their labels. All conditions must hold; without any, every object is selected.
    Selector {
        /// Labels that an object must carry.
        "matchLabels" match_labels: BTreeMap<String, String>,
        /// Further conditions on labels.
        "matchExpressions" match_expressions: Vec<Requirement>,
    }
}

record! {
    /// A condition on one label.
    Requirement {
        /// Key of the label.
        "key" key: String = [Required],
        /// In, NotIn, Exists or DoesNotExist.
        "operator" operator: Operator = [Required],
        /// Values for In and NotIn.
        "values" values: Vec<String>,
    }
}

impl Selector {
    /// Whether it names no condition, and so selects everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// Whether an object with these labels is selected.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|condition| condition.holds(labels))
    }
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let listed = || value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            Operator::In => listed(),
            Operator::NotIn => !listed(),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_is_honoured() {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let holds = |key: &str, operator, values: &[&str]| {
            let values = values.iter().map(|v| (*v).to_owned()).collect();
            Requirement { key: key.to_owned(), operator, values }.holds(&labels)
        };
        assert!(holds("app", Operator::In, &["api", "web"]));
        assert!(!holds("app", Operator::NotIn, &["web"]));
        assert!(holds("tier", Operator::NotIn, &["web"]));
        assert!(holds("app", Operator::Exists, &[]));
        assert!(holds("tier", Operator::DoesNotExist, &[]));
    }
}
