//! One version of the mesh, as the push server asks for it.
//!
//! In: a snapshot. Out: resources per view. Holds: a world never changes after it was made.
//! Why parts are kept apart: endpoints are the same for every proxy and outbound resources for every proxy of a
//! namespace, so a world translates each of them once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ctl_push::{ProxyNode, Resources, World};
use ctl_snapshot::MeshSnapshot;
use ctl_translate::{OutboundView, ProxyView, view_of};
use weft_xds::{Resource, ResourceSet};

type Part = Arc<OnceLock<ctl_translate::Resources>>;

/// A world.
#[derive(Debug)]
pub(crate) struct MeshWorld {
    snapshot: MeshSnapshot,
    endpoints: OnceLock<ctl_translate::Resources>,
    outbound: Mutex<HashMap<OutboundView, Part>>,
}

impl MeshWorld {
    pub(crate) fn new(snapshot: MeshSnapshot) -> Self {
        Self { snapshot, endpoints: OnceLock::new(), outbound: Mutex::default() }
    }

    fn outbound(&self, view: &OutboundView) -> Part {
        let part = {
            let mut parts = self.outbound.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(parts.entry(view.clone()).or_default())
        };
        part.get_or_init(|| ctl_translate::translate_outbound(&self.snapshot, view));
        part
    }
}

impl World for MeshWorld {
    type View = ProxyView;

    fn view(&self, proxy: &ProxyNode) -> ProxyView {
        view_of(&self.snapshot, &proxy.node)
    }

    fn resources(&self, view: &ProxyView) -> Resources {
        let mut all = Resources::new();
        let endpoints =
            self.endpoints.get_or_init(|| ctl_translate::translate_endpoints(&self.snapshot));
        add(&mut all, endpoints);
        if let Some(outbound) = self.outbound(&view.outbound).get() {
            add(&mut all, outbound);
        }
        if let Some(inbound) = &view.inbound {
            add(&mut all, &ctl_translate::translate_inbound(&self.snapshot, inbound));
        }
        if let Some(router) = &view.router {
            let opened = ctl_translate::translate_router(&self.snapshot, &view.outbound, router);
            add(&mut all, &opened);
        }
        all
    }
}

fn add(all: &mut Resources, part: &ctl_translate::Resources) {
    for (type_url, resources) in part.iter() {
        let named = resources.iter().map(|resource| {
            let (version, body) = (Arc::clone(&resource.version), resource.body.clone());
            (resource.name.clone(), Resource { version, body })
        });
        let known: &mut ResourceSet = all.entry(type_url).or_default();
        known.extend(named);
    }
}
