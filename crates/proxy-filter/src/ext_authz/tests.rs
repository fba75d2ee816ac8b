#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use prost::Message as _;
use proxy_config::ext_authz::{Gate, HttpService, Service};
use proxy_config::matcher::StringMatcher;
use weft_proto::envoy::config::core::v3::{HeaderValue, HeaderValueOption, QueryParameter};
use weft_proto::envoy::service::auth::v3 as wire;
use weft_proto::envoy::r#type::v3::HttpStatus;
use weft_proto::google::protobuf::BoolValue;
use weft_proto::google::rpc::Status;
use wire::check_response::HttpResponse;

use super::by_grpc::{self, End, Question, Request};
use super::*;

fn named(name: &str) -> StringMatcher {
    StringMatcher::IgnoreCase(Box::new(StringMatcher::Exact(name.into())))
}

fn service() -> HttpService {
    HttpService {
        cluster: "c".into(),
        path_prefix: "/check".into(),
        shown: vec![named("X-Id"), StringMatcher::Prefix("con".into())],
        added: Vec::new(),
        to_server: vec![named("x-user"), StringMatcher::Prefix("content-".into())],
        to_client_on_no: None,
        to_client_on_yes: vec![named("set-cookie")],
    }
}

fn fields(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn nobody_is_asked_unless_a_rule_of_the_provider_has_matched() {
    let mut filter = ExtAuthz {
        gate: Some(Gate { prefix: "p_".into(), policy: StringMatcher::Prefix("mine-".into()) }),
        service: Service::Http(Box::new(service())),
        timeout: None,
        fail_open: false,
        status_on_error: 403,
        body: None,
        finds_route_again: false,
    };
    let note = |prefix, policy| Note { prefix, policy };
    assert!(!asks(&filter, &[]));
    assert!(!asks(&filter, &[note("q_", "mine-0")]));
    assert!(!asks(&filter, &[note("p_", "yours-0")]));
    assert!(asks(&filter, &[note("p_", "yours-0"), note("p_", "mine-0")]));
    filter.gate = None;
    assert!(asks(&filter, &[]));
}

#[test]
fn a_service_of_http_sees_the_chosen_fields_and_never_how_a_message_is_framed() {
    let service = service();
    for (name, shown) in [
        ("x-id", true),
        ("authorization", true),
        ("cookie", false),
        ("content-type", true),
        ("content-length", false),
        ("connection", false),
    ] {
        assert_eq!(by_request::shows(&service, name), shown, "{name}");
    }
}

#[test]
fn a_yes_changes_the_chosen_fields() {
    let said = fields(&[
        ("x-user", "ann"),
        ("x-user", "bob"),
        ("content-length", "0"),
        ("set-cookie", "a=b"),
        ("x-other", "c"),
        ("x-envoy-auth-headers-to-remove", "X-Old, host, no name"),
    ]);
    let Answer::Yes(changes) = by_request::answer(&service(), 200, said, Vec::new()) else {
        panic!("it is a yes");
    };
    let wanted = [
        Change::Set("x-user".into(), "ann".into()),
        Change::Add("x-user".into(), "bob".into()),
        Change::Remove("x-old".into()),
    ];
    assert_eq!(changes.request, wanted);
    assert_eq!(changes.response, [Change::Add("set-cookie".into(), "a=b".into())]);
}

#[test]
fn a_no_is_told_as_it_is_and_a_failure_is_none() {
    let said = || fields(&[("location", "/login"), ("x-why", "no"), ("content-length", "2")]);
    let answer =
        |service: &HttpService, status| by_request::answer(service, status, said(), b"no".to_vec());
    let mut service = service();
    let no = |status, fields| Answer::No(Refusal { status, fields, body: b"no".to_vec() });
    let both = fields(&[("location", "/login"), ("x-why", "no")]);
    assert_eq!(answer(&service, 302), no(302, both.clone()));
    assert_eq!(answer(&service, 201), no(201, both));
    service.to_client_on_no = Some(vec![named("x-none")]);
    assert_eq!(answer(&service, 401), no(401, fields(&[("location", "/login")])));
    assert_eq!(answer(&service, 500), Answer::Failed);
}

fn request(as_bytes: bool) -> Vec<u8> {
    let end = |address: &str, principal| End { address: address.parse().unwrap(), principal };
    by_grpc::question(Question {
        source: end("10.0.0.1:1", Some("spiffe://a")),
        destination: end("10.0.0.2:80", None),
        time: Duration::from_millis(1500),
        request: Some(Request {
            id: "7",
            method: "POST",
            scheme: "http",
            authority: "web",
            path: "/a?b=c",
            protocol: "HTTP/1.1",
            size: None,
            fields: fields(&[("x-a", "1"), ("x-a", "2")]),
            body: b"\xffbody",
            as_bytes,
        }),
    })
}

#[test]
fn a_service_of_grpc_is_told_everything() {
    let body = request(false);
    let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
    assert_eq!((body[0], length), (0, u32::try_from(body.len() - 5).unwrap()));
    let asked = wire::CheckRequest::decode(&body[5..]).unwrap().attributes.unwrap();
    assert_eq!(asked.source.unwrap().principal, "spiffe://a");
    let request_of = asked.request.unwrap();
    assert_eq!(request_of.time.unwrap().nanos, 500_000_000);
    let http = request_of.http.unwrap();
    assert_eq!((http.path.as_str(), http.host.as_str(), http.size), ("/a?b=c", "web", -1));
    assert_eq!((http.headers["x-a"].as_str(), http.headers[":method"].as_str()), ("1,2", "POST"));
    assert_eq!((http.body.as_str(), http.raw_body.len()), ("\u{fffd}body", 0));
    let asked = wire::CheckRequest::decode(&request(true)[5..]).unwrap().attributes.unwrap();
    let http = asked.request.unwrap().http.unwrap();
    assert_eq!((http.body.as_str(), http.raw_body.as_slice()), ("", &b"\xffbody"[..]));
}

fn option(key: &str, value: &str) -> HeaderValueOption {
    let header = HeaderValue { key: key.into(), value: value.into(), ..HeaderValue::default() };
    HeaderValueOption { header: Some(header), ..HeaderValueOption::default() }
}

fn said(code: i32, response: Option<HttpResponse>) -> Answer {
    let status = Some(Status { code, ..Status::default() });
    let said = wire::CheckResponse { status, http_response: response, dynamic_metadata: None };
    let message = said.encode_to_vec();
    let mut body = vec![0];
    body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    body.extend(message);
    by_grpc::answer(&body)
}

fn yes(ok: wire::OkHttpResponse) -> Answer {
    said(0, Some(HttpResponse::OkResponse(ok)))
}

#[test]
fn a_yes_of_grpc_changes_fields_path_and_query() {
    #[expect(deprecated, reason = "this is how the protocol says it of requests")]
    let extended =
        HeaderValueOption { append: Some(BoolValue { value: true }), ..option("x-b", "2") };
    let ok = wire::OkHttpResponse {
        headers: vec![option("X-A", "1"), extended, option(":path", "/new"), option("te", "x")],
        headers_to_remove: vec!["x-c".into(), "Host".into()],
        response_headers_to_add: vec![option("x-d", "4")],
        query_parameters_to_set: vec![QueryParameter { key: "q".into(), value: "1".into() }],
        query_parameters_to_remove: vec!["r".into()],
        ..wire::OkHttpResponse::default()
    };
    let Answer::Yes(changes) = yes(ok) else { panic!("it is a yes") };
    let wanted = [
        Change::Set("x-a".into(), "1".into()),
        Change::Extend("x-b".into(), "2".into()),
        Change::Set(":path".into(), "/new".into()),
        Change::Remove("x-c".into()),
    ];
    assert_eq!(changes.request, wanted);
    assert_eq!(changes.response, [Change::Add("x-d".into(), "4".into())]);
    assert_eq!(with_parameters("/a?r=1&s=2", &changes.parameters), "/a?s=2&q=1");
    assert_eq!(with_parameters("/a", &changes.parameters), "/a?q=1");
}

#[test]
fn a_no_of_grpc_has_a_status_fields_and_a_body() {
    let denied = |code| wire::DeniedHttpResponse {
        status: code,
        headers: vec![option("X-Why", "no")],
        body: "told".into(),
    };
    let no = |status| {
        let fields = fields(&[("x-why", "no")]);
        Answer::No(Refusal { status, fields, body: b"told".to_vec() })
    };
    let status = Some(HttpStatus { code: 401 });
    assert_eq!(said(7, Some(HttpResponse::DeniedResponse(denied(status)))), no(401));
    assert_eq!(said(7, Some(HttpResponse::DeniedResponse(denied(None)))), no(403));
    let bare = Answer::No(Refusal { status: 403, fields: Vec::new(), body: Vec::new() });
    assert_eq!(said(16, None), bare);
    assert_eq!(said(13, Some(HttpResponse::ErrorResponse(denied(None)))), Answer::Failed);
}

#[test]
fn an_answer_that_cannot_be_read_is_no_yes() {
    assert_eq!(said(0, None), Answer::Yes(Changes::default()));
    for body in [&b""[..], b"\x00\x00\x00", b"\x01\x00\x00\x00\x00", b"\x00\x00\x00\x00\x09a"] {
        assert_eq!(by_grpc::answer(body), Answer::Failed, "{body:?}");
    }
    for odd in [option("no name", "1"), option("x-a", "1\r\nx-b: 2"), option(":path", "elsewhere")]
    {
        let ok = wire::OkHttpResponse { headers: vec![odd.clone()], ..Default::default() };
        assert_eq!(yes(ok), Answer::Failed, "{odd:?}");
    }
}
