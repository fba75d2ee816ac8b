use super::*;
use crate::error_detail;

const CDS: &str = type_url::CLUSTER;
const EDS: &str = type_url::ENDPOINTS;

fn set(items: &[(&str, &str)]) -> ResourceSet {
    let resource = |body: &str| Resource::new(Bytes::copy_from_slice(body.as_bytes()));
    items.iter().map(|(name, body)| ((*name).to_owned(), resource(body))).collect()
}

fn ask(type_url: &str, names: &[&str]) -> Request {
    Request::Delta(DeltaDiscoveryRequest {
        type_url: type_url.into(),
        resource_names_subscribe: names.iter().map(|n| (*n).to_owned()).collect(),
        ..Default::default()
    })
}

fn ack(response: &Response, refusals: &[Refusal]) -> Request {
    let Response::Delta(response) = response else { panic!("delta") };
    Request::Delta(DeltaDiscoveryRequest {
        type_url: response.type_url.clone(),
        response_nonce: response.nonce.clone(),
        error_detail: (!refusals.is_empty()).then(|| error_detail(refusals)),
        ..Default::default()
    })
}

fn names(response: &Response) -> (Vec<&str>, Vec<&str>) {
    let Response::Delta(response) = response else { panic!("delta") };
    let sent = response.resources.iter().map(|r| r.name.as_str()).collect();
    (sent, response.removed_resources.iter().map(String::as_str).collect())
}

#[test]
fn a_wildcard_stream_gets_everything_once_and_then_only_changes() {
    let mut session = Session::new(Mode::Delta);
    assert!(session.push(CDS, &set(&[("a", "1")]), 1, false).is_none(), "nobody asked");
    assert!(session.receive(ask(CDS, &[])).wants);
    let first = session.push(CDS, &set(&[("a", "1"), ("b", "1")]), 1, false).unwrap();
    assert_eq!(names(&first), (vec!["a", "b"], vec![]));
    let received = session.receive(ack(&first, &[]));
    assert_eq!(received.answer.unwrap().tag, 1);
    assert!(!received.wants);
    assert!(session.push(CDS, &set(&[("a", "1"), ("b", "1")]), 2, false).is_none());

    let changed = set(&[("b", "2"), ("c", "1")]);
    let held = session.push(CDS, &changed, 3, true).unwrap();
    assert_eq!(names(&held), (vec!["b", "c"], vec![]), "removals wait");
    let last = session.push(CDS, &changed, 3, false).unwrap();
    assert_eq!(names(&last), (vec![], vec!["a"]));
    let answer = session.receive(ack(&last, &[])).answer.unwrap();
    assert_eq!((answer.tag, answer.removed), (3, vec!["a".to_owned()]));
    assert!(!session.waiting(CDS), "a later word answers the earlier pushes too");
}

#[test]
fn a_named_stream_gets_its_names_and_hears_what_does_not_exist() {
    let mut session = Session::new(Mode::Delta);
    session.receive(ask(EDS, &["a", "x"]));
    let all = set(&[("a", "1"), ("b", "1")]);
    let first = session.push(EDS, &all, 1, false).unwrap();
    assert_eq!(names(&first), (vec!["a"], vec!["x"]));
    assert!(session.push(EDS, &all, 2, false).is_none());
    assert!(session.receive(ask(EDS, &["b"])).wants);
    assert_eq!(names(&session.push(EDS, &all, 2, false).unwrap()), (vec!["b"], vec![]));
    session.receive(ask(EDS, &["a"]));
    let again = session.push(EDS, &all, 2, false).unwrap();
    assert_eq!(names(&again).0, ["a"], "asked anew: the client lost it");
}

#[test]
fn a_reconnect_brings_only_what_changed_and_what_is_gone() {
    let mut session = Session::new(Mode::Delta);
    let old = set(&[("a", "1"), ("b", "1"), ("c", "1")]);
    let versions = old.iter().map(|(n, r)| (n.to_string(), r.version.to_string())).collect();
    session.receive(Request::Delta(DeltaDiscoveryRequest {
        type_url: CDS.into(),
        initial_resource_versions: versions,
        ..Default::default()
    }));
    let response = session.push(CDS, &set(&[("a", "1"), ("b", "2")]), 9, false).unwrap();
    assert_eq!(names(&response), (vec!["b"], vec!["c"]));
}

#[test]
fn a_refusal_names_its_resource_and_is_not_sent_again_until_it_changes() {
    let mut session = Session::new(Mode::Delta);
    session.receive(ask(CDS, &["*"]));
    let response = session.push(CDS, &set(&[("a", "1"), ("b", "bad")]), 1, false).unwrap();
    let refusal = Refusal { resource: "b".into(), why: "bad".into() };
    let answer = session.receive(ack(&response, std::slice::from_ref(&refusal))).answer.unwrap();
    assert_eq!(answer.refused, [refusal]);
    assert!(session.push(CDS, &set(&[("a", "1"), ("b", "bad")]), 2, false).is_none());
    let better = session.push(CDS, &set(&[("a", "1"), ("b", "good")]), 3, false).unwrap();
    assert_eq!(names(&better).0, ["b"]);
}

#[test]
fn of_an_answer_that_is_refused_whole_the_one_at_fault_is_found_and_the_rest_is_taken() {
    let all = set(&[("a", "1"), ("b", "1"), ("c", "bad"), ("d", "1"), ("e", "1")]);
    let mut session = Session::new(Mode::Delta);
    session.receive(ask(CDS, &["*"]));
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    while let Some(response) = session.push(CDS, &all, 1, false) {
        let sent: Vec<String> = names(&response).0.into_iter().map(str::to_owned).collect();
        let Response::Delta(delta) = response else { panic!("delta") };
        let bad = sent.iter().any(|name| name == "c");
        let status = weft_proto::google::rpc::Status {
            code: 13,
            message: "bad".into(),
            details: Vec::new(),
        };
        let received = session.receive(Request::Delta(DeltaDiscoveryRequest {
            type_url: CDS.into(),
            response_nonce: delta.nonce,
            error_detail: bad.then_some(status),
            ..Default::default()
        }));
        refused.extend(received.answer.unwrap().refused);
        if !bad {
            taken.extend(sent);
        }
        if !received.wants {
            break;
        }
    }
    taken.sort();
    assert_eq!(taken, ["a", "b", "d", "e"]);
    assert_eq!(refused, [Refusal { resource: "c".into(), why: "bad".into() }]);
    assert!(!session.waiting(CDS));
}

#[test]
fn a_changed_cluster_brings_its_endpoints_again() {
    let mut session = Session::new(Mode::Delta);
    session.receive(ask(CDS, &[]));
    session.receive(ask(EDS, &["a", "b"]));
    let endpoints = set(&[("a", "e"), ("b", "e")]);
    session.push(CDS, &set(&[("a", "1"), ("b", "1")]), 1, false).unwrap();
    session.push(EDS, &endpoints, 1, false).unwrap();
    session.push(CDS, &set(&[("a", "2"), ("b", "1")]), 2, false).unwrap();
    assert_eq!(names(&session.push(EDS, &endpoints, 2, false).unwrap()).0, ["a"]);
}

#[test]
fn state_of_the_world_sends_the_whole_set_when_something_changed() {
    let ask = |names: &[&str], nonce: &str| {
        Request::Sotw(DiscoveryRequest {
            type_url: EDS.into(),
            resource_names: names.iter().map(|n| (*n).to_owned()).collect(),
            response_nonce: nonce.into(),
            ..Default::default()
        })
    };
    let mut session = Session::new(Mode::Sotw);
    assert!(session.receive(ask(&["a"], "")).wants);
    let all = set(&[("a", "1"), ("b", "1")]);
    let first = session.push(EDS, &all, 1, false).unwrap();
    let received = session.receive(ask(&["a"], first.nonce()));
    assert_eq!(received.answer.unwrap().sent, ["a"]);
    assert!(session.push(EDS, &all, 2, false).is_none());
    assert!(session.receive(ask(&["a", "b"], first.nonce())).wants);
    let second = session.push(EDS, &all, 3, false).unwrap();
    assert!(!session.receive(ask(&[], "0")).wants, "a stale message changes nothing");
    assert_eq!(session.receive(ask(&["a", "b"], second.nonce())).answer.unwrap().sent, ["a", "b"]);
}
