//! Where a share of requests or connections goes.

use weft_model::api::gateway_api::Target;
use weft_model::api::reference::{Destination, PortSelector};
use weft_model::{Host, ObjectRef};

use super::Context;
use crate::backends::fault;
use crate::mesh::To;

/// A name that nobody has (RFC 2606): what goes there is answered with 500.
const NOBODY: &str = "backend.invalid";

/// What a reference of a route means; `None` for what may not be called or is not there.
pub(super) fn destination(
    context: Context<'_>,
    route: &ObjectRef,
    target: Target<'_>,
) -> Option<Destination> {
    if fault(route, target, &context.judged.mesh).is_some() {
        return None;
    }
    let Target { group, kind, namespace, name, port, weight: _ } = target;
    let namespace = namespace.unwrap_or(&route.namespace);
    let host = match kind {
        "Service" => Host::of_service(name, namespace, context.domain).to_string(),
        "Hostname" => name.to_owned(),
        _ => {
            let entry = context.judged.mesh.get(To { group, kind, namespace, name })?;
            entry["spec"]["hosts"].as_array()?.first()?.as_str()?.to_owned()
        }
    };
    let port = port.map(|number| PortSelector { number });
    Some(Destination { host, port, ..Destination::default() })
}

/// Where there is nobody.
pub(super) fn nobody() -> Destination {
    Destination {
        host: NOBODY.to_owned(),
        port: Some(PortSelector { number: 1 }),
        ..Destination::default()
    }
}
