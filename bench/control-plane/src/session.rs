//! What one proxy asks for, as Envoy does: clusters, then endpoints and listeners, then routes.
//!
//! In: answers of the control plane. Out: acknowledgements, and what to ask for next.
//! Holds: names are asked for once and given up when nothing points at them any more.
//! Never: the resources themselves; what a proxy keeps is not what is measured here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use weft_proto::ads::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use weft_proto::type_url;

use crate::known::{Known, Names};

/// One type whose resources are asked for by name.
#[derive(Debug, Default)]
struct Named {
    /// Who points at which names: clusters at endpoints, listeners at routes.
    pointers: HashMap<String, Names>,
    wanted: HashSet<Arc<str>>,
    missing: HashSet<Arc<str>>,
}

/// The state of one stream.
#[derive(Debug)]
pub(crate) struct Session {
    known: Arc<Known>,
    endpoints: Named,
    routes: Named,
    clusters_seen: bool,
    listeners_seen: bool,
}

impl Session {
    pub(crate) fn new(known: Arc<Known>) -> Self {
        let (endpoints, routes) = (Named::default(), Named::default());
        Self { known, endpoints, routes, clusters_seen: false, listeners_seen: false }
    }

    /// Everything that was asked for has come.
    pub(crate) fn is_whole(&self) -> bool {
        let seen = self.clusters_seen && self.listeners_seen;
        seen && self.endpoints.missing.is_empty() && self.routes.missing.is_empty()
    }

    /// Takes an answer; the first message to send is its acknowledgement.
    pub(crate) fn receive(
        &mut self,
        response: &DeltaDiscoveryResponse,
    ) -> Vec<DeltaDiscoveryRequest> {
        let kind = response.type_url.as_str();
        let mut requests = vec![DeltaDiscoveryRequest {
            type_url: response.type_url.clone(),
            response_nonce: response.nonce.clone(),
            ..DeltaDiscoveryRequest::default()
        }];
        match kind {
            type_url::CLUSTER => {
                requests.extend(self.endpoints.point(&self.known, response, type_url::ENDPOINTS));
                if !std::mem::replace(&mut self.clusters_seen, true) {
                    requests.push(ask(type_url::LISTENER, Vec::new(), Vec::new()));
                }
            }
            type_url::LISTENER => {
                requests.extend(self.routes.point(&self.known, response, type_url::ROUTE));
                self.listeners_seen = true;
            }
            type_url::ENDPOINTS => self.endpoints.come(response),
            type_url::ROUTE => self.routes.come(response),
            _ => {}
        }
        requests
    }
}

impl Named {
    /// Takes what points, and asks for what it newly points at.
    fn point(
        &mut self,
        known: &Known,
        response: &DeltaDiscoveryResponse,
        asked: &str,
    ) -> Option<DeltaDiscoveryRequest> {
        let (mut fresh, mut stale) = (Vec::new(), Vec::new());
        for resource in &response.resources {
            let names = known.points(&response.type_url, resource);
            fresh.extend(names.iter().filter(|name| !self.wanted.contains(*name)).cloned());
            let before = self.pointers.insert(resource.name.clone(), Arc::clone(&names));
            let gone = before.iter().flat_map(|before| before.iter());
            stale.extend(gone.filter(|name| !names.contains(name)).cloned());
        }
        for name in &response.removed_resources {
            stale.extend(self.pointers.remove(name).iter().flat_map(|names| names.iter()).cloned());
        }
        fresh.sort_unstable();
        fresh.dedup();
        stale.retain(|name| !self.pointers.values().any(|names| names.contains(name)));
        for name in &stale {
            self.wanted.remove(name);
            self.missing.remove(name);
        }
        self.wanted.extend(fresh.iter().cloned());
        self.missing.extend(fresh.iter().cloned());
        (!fresh.is_empty() || !stale.is_empty()).then(|| ask(asked, fresh, stale))
    }

    /// Takes what was asked for; a name that does not exist is an answer too.
    fn come(&mut self, response: &DeltaDiscoveryResponse) {
        if self.missing.is_empty() {
            return;
        }
        for resource in &response.resources {
            self.missing.remove(resource.name.as_str());
        }
        for name in &response.removed_resources {
            self.missing.remove(name.as_str());
        }
    }
}

/// A message that asks; no names at all means everything.
pub(crate) fn ask(
    type_url: &str,
    more: Vec<Arc<str>>,
    fewer: Vec<Arc<str>>,
) -> DeltaDiscoveryRequest {
    let texts = |names: Vec<Arc<str>>| names.iter().map(ToString::to_string).collect();
    DeltaDiscoveryRequest {
        type_url: type_url.to_owned(),
        resource_names_subscribe: texts(more),
        resource_names_unsubscribe: texts(fewer),
        ..DeltaDiscoveryRequest::default()
    }
}
