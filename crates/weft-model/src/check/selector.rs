//! Rules of selectors of labels.

use weft_api::selector::{Operator, Requirement, Selector};

use super::{Findings, labels};

pub(crate) fn check(selector: &Selector, findings: &mut Findings) {
    let Selector { match_labels, match_expressions } = selector;
    labels::check("matchLabels", match_labels, findings);
    findings.each("matchExpressions", match_expressions, |condition, findings| {
        let Requirement { key, operator, values } = condition;
        labels::key("key", key, findings);
        let listed = matches!(operator, Operator::In | Operator::NotIn);
        if listed && values.is_empty() {
            let what = format!("is empty, and operator {} needs values", operator.as_str());
            findings.error_in("values", what, "add values, or use Exists");
        }
        if !listed && !values.is_empty() {
            let what = format!("does not go with operator {}", operator.as_str());
            findings.error_in("values", what, "remove it, or use In");
        }
    });
}
