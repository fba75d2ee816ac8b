//! Who may attach to whom: sets of listeners to gateways, routes to listeners.
//!
//! In: references and what they lead to. Out: the listeners that are taken, or why none is.

use std::collections::BTreeMap;

use weft_model::api::gateway_api::{
    Gateway, Listener, ListenerNamespaces, ListenerSet, ListenersFrom, ParentGateway, ParentRef,
    RouteNamespaces, RoutesFrom,
};
use weft_model::{HostPattern, ObjectRef};

use crate::listeners::{Ports, Seat};
use crate::mesh::{GROUP, Mesh, To, spec};
use crate::words::Words;

/// All listeners, by the gateway or the set that they stand in.
#[derive(Debug)]
pub struct Seats {
    pub owners: BTreeMap<ObjectRef, Vec<Seat>>,
}

/// A route, as far as it matters for attaching.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guest<'a> {
    pub kind: &'a str,
    pub namespace: &'a str,
    pub hostnames: &'a [String],
}

impl Seats {
    /// The listeners of a gateway or a set; none of one that is not taken.
    pub(crate) fn add(
        &mut self,
        owner: &ObjectRef,
        listeners: &[Listener],
        taken: bool,
        mesh: &Mesh<'_>,
    ) {
        let own = listeners.iter().filter(|_| taken);
        let seats = own.map(|listener| Seat::of(listener, owner, mesh)).collect();
        self.owners.insert(owner.clone(), seats);
    }

    /// Listeners of one gateway and its sets, in the order of precedence: the later give way.
    pub(crate) fn part_rivals<'n>(&mut self, order: impl Iterator<Item = &'n ObjectRef>) {
        let mut ports = Ports::default();
        for owner in order {
            for seat in self.owners.get_mut(owner).into_iter().flatten() {
                seat.settle(&mut ports);
            }
        }
    }

    /// Attaches a route to every listener that the reference means and that takes it.
    pub(crate) fn attach(
        &mut self,
        owner: &ObjectRef,
        parent: &ParentRef,
        guest: Guest<'_>,
        mesh: &Mesh<'_>,
    ) -> Result<Vec<usize>, Words> {
        let ParentRef { section_name, port, .. } = parent;
        let meant = |(_, seat): &(usize, &mut Seat)| {
            section_name.as_ref().is_none_or(|name| *name == seat.name)
                && port.is_none_or(|port| port == seat.port)
        };
        let own = self.owners.get_mut(owner).into_iter().flatten();
        let named: Vec<(usize, &mut Seat)> = own.enumerate().filter(meant).collect();
        if named.is_empty() {
            return Err(Words::no("NoMatchingParent", "it has no listener of this name and port"));
        }
        let takes = |(_, seat): &(usize, &mut Seat)| {
            seat.kinds.contains(&guest.kind) && lets_in(&seat.from, owner, guest.namespace, mesh)
        };
        let open: Vec<(usize, &mut Seat)> = named.into_iter().filter(takes).collect();
        if open.is_empty() {
            let what = format!("no listener takes a {} of {}", guest.kind, guest.namespace);
            return Err(Words::no("NotAllowedByListeners", what));
        }
        let fits = |(_, seat): &(usize, &mut Seat)| seat.fits(guest.hostnames);
        let fitting: Vec<(usize, &mut Seat)> = open.into_iter().filter(fits).collect();
        if fitting.is_empty() {
            let what = format!("no listener serves {}", guest.hostnames.join(", "));
            return Err(Words::no("NoMatchingListenerHostname", what));
        }
        let mut valid = Vec::new();
        for (at, seat) in fitting.into_iter().filter(|(_, seat)| seat.accepted.yes) {
            seat.attached += 1;
            valid.push(at);
        }
        match valid.as_slice() {
            [] => Err(Words::no("NoMatchingParent", "its listeners are not accepted")),
            _ => Ok(valid),
        }
    }
}

impl Seat {
    fn fits(&self, hostnames: &[String]) -> bool {
        let Some(own) = &self.hostname else { return true };
        hostnames.is_empty()
            || hostnames.iter().any(|host| own.intersection(&HostPattern::new(host)).is_some())
    }
}

fn lets_in(from: &RouteNamespaces, owner: &ObjectRef, namespace: &str, mesh: &Mesh<'_>) -> bool {
    let RouteNamespaces { from, selector } = from;
    match from {
        RoutesFrom::All => true,
        RoutesFrom::Same => owner.namespace == namespace,
        RoutesFrom::Selector => selector.as_ref().is_some_and(|selector| {
            mesh.labels(namespace).is_some_and(|labels| selector.selects(labels))
        }),
    }
}

/// The gateway of a set, by name.
pub(crate) fn gateway_of(set: &ListenerSet, own: &ObjectRef) -> Option<ObjectRef> {
    let ParentGateway { group, kind, namespace, name } = set.parent_ref.as_ref()?;
    let known = group.as_deref().is_none_or(|group| group == GROUP)
        && kind.as_deref().is_none_or(|kind| kind == "Gateway");
    known.then(|| ObjectRef {
        group: GROUP.to_owned(),
        kind: "Gateway".to_owned(),
        namespace: namespace.clone().unwrap_or_else(|| own.namespace.clone()),
        name: name.clone(),
    })
}

/// Whether the gateway takes listeners of this set.
pub(crate) fn may_add(mesh: &Mesh<'_>, gateway: &ObjectRef, set: &ObjectRef) -> Result<(), Words> {
    let ObjectRef { group, kind, namespace, name } = gateway;
    let object = mesh.get(To { group, kind, namespace, name });
    let spec: Gateway = object.map(spec).unwrap_or_default();
    let allowed = spec.allowed_listeners.and_then(|allowed| allowed.namespaces);
    let ListenerNamespaces { from, selector } = allowed.unwrap_or_default();
    let yes = match from {
        ListenersFrom::None => false,
        ListenersFrom::All => true,
        ListenersFrom::Same => *namespace == set.namespace,
        ListenersFrom::Selector => selector.is_some_and(|selector| {
            mesh.labels(&set.namespace).is_some_and(|labels| selector.selects(labels))
        }),
    };
    let what = format!("Gateway {namespace}/{name} takes no listeners of {}", set.namespace);
    if yes { Ok(()) } else { Err(Words::no("NotAllowed", what + "; see its allowedListeners")) }
}
