//! How a refusal is worded, and how fields that we do not honour are found.
//!
//! In: a message and the fields that we know. Out: a refusal that names the first other field that is set.
//! Why by comparing with the default: a field that a newer protocol adds is met here without our naming it.

/// Why a resource is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct Rejected {
    /// Path of the field, from the resource down.
    pub path: String,
    /// What is wrong.
    pub why: String,
}

impl Rejected {
    pub(crate) fn new(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { path: path.into(), why: why.into() }
    }

    /// The same refusal, one level up.
    pub(crate) fn within(self, parent: impl std::fmt::Display) -> Self {
        let path = if self.path.is_empty() {
            parent.to_string()
        } else {
            format!("{parent}.{}", self.path)
        };
        Self { path, why: self.why }
    }
}

/// Refuses a message that sets a field other than the listed ones.
macro_rules! only {
    ($message:expr, $($field:ident),* $(,)?) => {{
        let mut rest = $message.clone();
        $( rest.$field = Default::default(); )*
        $crate::known::nothing_else(&rest)
    }};
}
pub(crate) use only;

pub(crate) fn nothing_else<M>(rest: &M) -> Result<(), Rejected>
where
    M: Default + PartialEq + std::fmt::Debug,
{
    let empty = M::default();
    if *rest == empty {
        return Ok(());
    }
    let (rest, empty) = (format!("{rest:#?}"), format!("{empty:#?}"));
    let differs = rest.lines().zip(empty.lines()).find(|(a, b)| a != b);
    let field = differs.and_then(|(line, _)| line.trim().split(':').next()).unwrap_or("a field");
    Err(Rejected::new(field, "is set, and weft-proxy does not honour it"))
}
