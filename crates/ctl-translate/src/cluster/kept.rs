//! Clusters of services, kept for every view and version of the mesh that would make the same.
//!
//! In: what the clusters of one service are made of. Out: they, encoded.
//! Holds: all of it is made under the same settings; other settings begin with nothing. Two keys are equal only when every part is the very same allocation, which a key
//! keeps alive, so that its address is nobody else's.
//! Why: fifty namespaces see a thousand services alike, and a new route of one of them leaves every cluster as it is.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ctl_snapshot::{Backing, Client, MeshSnapshot, Policy, Rule, Service};
use weft_model::api::traffic_policy::ClientTlsMode;

use super::may_be_direct;
use crate::resources::Resource;
use crate::view::OutboundView;

/// An allocation, told from others by where it is.
#[derive(Debug)]
struct At<T>(Arc<T>);

impl<T> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for At<T> {}

impl<T> Hash for At<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

fn at<T>(shared: Option<&Arc<T>>) -> Option<At<T>> {
    shared.map(|shared| At(Arc::clone(shared)))
}

/// Everything that the clusters of one service are made of, under settings that stay.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct MadeOf {
    service: At<Service>,
    identities: Option<At<BTreeSet<String>>>,
    /// Where clusters hold endpoints.
    behind: Option<At<Backing>>,
    rule: Option<At<Rule>>,
    /// The rule of the service's own namespace, after which endpoints of subsets are called.
    owners: Option<At<Rule>>,
    router: bool,
    keeps_case: bool,
}

impl MadeOf {
    /// `None` where something else counts: the place of the client, or the credentials of its namespace.
    pub(super) fn of(
        snapshot: &MeshSnapshot,
        view: &OutboundView,
        service: &Arc<Service>,
        rule: Option<&Arc<Rule>>,
    ) -> Option<Self> {
        if service.resolution.is_dns() || rule.is_some_and(|rule| names_credentials(service, rule))
        {
            return None;
        }
        let workloads = snapshot.workloads();
        let direct = may_be_direct(snapshot, service);
        let nobody = std::collections::BTreeMap::new();
        let owner = Client { namespace: &service.namespace, labels: &nobody };
        let owners = rule.and_then(|_| snapshot.config().rule(owner, service));
        Some(Self {
            service: At(Arc::clone(service)),
            identities: at(workloads.identified(service)),
            behind: at(workloads.behind(service).filter(|_| direct)),
            rule: at(rule),
            owners: at(owners),
            router: view.router,
            keeps_case: view.started.keeps_case,
        })
    }

    /// Whether some client of this version of the mesh may ask for it.
    fn is_of(&self, snapshot: &MeshSnapshot) -> bool {
        let Self { service, identities, behind, .. } = self;
        let (workloads, service) = (snapshot.workloads(), &service.0);
        let known = snapshot.config().service_in(&service.host, &service.namespace);
        known.is_some_and(|known| Arc::ptr_eq(known, service))
            && at(workloads.identified(service)) == *identities
            && behind
                .as_ref()
                .is_none_or(|known| at(workloads.behind(service)).as_ref() == Some(known))
            && [&self.rule, &self.owners].into_iter().flatten().all(|own| {
                let mut all = snapshot.config().rules(service);
                all.any(|rule| Arc::ptr_eq(rule, &own.0))
            })
    }
}

/// TLS of a user's own is set up with what stands in the client's namespace.
fn names_credentials(service: &Service, rule: &Rule) -> bool {
    let own = |policy: Policy<'_>| {
        let mode = policy.tls.map(|tls| tls.mode);
        matches!(mode, Some(ClientTlsMode::Simple | ClientTlsMode::Mutual))
    };
    service.ports.iter().any(|port| {
        let subsets = rule.subsets.iter().map(Some);
        std::iter::once(None).chain(subsets).any(|subset| own(rule.policy_of(port.number, subset)))
    })
}

/// The clusters that were made so far.
#[derive(Debug, Default)]
pub struct Kept {
    by_parts: HashMap<MadeOf, Arc<[Resource]>>,
}

impl Kept {
    pub(super) fn get(
        &mut self,
        key: MadeOf,
        make: impl FnOnce() -> Arc<[Resource]>,
    ) -> Arc<[Resource]> {
        Arc::clone(self.by_parts.entry(key).or_insert_with(make))
    }

    /// Forgets what no client of a version of the mesh asks for.
    pub fn keep_for(&mut self, snapshot: &MeshSnapshot) {
        self.by_parts.retain(|key, _| key.is_of(snapshot));
    }
}
