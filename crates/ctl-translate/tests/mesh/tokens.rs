//! RequestAuthentications: which tokens are believed, and where.

use crate::access::mesh;
use crate::everything::both_take;

/// The filter that verifies tokens, as a port of `web` has it.
fn verifier(objects: &str) -> serde_json::Value {
    let served = mesh().and(objects).served("web-v1.east");
    both_take(objects, &served.0);
    let listener = served.listener("virtualInbound");
    let chains = listener["filter_chains"].as_array().unwrap();
    let chain = chains.iter().find(|c| c["filter_chain_match"]["destination_port"] == 8080);
    let filters = chain.unwrap()["filters"].as_array().unwrap();
    let http = filters.iter().find_map(|one| one["typed_config"]["http_filters"].as_array());
    let found = http.unwrap().iter().position(|one| one["name"] == "envoy.filters.http.jwt_authn");
    let rbac = http.unwrap().iter().position(|one| one["name"] == "envoy.filters.http.rbac");
    assert!(found.is_none() || rbac.is_none() || found < rbac, "claims are asked for behind it");
    found.map(|at| http.unwrap()[at]["typed_config"].clone()).unwrap_or_default()
}

fn authentication(namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\n\
         metadata: {{name: r, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

#[test]
fn tokens_are_verified_where_a_request_authentication_selects() {
    let keys = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let rule = format!(
        "{{issuer: i, jwks: '{keys}', audiences: [a], fromParams: [t], outputPayloadToHeader: x-p}}"
    );
    let all =
        |selector: &str| authentication("east", &format!("{{{selector} jwtRules: [{rule}]}}"));
    let found = verifier(&all(""));
    let provider = &found["providers"]["origins-0"];
    assert_eq!((&provider["issuer"], &provider["audiences"][0]), (&"i".into(), &"a".into()));
    assert_eq!(provider["local_jwks"]["inline_string"], keys);
    assert_eq!(
        (&provider["from_params"][0], &provider["forward_payload_header"]),
        (&"t".into(), &"x-p".into())
    );
    assert_eq!(provider["payload_in_metadata"], "payload");
    let any = &found["rules"][0]["requires"]["requires_any"]["requirements"];
    assert_eq!(any[0]["provider_name"], "origins-0");
    assert!(any[1]["allow_missing"].is_object(), "{any}");
    assert!(verifier(&all("selector: {matchLabels: {app: web}},")).is_object());
    assert!(verifier(&all("selector: {matchLabels: {app: other}},")).is_null());
    assert!(verifier(&authentication("west", &format!("{{jwtRules: [{rule}]}}"))).is_null());
    let everywhere = authentication("istio-system", &format!("{{jwtRules: [{rule}]}}"));
    assert!(verifier(&everywhere).is_object());
}

#[test]
fn without_usable_keys_nobody_can_sign() {
    let nobody = |rule: &str| {
        let found = verifier(&authentication("east", &format!("{{jwtRules: [{rule}]}}")));
        let keys = found["providers"]["origins-0"]["local_jwks"]["inline_string"].to_string();
        assert!(keys.contains("nobody"), "{rule}: {keys}");
    };
    nobody("{issuer: i, jwksUri: 'https://i.example/keys'}");
    nobody(r#"{issuer: i, jwks: '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'}"#);
    nobody(r#"{issuer: i, jwks: '{"keys":[{"kty":"EC","crv":"P-256","x":"YQ","y":"Yg"}]}'}"#);
    nobody(r#"{issuer: i, jwks: '{"keys":[{"kty":"RSA","n":"YQ","e":"AQAB"}]}'}"#);
}

#[test]
fn a_proxy_gets_the_usable_keys_of_a_set_alone() {
    let key = r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let set = format!("{{\"keys\":[{key}]}}");
    let mixed = format!("{{\"keys\":[{key},{{\"kty\":\"RSA\",\"n\":\"YQ\",\"e\":\"AQAB\"}}]}}");
    for written in [key, &set, &mixed] {
        let rule = format!("{{jwtRules: [{{issuer: i, jwks: '{written}'}}]}}");
        let found = verifier(&authentication("east", &rule));
        let provider = &found["providers"]["origins-0"];
        assert_eq!(provider["local_jwks"]["inline_string"], set.as_str(), "{written}");
        assert!(
            provider["clear_route_cache"].as_bool() != Some(true),
            "no route of a port is by claims"
        );
    }
}
