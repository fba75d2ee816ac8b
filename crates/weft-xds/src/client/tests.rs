use weft_proto::ads::{Any, Resource};
use weft_proto::type_url;

use super::*;

fn response(nonce: &str, items: &[(&str, &str)], removed: &[&str]) -> DeltaDiscoveryResponse {
    let resource = |(name, version): &(&str, &str)| Resource {
        name: (*name).into(),
        version: (*version).into(),
        resource: Some(Any { type_url: type_url::CLUSTER.into(), value: Bytes::new() }),
    };
    DeltaDiscoveryResponse {
        type_url: type_url::CLUSTER.into(),
        nonce: nonce.into(),
        resources: items.iter().map(resource).collect(),
        removed_resources: removed.iter().map(|n| (*n).to_owned()).collect(),
        ..Default::default()
    }
}

#[test]
fn a_reconnect_tells_what_was_accepted_and_not_what_was_refused() {
    let mut client = DeltaClient::new(Node { id: "n".into(), ..Default::default() });
    client.subscribe_all(type_url::CLUSTER).unwrap();
    client.subscribe(type_url::ENDPOINTS, ["a".to_owned()]).unwrap();
    assert!(client.subscribe(type_url::ENDPOINTS, ["a".to_owned()]).is_none());
    assert_eq!(client.connect()[0].node.as_ref().unwrap().id, "n");

    let update = client.receive(response("1", &[("a", "1"), ("b", "1"), ("c", "1")], &[]));
    assert_eq!(client.answer(&update.id, &Verdict::Accept).unwrap().error_detail, None);
    let update = client.receive(response("2", &[("a", "2"), ("b", "2")], &["c"]));
    let refused = vec![Refusal { resource: "b".into(), why: "no".into() }];
    let nack = client.answer(&update.id, &Verdict::Reject(refused)).unwrap();
    assert_eq!((nack.response_nonce.as_str(), nack.error_detail.is_some()), ("2", true));

    let pending = client.receive(response("3", &[("d", "1")], &[]));
    let again = client.connect();
    let known: BTreeMap<_, _> = again[0].initial_resource_versions.clone().into_iter().collect();
    assert_eq!(known, BTreeMap::from([("a".into(), "2".into()), ("b".into(), "1".into())]));
    assert_eq!(again[1].resource_names_subscribe, ["a"]);
    assert!(client.answer(&pending.id, &Verdict::Accept).is_none(), "that stream is gone");
}
