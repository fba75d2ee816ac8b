//! Names of the mesh's trust domain.
//!
//! Holds: an identity under one of them is the same under each; policies may also say `cluster.local`, whatever it is called.

use ctl_snapshot::MeshSettings;

/// The name, and the further ones.
#[derive(Clone, Copy)]
pub(crate) struct Domains<'a> {
    own: &'a str,
    aliases: &'a [String],
}

impl<'a> Domains<'a> {
    pub(crate) fn of(mesh: &'a MeshSettings) -> Self {
        Self { own: &mesh.trust_domain, aliases: &mesh.trust_domain_aliases }
    }

    /// All names, its own first, each once.
    pub(crate) fn all(self) -> impl Iterator<Item = &'a str> {
        let others =
            self.aliases.iter().map(String::as_str).filter(move |alias| *alias != self.own);
        std::iter::once(self.own).chain(others)
    }

    /// Whether a policy that names this domain means the mesh's.
    pub(crate) fn has(self, domain: &str) -> bool {
        domain == "cluster.local" || self.all().any(|own| own == domain)
    }

    /// An identity `spiffe://DOMAIN/REST` under every name, when it is one of the mesh.
    pub(crate) fn names_of(self, identity: &str) -> Vec<String> {
        let parts = identity.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/'));
        match parts.filter(|(domain, _)| self.all().any(|own| own == *domain)) {
            Some((_, rest)) => self.all().map(|name| format!("spiffe://{name}/{rest}")).collect(),
            None => vec![identity.to_owned()],
        }
    }
}
