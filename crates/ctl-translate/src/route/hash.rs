//! The key by which a destination is balanced, when it is.
//!
//! Holds: as in Istio the key of a port counts only where the port is named, and a port without a key leaves the host's.

use ctl_snapshot::{Rule, Service, Subset};
use weft_model::Host;
use weft_model::api::reference::Destination;
use weft_model::api::traffic_policy::{ConsistentHash, TrafficPolicy};

use crate::route::selection::Context;

/// The key of a service that no VirtualService decides for.
pub(crate) fn of_service<'a>(
    context: &Context<'a>,
    service: &Service,
) -> Option<&'a ConsistentHash> {
    let policy = rule(context, service)?.policy.as_ref();
    of_port(policy, Some(context.port)).or_else(|| whole(policy))
}

/// The key of a destination of a VirtualService.
pub(crate) fn of_destination<'a>(
    context: &Context<'a>,
    host: &Host,
    to: &Destination,
) -> Option<&'a ConsistentHash> {
    let rule = rule(context, context.snapshot.config().service(host)?)?;
    let port = to.port.as_ref().and_then(|port| u16::try_from(port.number).ok());
    let named = |subset: &&Subset| subset.name == to.subset;
    let subset = rule.subsets.iter().find(named).and_then(|subset| subset.policy.as_ref());
    let host = rule.policy.as_ref();
    of_port(subset, port)
        .or_else(|| whole(subset))
        .or_else(|| of_port(host, port))
        .or_else(|| whole(host))
}

fn rule<'a>(context: &Context<'a>, service: &Service) -> Option<&'a Rule> {
    let config = context.snapshot.config();
    config.rule(context.view.client(), service).map(|rule| &**rule)
}

fn whole(policy: Option<&TrafficPolicy>) -> Option<&ConsistentHash> {
    policy?.load_balancer.as_ref()?.consistent_hash.as_ref()
}

fn of_port(policy: Option<&TrafficPolicy>, port: Option<u16>) -> Option<&ConsistentHash> {
    let wanted = u32::from(port?);
    let mut entries = policy?.port_level_settings.iter();
    let own = entries.find(|entry| entry.port.as_ref().is_some_and(|p| p.number == wanted))?;
    own.load_balancer.as_ref()?.consistent_hash.as_ref()
}
