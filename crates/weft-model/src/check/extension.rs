//! Rules of `WasmPlugin` and `TrafficExtension`.

use std::collections::BTreeSet;

use weft_api::extension::{
    EnvSource, EnvVar, Lua, PluginMatch, TrafficExtension, VmConfig, Wasm, WasmPlugin,
};
use weft_api::meta::Metadata;

use super::{Findings, target, values};

const SCHEMES: &[&str] = &["oci", "http", "https", "file"];

pub(crate) fn wasm_plugin(_: &Metadata, spec: &WasmPlugin, findings: &mut Findings) {
    let WasmPlugin { selector, target_ref, target_refs, matches, .. } = spec;
    target::check(selector.as_ref(), target_ref.as_ref(), target_refs, findings);
    traffic(matches, findings);
    module(&spec.url, &spec.sha256, spec.vm_config.as_ref(), findings);
}

pub(crate) fn traffic_extension(_: &Metadata, spec: &TrafficExtension, findings: &mut Findings) {
    let TrafficExtension { selector, target_refs, phase: _, priority: _, matches, wasm, lua } =
        spec;
    target::check(selector.as_ref(), None, target_refs, findings);
    traffic(matches, findings);
    if wasm.is_some() == lua.is_some() {
        findings.error("needs one of wasm and lua", "set one of them");
    }
    findings.given("wasm", wasm.as_ref(), |wasm, findings| {
        let Wasm { url, sha256, vm_config, .. } = wasm;
        module(url, sha256, vm_config.as_ref(), findings);
    });
    findings.given("lua", lua.as_ref(), |Lua { inline_code }, findings| {
        if inline_code.is_empty() {
            findings.error_in("inlineCode", "is empty", "write a script");
        }
    });
}

fn traffic(matches: &[PluginMatch], findings: &mut Findings) {
    findings.each("match", matches, |PluginMatch { mode: _, ports }, findings| {
        let mut numbers = BTreeSet::new();
        findings.each("ports", ports, |port, findings| {
            findings.within("number", |findings| values::port(port.number, findings));
            if !numbers.insert(port.number) {
                findings.error(format!("{} stands here twice", port.number), "keep one");
            }
        });
    });
}

fn module(url: &str, sha256: &str, vm: Option<&VmConfig>, findings: &mut Findings) {
    if url.is_empty() {
        findings.error_in("url", "is missing", "say where the module is");
    } else {
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        if let Err(why) = values::url(&full, SCHEMES) {
            findings.error_in("url", why, "write oci://REGISTRY/IMAGE:TAG");
        }
    }
    let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
    if !sha256.is_empty() && (sha256.len() != 64 || !sha256.bytes().all(hex)) {
        let fix = "use 64 hexadecimal digits in lower case";
        findings.error_in("sha256", format!("{sha256:?} is no SHA-256"), fix);
    }
    findings.given("vmConfig", vm, |VmConfig { env }, findings| {
        let mut names = BTreeSet::new();
        findings.each("env", env, |EnvVar { name, value_from, value }, findings| {
            if name.is_empty() {
                findings.error_in("name", "is missing", "name the variable");
            } else if !names.insert(name.clone()) {
                findings.error_in("name", format!("{name:?} stands here twice"), "keep one");
            }
            if *value_from == EnvSource::Host && value.as_deref().is_some_and(|v| !v.is_empty()) {
                let what = "does not go with valueFrom HOST";
                findings.error_in("value", what, "remove it, or use INLINE");
            }
        });
    });
}
