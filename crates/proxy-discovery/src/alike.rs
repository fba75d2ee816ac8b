//! What a resource has in common with the one that came before it, kept once.
//!
//! In: lowered clusters and endpoints. Out: the same values, in which texts are those of their predecessor.
//! Holds: nothing changes its value; what is compared with is a dozen texts, however many resources there are.
//! Why the one before: resources come in thousands that differ in a few names, and a table of all texts would cost as much
//! as it saves.

use std::sync::Arc;

use proxy_config::Cluster;
use proxy_config::Endpoints;
use proxy_config::endpoint::{About, Locality};
use proxy_config::matcher::StringMatcher;
use proxy_config::tls::{PeerName, UpstreamTls};

/// Texts of the last cluster, and what the last endpoint had in common with its siblings.
#[derive(Debug, Default)]
pub(crate) struct Alike {
    texts: Vec<Arc<str>>,
    about: Arc<About>,
    locality: Arc<Locality>,
}

impl Alike {
    /// Lets a cluster take over texts of the last one.
    pub(crate) fn cluster(&mut self, cluster: &mut Cluster) {
        self.take_over(|each| each_text(cluster, each));
    }

    fn take_over(&mut self, walk: impl FnOnce(Each<'_>)) {
        let mut texts = Vec::new();
        walk(&mut |text| {
            let known = self.texts.iter().chain(&texts).find(|known| *known == text);
            if let Some(known) = known {
                *text = Arc::clone(known);
            }
            texts.push(Arc::clone(text));
        });
        // A cluster of another kind between two that are alike is no reason to forget.
        if !texts.is_empty() {
            self.texts = texts;
        }
    }

    /// Lets endpoints take over what the last ones had in common.
    pub(crate) fn endpoints(&mut self, endpoints: &mut Endpoints) {
        for endpoint in &mut endpoints.endpoints {
            if endpoint.about == self.about {
                endpoint.about = Arc::clone(&self.about);
            } else {
                self.about = Arc::clone(&endpoint.about);
            }
            if endpoint.locality == self.locality {
                endpoint.locality = Arc::clone(&self.locality);
            } else {
                self.locality = Arc::clone(&endpoint.locality);
            }
        }
    }
}

/// What is done with each text.
type Each<'a> = &'a mut dyn FnMut(&mut Arc<str>);

/// The texts that clusters of a mesh have in common.
fn each_text(cluster: &mut Cluster, each: Each<'_>) {
    for found in &mut cluster.transport_matches {
        each(&mut found.name);
        for (key, value) in &mut found.labels {
            each(key);
            each(value);
        }
        each_of_tls(&mut found.tls, each);
    }
    each_of_tls(&mut cluster.tls, each);
    if let Some(service) = &mut cluster.service {
        each(&mut service.namespace);
    }
}

fn each_of_tls(tls: &mut Option<Arc<UpstreamTls>>, each: Each<'_>) {
    // It was lowered a moment ago, and nobody else has it.
    let Some(tls) = tls.as_mut().and_then(Arc::get_mut) else { return };
    let secrets = [&mut tls.certificate, &mut tls.roots, &mut tls.revoked];
    tls.alpn.iter_mut().chain(secrets.into_iter().flatten()).for_each(&mut *each);
    for PeerName::Uri(name) | PeerName::Any(name) in &mut tls.server_sans {
        if let StringMatcher::Exact(text) | StringMatcher::Prefix(text) = name {
            each(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(san: &str) -> Option<Arc<UpstreamTls>> {
        Some(Arc::new(UpstreamTls {
            alpn: vec!["istio-http/1.1".into(), "istio".into()],
            certificate: Some("default".into()),
            roots: Some("ROOTCA".into()),
            server_sans: vec![PeerName::Uri(StringMatcher::Exact(san.into()))],
            ..UpstreamTls::default()
        }))
    }

    #[test]
    fn texts_of_siblings_are_one_and_say_the_same() {
        let (mut alike, mut all) = (Alike::default(), Vec::new());
        for san in ["spiffe://a", "spiffe://a", "spiffe://b"] {
            let (mut found, mut texts) = (tls(san), Vec::new());
            alike.take_over(|each| each_of_tls(&mut found, each));
            each_of_tls(&mut found, &mut |text| texts.push(Arc::clone(text)));
            all.push(texts);
        }
        let words: Vec<&str> = all[2].iter().map(|text| &**text).collect();
        assert_eq!(words, ["istio-http/1.1", "istio", "default", "ROOTCA", "spiffe://b"]);
        let same = |one: usize, other: usize| {
            all[one].iter().zip(&all[other]).filter(|(a, b)| Arc::ptr_eq(a, b)).count()
        };
        assert_eq!((same(0, 1), same(1, 2)), (5, 4));
    }
}
