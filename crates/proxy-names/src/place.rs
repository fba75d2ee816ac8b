//! Where a pod is, as far as names depend on it.

use std::net::IpAddr;

/// What a pod's `resolv.conf` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolver {
    /// Its name servers, in order.
    pub servers: Vec<IpAddr>,
    /// Ends that are tried behind names, in order.
    pub search: Vec<String>,
}

impl Resolver {
    /// Reads the text of a `resolv.conf` (resolv.conf(5)); lines that mean nothing to us are passed over, of several
    /// `search` lines the last counts.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    found.servers.extend(words.next().and_then(|word| word.parse::<IpAddr>().ok()));
                }
                Some("search" | "domain") => {
                    let ends = words.map(|word| word.trim_matches('.').to_ascii_lowercase());
                    found.search = ends.filter(|end| !end.is_empty()).collect();
                }
                _ => {}
            }
        }
        found
    }
}

/// Where a pod is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its namespace.
    pub namespace: String,
    /// Ends that its resolver tries.
    pub search: Vec<String>,
}

impl Place {
    /// A pod of this namespace with this resolver.
    #[must_use]
    pub fn new(namespace: &str, resolver: &Resolver) -> Self {
        Self { namespace: namespace.to_owned(), search: resolver.search.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_concern_us_in_a_resolver_file_is_passed_over() {
        let text = "# a comment\nnameserver 10.96.0.10\nnameserver nonsense\noptions ndots:5\nsearch A.b. c\n";
        let found = Resolver::read(text);
        assert_eq!(found.servers, ["10.96.0.10".parse::<IpAddr>().unwrap()]);
        assert_eq!(found.search, ["a.b", "c"]);
    }
}
