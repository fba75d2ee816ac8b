//! Something of each service, by host and namespace.
//!
//! Why not one map of pairs: it is asked a thousand times for every change, and the question would have to own what it asks by.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use weft_model::Host;

#[derive(Debug)]
pub(crate) struct ByService<T> {
    /// The namespaces of a host, of which there is mostly one.
    by_host: HashMap<Host, Vec<(String, T)>, RandomState>,
}

impl<T> Default for ByService<T> {
    fn default() -> Self {
        Self { by_host: HashMap::default() }
    }
}

impl<T> ByService<T> {
    pub(crate) fn get(&self, host: &Host, namespace: &str) -> Option<&T> {
        let all = self.by_host.get(host)?;
        all.iter().find(|(own, _)| own == namespace).map(|(_, one)| one)
    }

    pub(crate) fn insert(&mut self, host: Host, namespace: &str, one: T) {
        let all = self.by_host.entry(host).or_default();
        all.retain(|(own, _)| own != namespace);
        all.push((namespace.to_owned(), one));
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.by_host.values().flatten().map(|(_, one)| one)
    }
}

impl<T: Default> ByService<T> {
    /// That of a service, empty where there is none yet.
    pub(crate) fn of(&mut self, host: Host, namespace: &str) -> &mut T {
        let all = self.by_host.entry(host).or_default();
        let at = all.iter().position(|(own, _)| own == namespace).unwrap_or_else(|| {
            all.push((namespace.to_owned(), T::default()));
            all.len() - 1
        });
        &mut all[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_may_stand_in_two_namespaces() {
        let mut all = ByService::<Vec<i32>>::default();
        let host = Host::new("a.example");
        all.of(host.clone(), "shop").push(1);
        all.of(host.clone(), "shop").push(2);
        all.insert(host.clone(), "bank", vec![3]);
        all.insert(host.clone(), "bank", vec![4]);
        assert_eq!(
            (all.get(&host, "shop"), all.get(&host, "bank")),
            (Some(&vec![1, 2]), Some(&vec![4]))
        );
        assert_eq!((all.get(&host, "other"), all.values().count()), (None, 2));
    }
}
