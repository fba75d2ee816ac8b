//! Which virtual host an authority belongs to.
//! In: domains of all hosts. Out: an index. Holds: the most specific domain wins, whatever its position.
//! Source of the order: Envoy's virtual host matching.

use std::sync::Arc;

use foldhash::HashMap;
use proxy_config::route::VirtualHost;

/// Domains of a route configuration, by how specific they are.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    /// Texts are those of the configuration, but for letter case.
    exact: HashMap<Arc<str>, usize>,
    suffix: Vec<(String, usize)>,
    prefix: Vec<(String, usize)>,
    any: Option<usize>,
}

impl Hosts {
    pub(crate) fn compile(hosts: &[VirtualHost]) -> Self {
        let mut found = Self::default();
        for (index, host) in hosts.iter().enumerate() {
            for domain in &host.domains {
                if domain.bytes().any(|b| b.is_ascii_uppercase()) {
                    found.add(&domain.to_ascii_lowercase().into(), index);
                } else {
                    found.add(domain, index);
                }
            }
        }
        found.exact.shrink_to_fit();
        found.suffix.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        found.prefix.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        found
    }

    fn add(&mut self, domain: &Arc<str>, index: usize) {
        if &**domain == "*" {
            self.any.get_or_insert(index);
        } else if let Some(suffix) = domain.strip_prefix('*') {
            self.suffix.push((suffix.to_owned(), index));
        } else if let Some(prefix) = domain.strip_suffix('*') {
            self.prefix.push((prefix.to_owned(), index));
        } else {
            self.exact.entry(Arc::clone(domain)).or_insert(index);
        }
    }

    pub(crate) fn find(&self, authority: &str, ignore_port: bool) -> Option<usize> {
        let folded;
        let mut host = if authority.bytes().any(|b| b.is_ascii_uppercase()) {
            folded = authority.to_ascii_lowercase();
            folded.as_str()
        } else {
            authority
        };
        if ignore_port {
            host = without_port(host);
        }
        let exact = self.exact.get(host).copied();
        let longer = |text: &str| host.len() > text.len();
        exact
            .or_else(|| {
                let hit = self.suffix.iter().find(|(s, _)| longer(s) && host.ends_with(s));
                hit.map(|(_, index)| *index)
            })
            .or_else(|| {
                let hit = self.prefix.iter().find(|(p, _)| longer(p) && host.starts_with(p));
                hit.map(|(_, index)| *index)
            })
            .or(self.any)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            // An IPv6 address without brackets has no port.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}
