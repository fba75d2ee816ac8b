//! One version of the mesh, as the push server asks for it.
//!
//! In: a validated model. Out: resources per view. Holds: a world never changes after it was made.
//! Not yet: `ctl-translate` has no resources to give, so proxies connect, get certificates, and wait.

use ctl_push::{ProxyNode, Resources, World};
use weft_model::MeshModel;

/// A world.
#[derive(Debug)]
pub(crate) struct MeshWorld {
    _model: MeshModel,
}

impl MeshWorld {
    pub(crate) const fn new(model: MeshModel) -> Self {
        Self { _model: model }
    }
}

impl World for MeshWorld {
    type View = String;

    fn view(&self, proxy: &ProxyNode) -> String {
        proxy.namespace.clone()
    }

    fn resources(&self, _view: &String) -> Resources {
        Resources::default()
    }
}
