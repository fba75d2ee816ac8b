//! What the objects of the Gateway API say, as Gateways and VirtualServices.
//!
//! In: a judgement. Out: objects for the model. Holds: a Gateway per listener, and a VirtualService per listener and host, so that
//! routes of one host stand in the order that the API asks for, and none answers on another listener's host.
//! Why not one VirtualService per route: of two routes for one host the longer path decides, not the older route.

use std::sync::Arc;

use weft_model::api::gateway::Gateway;
use weft_model::api::meta::Metadata;
use weft_model::api::virtual_service::VirtualService;
use weft_model::{MeshModel, Object, ObjectRef, Objects};

use crate::Judged;

mod backends;
mod calls;
mod filters;
mod gateways;
mod grpc;
mod http;
mod matches;
mod streams;

/// The derived objects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Derived {
    gateways: Objects<Gateway>,
    virtual_services: Objects<VirtualService>,
}

impl Derived {
    /// Says the same as the judged objects, in a mesh of this domain.
    #[must_use]
    pub fn of(judged: &Judged<'_>, domain: &str) -> Self {
        let context = Context { judged, domain };
        let mut found = Self::default();
        for opened in gateways::opened(judged) {
            found.virtual_services.extend(http::of_listener(context, &opened));
            found.virtual_services.extend(streams::of_listener(context, &opened));
            found.gateways.push(Arc::new(opened.object));
        }
        found.virtual_services.extend(calls::inside(context));
        found
    }

    /// Puts them into a model, in their place by age.
    pub fn fill(&self, model: &mut MeshModel) {
        if *self == Self::default() {
            return;
        }
        model.gateways.extend(self.gateways.iter().cloned());
        model.virtual_services.extend(self.virtual_services.iter().cloned());
        model.gateways.sort_by(|a, b| a.precedence(b));
        model.virtual_services.sort_by(|a, b| a.precedence(b));
    }

    /// The same objects; those that an older one has too are its allocations.
    #[must_use]
    pub fn sharing(self, older: &Self) -> Self {
        Self {
            gateways: shared(self.gateways, &older.gateways),
            virtual_services: shared(self.virtual_services, &older.virtual_services),
        }
    }
}

fn shared<T: PartialEq>(fresh: Objects<T>, older: &Objects<T>) -> Objects<T> {
    let known = |object: Arc<Object<T>>| {
        older.iter().find(|old| **old == object).cloned().unwrap_or(object)
    };
    fresh.into_iter().map(known).collect()
}

/// What all parts need to know.
#[derive(Debug, Clone, Copy)]
struct Context<'a> {
    judged: &'a Judged<'a>,
    domain: &'a str,
}

/// Metadata of a derived object.
fn meta(namespace: &str, name: String, created: String) -> Metadata {
    let namespace = namespace.to_owned();
    Metadata { name, namespace, created, derived: true, ..Metadata::default() }
}

/// When an object was made.
fn created(context: Context<'_>, name: &ObjectRef) -> String {
    context.judged.mesh.named(name).map(|object| Metadata::of(object).created).unwrap_or_default()
}
