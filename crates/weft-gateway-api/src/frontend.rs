//! What a Gateway asks of its clients: certificates of certain authorities.
//!
//! In: `spec.tls` of a Gateway. Out: the authorities, at each listener of HTTPS that they hold for.
//! Holds: a listener whose clients cannot be judged as it is written is not accepted, so that nobody comes in.

use weft_model::ObjectRef;
use weft_model::api::gateway_api::{FrontendValidation, Gateway, GatewayTls, ValidationMode};

use crate::mesh::{From, Mesh, To, spec};
use crate::{Seats, Words};

/// Settles what the listeners of a Gateway and its sets ask of clients.
pub(crate) fn settle(
    mesh: &Mesh<'_>,
    gateway: &ObjectRef,
    owners: &[&ObjectRef],
    seats: &mut Seats,
) {
    let written = mesh.named(gateway).map(|object| spec::<Gateway>(object).tls);
    let Some(tls) = written.flatten() else { return };
    let presents = tls.backend.as_ref().is_some_and(|own| own.client_certificate_ref.is_some());
    for owner in owners {
        for seat in seats.owners.get_mut(*owner).into_iter().flatten() {
            if presents {
                let what = "spec.tls.backend.clientCertificateRef of the Gateway is not used";
                seat.faults.push(Words::no("UnsupportedValue", what));
            }
            let asked = validation(&tls, seat.port).filter(|_| seat.protocol == "HTTPS");
            match asked.map(|asked| authorities(asked, gateway, mesh)) {
                None => {}
                Some(Ok(place)) => seat.clients = Some(place),
                Some(Err(words)) => {
                    seat.accepted = words.clone();
                    seat.faults.push(words);
                }
            }
        }
    }
}

/// What holds for a port.
fn validation(tls: &GatewayTls, port: u32) -> Option<&FrontendValidation> {
    let frontend = tls.frontend.as_ref()?;
    let own = frontend.per_port.iter().find(|one| one.port == port);
    let found = match own {
        Some(own) => own.tls.as_ref(),
        None => frontend.default.as_ref(),
    };
    found?.validation.as_ref()
}

fn authorities(
    asked: &FrontendValidation,
    gateway: &ObjectRef,
    mesh: &Mesh<'_>,
) -> Result<String, Words> {
    let FrontendValidation { ca_certificate_refs, mode } = asked;
    if *mode == ValidationMode::AllowInsecureFallback {
        let what = "clients without a valid certificate are not let in; use AllowValidOnly";
        return Err(Words::no("UnsupportedValue", what));
    }
    let [to] = ca_certificate_refs.as_slice() else {
        let what = "more than one of caCertificateRefs is not served; put them into one ConfigMap";
        return Err(Words::no("UnsupportedValue", what));
    };
    let invalid = |what: String| Err(Words::no("NoValidCACertificate", what));
    if (to.group.as_str(), to.kind.as_str()) != ("", "ConfigMap") {
        return invalid(format!("{} {} holds no authorities; use a ConfigMap", to.kind, to.name));
    }
    let namespace = to.namespace.as_deref().unwrap_or(&gateway.namespace);
    let from = From { group: &gateway.group, kind: &gateway.kind, namespace: &gateway.namespace };
    let to = To { group: "", kind: "ConfigMap", namespace, name: &to.name };
    let full = format!("ConfigMap {namespace}/{}", to.name);
    if !mesh.may_point(from, to) {
        let what = format!("no ReferenceGrant of {namespace} allows {full}");
        return Err(Words::no("RefNotPermitted", what));
    }
    let held = mesh.get(to).and_then(|object| object["data"]["ca.crt"].as_str());
    match held {
        Some(text) if !text.is_empty() => Ok(format!("configmap://{namespace}/{}", to.name)),
        _ => invalid(format!("{full} is not there, or lacks ca.crt")),
    }
}
