//! The judge itself.

use prost::Message;
use weft_proto::envoy::config::listener::v3::filter::ConfigType;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;

use crate::envoy;

#[test]
fn the_judge_objects_to_a_wrong_resource() {
    let served = crate::fixture::Mesh::small().served("client.east");
    let mut wrong = envoy::bootstrap(&served.0);
    assert_eq!(envoy::judge(&wrong), None);
    let resources = wrong.static_resources.as_mut().unwrap();
    let http = resources.listeners.iter_mut().find(|l| l.name == "0.0.0.0_80").unwrap();
    let Some(ConfigType::TypedConfig(config)) = &mut http.filter_chains[0].filters[0].config_type
    else {
        panic!("no filter");
    };
    let mut manager = hcm::HttpConnectionManager::decode(config.value.as_slice()).unwrap();
    let Some(hcm::http_connection_manager::RouteSpecifier::RouteConfig(routes)) =
        &mut manager.route_specifier
    else {
        panic!("no routes");
    };
    let again = routes.virtual_hosts[0].domains.clone();
    routes.virtual_hosts[1].domains = again;
    config.value = manager.encode_to_vec();
    assert!(envoy::judge(&wrong).is_some_and(|why| why.contains("domain")));
}
