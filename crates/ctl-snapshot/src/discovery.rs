//! Which namespaces the mesh is made of.
//!
//! In: a model, and `discoverySelectors`. Out: the model without what stands elsewhere.
//! Holds: without selectors everything counts. The root namespace and the control plane's own always count: a policy for the
//! whole mesh must not go unread because somebody forgot a label.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use weft_model::api::mesh_config::{LabelSelector, Requirement};
use weft_model::{MeshModel, Objects};

use crate::MeshSettings;

const CONTROL_PLANE: &str = "istio-system";

/// The part of a model that counts.
pub(crate) fn discovered<'a>(model: &'a MeshModel, settings: &MeshSettings) -> Cow<'a, MeshModel> {
    if settings.discovery.is_empty() {
        return Cow::Borrowed(model);
    }
    let chosen =
        model.namespaces.iter().map(|namespace| &namespace.meta).filter(|meta| {
            settings.discovery.iter().any(|selector| selects(selector, &meta.labels))
        });
    let own = [settings.root_namespace.as_str(), CONTROL_PLANE];
    let names: HashSet<&str> = chosen.map(|meta| meta.name.as_str()).chain(own).collect();
    let MeshModel {
        services,
        slices,
        pods,
        namespaces,
        nodes,
        accounts,
        virtual_services,
        destination_rules,
        gateways,
        peer_authentications,
        authorization_policies,
        request_authentications,
        service_entries,
        workload_entries,
        sidecars,
        envoy_filters,
        secrets,
        config_maps,
    } = model;
    Cow::Owned(MeshModel {
        services: within(services, &names),
        slices: within(slices, &names),
        pods: within(pods, &names),
        namespaces: namespaces.clone(),
        nodes: nodes.clone(),
        accounts: within(accounts, &names),
        virtual_services: within(virtual_services, &names),
        destination_rules: within(destination_rules, &names),
        gateways: within(gateways, &names),
        peer_authentications: within(peer_authentications, &names),
        authorization_policies: within(authorization_policies, &names),
        request_authentications: within(request_authentications, &names),
        service_entries: within(service_entries, &names),
        workload_entries: within(workload_entries, &names),
        sidecars: within(sidecars, &names),
        envoy_filters: within(envoy_filters, &names),
        secrets: within(secrets, &names),
        config_maps: within(config_maps, &names),
    })
}

fn within<T>(objects: &Objects<T>, names: &HashSet<&str>) -> Objects<T> {
    let inside = objects.iter().filter(|object| names.contains(object.meta.namespace.as_str()));
    inside.cloned().collect()
}

fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let LabelSelector { match_labels, match_expressions } = selector;
    let equal = |(key, value): (&String, &String)| labels.get(key) == Some(value);
    match_labels.iter().all(equal) && match_expressions.iter().all(|one| holds(one, labels))
}

fn holds(requirement: &Requirement, labels: &BTreeMap<String, String>) -> bool {
    let Requirement { key, operator, values } = requirement;
    let value = labels.get(key);
    match operator.as_str() {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        // Told of when it was written.
        _ => false,
    }
}
