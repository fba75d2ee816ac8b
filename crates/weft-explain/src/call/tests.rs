use serde_json::json;

use super::*;

#[test]
fn a_line_of_a_file_says_the_same_as_flags() {
    let call = Call::read(&json!({"from": "web.shop", "to": "[fd00::1]:80", "method": "POST",
        "headers": {"X-User": "a"}, "http2": true, "mtls": true, "source-ip": "10.0.0.1"}))
    .unwrap();
    assert_eq!(call.origin, Origin::From("web".into(), "shop".into()));
    assert_eq!((call.host.as_str(), call.port), ("fd00::1", 80));
    assert_eq!(call.fields, [("x-user".to_owned(), "a".to_owned())]);
    assert_eq!((call.spoken, call.security), (Spoken::Http2, Security::Mtls));
    assert_eq!(call.source_ip, Some("10.0.0.1".parse().unwrap()));
}

#[test]
fn claims_are_written_like_conditions() {
    let mut call = Call::new(Origin::From("a".into(), "b".into()), "c:1").unwrap();
    for claim in ["iss=https://i", "aud=a", "aud=b", "aud=c=d", "realm[access][role]=x"] {
        call.add_claim(claim).unwrap();
    }
    let expected = json!({"iss": "https://i", "aud": ["a", "b", "c=d"],
        "realm": {"access": {"role": "x"}}});
    assert_eq!(Value::from(call.claims.clone()), expected);
    for wrong in ["iss", "=x", "[a]=x", "a[]=x", "iss[a]=x"] {
        assert!(call.add_claim(wrong).unwrap_err().to_string().contains(wrong), "{wrong}");
    }
    let read =
        Call::read(&json!({"from": "a", "to": "c:1", "jwt": " t ", "claims": {"a": 1}, "at": 5}));
    let read = read.unwrap();
    assert_eq!(read.fields, [("authorization".to_owned(), "Bearer t".to_owned())]);
    assert_eq!((Value::from(read.claims), read.at), (json!({"a": 1}), Some(5)));
}

#[test]
fn what_is_missing_or_misspelt_is_said() {
    let told = |written: Value| Call::read(&written).unwrap_err().to_string();
    assert_eq!(
        told(json!({"form": "a.b", "to": "c:1"})),
        "a call has no \"form\"; did you mean from?"
    );
    assert!(told(json!({"to": "c:1"})).contains("needs one beginning"));
    assert!(told(json!({"from": "a", "to": "c"})).contains("HOST:PORT"));
    assert!(told(json!({"from": "a", "to": "c:1", "tcp": "yes"})).contains("true or false"));
}
