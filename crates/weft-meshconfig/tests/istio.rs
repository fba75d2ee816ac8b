//! Holds our verdicts on mesh-wide settings against Istio's own on its test inputs.
//!
//! The cases stand beside the repository (`../shared/istio-cases`), not in it; without them there is nothing to compare.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its cases fails")]

use std::path::Path;

use serde_json::Value;
use weft_api::mesh_config::Time;
use weft_api::{Read as _, Reader};
use weft_meshconfig::{scalar, validate_mesh_config, validate_mesh_networks};

/// Cases of a file; none when the folder is not there.
fn cases(name: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/istio-cases");
    if !folder.exists() {
        return Vec::new();
    }
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn settings_are_refused_when_istio_refuses_them() {
    for (index, case) in cases("meshconfig.json").iter().enumerate() {
        let config = &case["config"];
        let problems = match case["kind"].as_str() {
            Some("MeshConfig") => validate_mesh_config(config).1,
            Some("MeshNetworks") => validate_mesh_networks(config).1,
            other => panic!("what is {other:?}?"),
        };
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let accepted = !problems.iter().any(weft_meshconfig::Problem::is_error);
        assert_eq!(accepted, case["accept"], "{index}: {config}\n{}\n{told:#?}", case["why"]);
    }
}

#[test]
fn single_values_are_refused_when_istio_refuses_them() {
    for case in cases("scalars.json") {
        let args = case["args"].as_array().unwrap();
        let text = || args[0].as_str().unwrap();
        let number = || args[0].as_i64().unwrap();
        let checked = match case["func"].as_str().unwrap() {
            "validateExtensionProviderService" => scalar::provider_service(text()),
            "ValidateFQDN" => scalar::full_domain(text()),
            "ValidatePort" => scalar::port(number()),
            "ValidateControlPlaneAuthPolicy" => scalar::control_plane_auth(number()),
            "ValidateProxyAddress" => scalar::host_and_port(text()),
            "ValidateDuration" => duration(&args[0]),
            "ValidateWildcardDomain" => scalar::wildcard_domain(text()),
            "ValidateWildcardDomainForVirtualServiceBoundToGateway" => {
                scalar::gateway_bound_domain(args[0] == true, args[1].as_str().unwrap())
            }
            "ValidateTrustDomain" => scalar::trust_domain(text()),
            "validateMeshConfigDefaultInboundHTTPRetryPolicy" => inbound_retries(&args[0]),
            "validateLocalities" => {
                scalar::localities(args[0].as_array().unwrap().iter().filter_map(Value::as_str))
            }
            "ValidateIPAddress" => scalar::ip_address(text()),
            "ValidateIPSubnet" => scalar::ip_range(text()),
            other => panic!("no rule of ours for {other}"),
        };
        assert_eq!(checked.is_ok(), case["accept"], "{case}: {checked:?}");
    }
}

/// A length of time that cannot be read is not allowed either.
fn duration(value: &Value) -> scalar::Checked {
    let mut reader = Reader::default();
    let time = Time::read(value, &mut reader);
    match reader.into_issues().pop() {
        None => scalar::duration(time),
        Some(issue) => Err(scalar::Fault { what: issue.what, fix: issue.fix }),
    }
}

/// Where the data could not show what was given, nothing was given.
fn inbound_retries(value: &Value) -> scalar::Checked {
    let policy = if value.is_object() { value.clone() } else { Value::Null };
    let config = serde_json::json!({ "defaultInboundHttpRetryPolicy": policy });
    match validate_mesh_config(&config).1.into_iter().find(weft_meshconfig::Problem::is_error) {
        None => Ok(()),
        Some(problem) => Err(scalar::Fault { what: problem.what, fix: problem.fix }),
    }
}
