//! What is read of lines as proxies write them.

use super::*;

const SERVED: &str = "[2026-11-22T17:00:00.001Z] \"GET /pay/7?x=1 HTTP/1.1\" 200 - via_upstream - \"-\" 0 12 3 2 \"10.0.0.9\" \
    \"curl/8.5\" \"1b4e\" \"payment:8080\" \"10.244.0.8:8080\" outbound|8080|v1|payment.payments.svc.cluster.local 10.244.0.5:4711 \
    10.96.0.7:8080 10.244.0.5:33000 - default";

#[track_caller]
fn entry(line: &str) -> Entry<'_> {
    match read(line) {
        Line::Entry(entry) => *entry,
        other => panic!("{other:?}: {line}"),
    }
}

#[test]
fn the_default_text_is_read_field_by_field() {
    let read = entry(SERVED);
    let some = |text: &'static str| Some(Cow::Borrowed(text));
    let wanted = Entry {
        pod: None,
        method: some("GET"),
        path: some("/pay/7?x=1"),
        protocol: some("HTTP/1.1"),
        code: 200,
        flags: None,
        details: some("via_upstream"),
        termination: None,
        forwarded_for: some("10.0.0.9"),
        user_agent: some("curl/8.5"),
        request_id: some("1b4e"),
        authority: some("payment:8080"),
        upstream_host: some("10.244.0.8:8080"),
        cluster: some("outbound|8080|v1|payment.payments.svc.cluster.local"),
        downstream_local: "10.96.0.7:8080".parse().ok(),
        downstream_remote: "10.244.0.5:33000".parse().ok(),
        server_name: None,
        route: some("default"),
    };
    assert_eq!(read, wanted);
}

#[test]
fn what_printed_the_line_may_stand_before_it() {
    let plain = entry(SERVED);
    for before in ["2026-11-22T17:00:00.123456789Z ", "2026-11-22T17:00:00.1+01:00 stdout F "] {
        let line = format!("{before}{SERVED}\r\n");
        assert_eq!(entry(&line), plain);
    }
    let line = format!("[pod/sleep-7d-x/istio-proxy] 2026-11-22T17:00:00.123456789Z {SERVED}\n");
    assert_eq!(entry(&line), Entry { pod: Some("sleep-7d-x"), ..plain });
    let line = format!("[pod/sleep-7d-x/app] {SERVED}");
    assert_eq!(read(&line), Line::Other, "what an application prints is no entry of its proxy");
}

#[test]
fn words_of_a_client_are_not_taken_for_other_fields() {
    let forged =
        "x\" \"id\" \"evil\" \"1.2.3.4:5\" outbound|1||evil 1.1.1.1:1 2.2.2.2:2 3.3.3.3:3 - r";
    let line = SERVED.replace("curl/8.5", forged);
    let read = entry(&line);
    assert_eq!(read.authority.as_deref(), Some("payment:8080"));
    assert_eq!(read.downstream_remote, "10.244.0.5:33000".parse().ok());
    assert_eq!(read.user_agent.as_deref(), Some(forged));
}

#[test]
fn denials_connections_and_other_hosts_are_read() {
    let denied = "[2026-11-22T17:00:00.001Z] \"POST / HTTP/2\" 403 - rbac_access_denied_matched_policy[ns[a]-policy[b]-rule[0]] - \
        \"-\" 0 19 0 - \"-\" \"-\" \"-\" \"web\" \"-\" inbound|8080|| - 10.244.0.8:8080 10.244.0.5:0 outbound_.80_._.web.a.svc \
        my route denied=\"no rule \\\"x\\\" denied=\\\"y\\\"\"";
    let read = entry(denied);
    assert_eq!((read.code, read.route.as_deref()), (403, Some("my route")));
    assert_eq!(read.upstream_host, None);
    let bytes = "[2026-11-22T17:00:00.001Z] \"- - -\" 0 NR - rbac_x \"TLS_error: \"x\" bad\" 3 0 5 - \"-\" \"-\" \"-\" \"-\" \
        \"[fd00::1]:80\" outbound|5432||db - [fd00::2]:5432 [fd00::3]:1 db.example.com -";
    let read = entry(bytes);
    assert_eq!((read.method, read.code), (None, 0));
    assert_eq!(read.downstream_local, "[fd00::2]:5432".parse().ok());
    assert_eq!(read.termination.as_deref(), Some("rbac_x"));
}

#[test]
fn the_default_json_is_read_and_other_json_is_left_alone() {
    let line = r#"{"start_time":"2026-11-22T17:00:00.001Z","method":"GET","path":"/a\"b","protocol":"HTTP/1.1","response_code":200,
        "response_flags":"-","upstream_cluster":"outbound|80||x","downstream_local_address":"10.96.0.7:80","upstream_service_time":null,
        "downstream_remote_address":"10.244.0.5:33000","authority":"x","duration":3,"route_name":null}"#;
    let line = line.replace('\n', "");
    let read_ = entry(&line);
    assert_eq!((read_.path.as_deref(), read_.flags), (Some("/a\"b"), None));
    assert_eq!(read_.downstream_local, "10.96.0.7:80".parse().ok());
    assert_eq!(read(r#"{"level":"info","msg":"ready"}"#), Line::Other);
    let short = r#"{"response_code":200,"method":"GET","upstream_cluster":null}"#;
    assert!(
        matches!(read(short), Line::Unreadable(why) if why.contains("downstream_local_address"))
    );
}

#[test]
fn what_is_no_entry_is_told_from_an_entry_that_is_broken() {
    let others = [
        "",
        "2026-11-22T17:00:00.654706Z  INFO weft_proxy::running: ready",
        "[2026-11-22 17:00:00.123][15][info][main] [source/server/server.cc:1] all clusters initialized",
        "[",
        "{",
        "[pod/x",
        "\u{e4}",
    ];
    others.into_iter().for_each(|line| assert_eq!(read(line), Line::Other, "{line}"));
    let broken = [
        &SERVED[..SERVED.len() - 20],
        &SERVED[..150],
        "[2026-11-22T17:00:00Z] \"GET / HTTP/1.1\" 200 my own format",
        "[2026-11-22T17:00:00Z] \"\" 200",
    ];
    broken
        .into_iter()
        .for_each(|line| assert!(matches!(read(line), Line::Unreadable(_)), "{line}"));
}

proptest::proptest! {
    #[test]
    fn every_line_has_an_answer(begin in "(\\[2|\\{\"response_code\"|\\[pod/)?", line in ".{0,200}") {
        let _answer = read(&format!("{begin}{line}"));
    }

    #[test]
    fn a_line_that_was_cut_or_has_more_in_it_has_an_answer(at in 0..SERVED.len(), more in "[ \"\\-\\[\\]a-z]{0,6}", cut: bool) {
        let (begin, end) = SERVED.split_at(at);
        let _answer = read(&format!("{begin}{more}{}", if cut { "" } else { end }));
    }
}
