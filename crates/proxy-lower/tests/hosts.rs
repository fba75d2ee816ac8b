//! Virtual hosts are read one by one, with the same outcome as all at once.

use std::sync::Arc;

use prost::Message;
use proxy_config::route::{Retry, RouteAction};
use proxy_lower::lower_routes;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::google::protobuf::UInt32Value;

fn host(name: &str) -> route::VirtualHost {
    let matches = route::RouteMatch {
        path_specifier: Some(route::route_match::PathSpecifier::Prefix("/".into())),
        ..Default::default()
    };
    let forward = route::RouteAction {
        cluster_specifier: Some(route::route_action::ClusterSpecifier::Cluster("c".into())),
        ..Default::default()
    };
    let wire = route::Route {
        r#match: Some(matches),
        action: Some(route::route::Action::Route(forward)),
        ..Default::default()
    };
    let domains = vec![format!("{name}.example")];
    route::VirtualHost { name: name.into(), domains, routes: vec![wire], ..Default::default() }
}

fn three() -> route::RouteConfiguration {
    route::RouteConfiguration {
        name: "80".into(),
        virtual_hosts: ["a", "b", "c"].map(host).into(),
        ignore_port_in_host_matching: true,
        request_headers_to_remove: vec!["x-gone".into()],
        ..Default::default()
    }
}

#[test]
fn hosts_keep_their_order_and_what_stands_around_them_counts() {
    let lowered = lower_routes(&three().encode_to_vec()).unwrap();
    let names: Vec<&str> = lowered.virtual_hosts.iter().map(|host| &*host.name).collect();
    assert_eq!((&*lowered.name, names), ("80", vec!["a", "b", "c"]));
    assert!(lowered.ignore_port);
    assert_eq!(lowered.headers.request.len(), 1);
}

#[test]
fn one_bad_host_refuses_the_configuration_and_is_named() {
    let mut wire = three();
    wire.virtual_hosts[1].routes[0].action = None;
    let refused = lower_routes(&wire.encode_to_vec()).unwrap_err();
    assert!(refused.path.starts_with("virtual_hosts[b].routes[0]"), "{refused}");
}

#[test]
fn bytes_that_end_early_are_refused_and_never_read_beyond() {
    let whole = three().encode_to_vec();
    let hosts_at = |length: usize| lower_routes(&whole[..length]).map(|r| r.virtual_hosts.len());
    let (mut taken, mut refused) = (0, 0);
    for length in 0..whole.len() {
        match hosts_at(length) {
            // A message that ends between two fields is a shorter message.
            Ok(hosts) => taken += usize::from(hosts <= 3),
            Err(why) => refused += usize::from(why.to_string().contains("cannot be read")),
        }
    }
    assert_eq!(taken + refused, whole.len());
    assert!(refused > whole.len() / 2);
}

#[test]
fn routes_that_retry_in_the_same_way_share_how() {
    let mut wire = three();
    for (host, tries) in wire.virtual_hosts.iter_mut().zip([2, 2, 3]) {
        let Some(route::route::Action::Route(action)) = &mut host.routes[0].action else {
            panic!("it forwards")
        };
        let policy = route::RetryPolicy {
            retry_on: "connect-failure".into(),
            num_retries: Some(UInt32Value { value: tries }),
            ..Default::default()
        };
        action.retry_policy = Some(policy);
    }
    let lowered = lower_routes(&wire.encode_to_vec()).unwrap();
    let retries = lowered.virtual_hosts.iter().map(|host| match &host.routes[0].action {
        RouteAction::Forward(forward) => Arc::clone(forward.retry.as_ref().unwrap()),
        other => panic!("{other:?}"),
    });
    let all: Vec<Arc<Retry>> = retries.collect();
    assert_eq!(all.iter().map(|retry| retry.num_retries).collect::<Vec<_>>(), [2, 2, 3]);
    assert!(Arc::ptr_eq(&all[0], &all[1]) && !Arc::ptr_eq(&all[1], &all[2]));
}
