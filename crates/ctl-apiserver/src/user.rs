//! Who does something.

use serde_json::{Value, json};

/// A name and its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

impl Default for User {
    /// The control plane itself.
    fn default() -> Self {
        let groups = ["system:masters", "system:authenticated"].map(str::to_owned).into();
        Self { name: "system:weft".to_owned(), groups }
    }
}

impl User {
    /// The admin and the node may do everything; all others, service accounts among them, may read, and no secrets.
    pub(crate) fn is_trusted(&self) -> bool {
        self.groups.iter().any(|group| matches!(group.as_str(), "system:masters" | "system:nodes"))
    }

    /// The user of this name who is in these groups and in those that the name brings.
    pub(crate) fn named(name: &str, mut groups: Vec<String>) -> Self {
        if let Some((namespace, _)) =
            name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'))
        {
            groups.push("system:serviceaccounts".to_owned());
            groups.push(format!("system:serviceaccounts:{namespace}"));
        }
        groups.push("system:authenticated".to_owned());
        Self { name: name.to_owned(), groups }
    }

    /// As reviews show it.
    pub(crate) fn info(&self) -> Value {
        json!({ "username": self.name, "groups": self.groups })
    }
}
