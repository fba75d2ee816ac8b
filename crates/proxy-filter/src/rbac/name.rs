//! What a compiled policy was made of, read back from its name.
//!
//! In: a name such as `ns[payments]-policy[callers]-rule[0]`. Out: the object and the number of its rule.
//! Holds: a name of another form is the policy's, as it is. Why the name: xDS has no other place for it, in Istio as here.

/// Ends the name of a rule that denies because nobody can be asked; Istio's word.
const UNASKABLE: &str = "-deny-due-to-bad-CUSTOM-action";

/// A rule of an AuthorizationPolicy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuleName {
    /// `NAMESPACE/NAME` of the policy.
    pub policy: String,
    /// Which of its rules, from 0.
    pub rule: Option<usize>,
}

impl RuleName {
    /// Reads the name of a compiled policy.
    #[must_use]
    pub fn read(compiled: &str) -> Self {
        Self::parts(compiled).unwrap_or_else(|| Self { policy: compiled.to_owned(), rule: None })
    }

    /// The name without what stands around it where somebody else is asked (CUSTOM).
    #[must_use]
    pub fn bare(compiled: &str) -> &str {
        let name = compiled.strip_suffix(UNASKABLE).unwrap_or(compiled);
        name.rfind("ns[").and_then(|at| name.get(at..)).unwrap_or(name)
    }

    fn parts(compiled: &str) -> Option<Self> {
        let (namespace, rest) =
            Self::bare(compiled).strip_prefix("ns[")?.split_once("]-policy[")?;
        let (name, rule) = rest.split_once("]-rule[")?;
        let rule = rule.strip_suffix(']')?.parse().ok()?;
        Some(Self { policy: format!("{namespace}/{name}"), rule: Some(rule) })
    }
}

impl std::fmt::Display for RuleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.rule {
            Some(rule) => write!(f, "rule {rule} of {}", self.policy),
            None => f.write_str(&self.policy),
        }
    }
}
