//! Rules of `ProxyConfig`.

use weft_api::meta::Metadata;
use weft_api::proxy_config::ProxyConfig;

use super::{Findings, values};

pub(crate) fn check(_: &Metadata, spec: &ProxyConfig, findings: &mut Findings) {
    let ProxyConfig { selector, concurrency, environment_variables, image: _ } = spec;
    values::selector(selector.as_ref(), findings);
    if let Some(number) = concurrency.filter(|number| *number < 0) {
        findings.error_in("concurrency", format!("{number} is below zero"), "use 0 or more");
    }
    findings.within("environmentVariables", |findings| {
        for name in environment_variables.keys().filter(|name| name.is_empty()) {
            findings.error_in(name, "has no name", "name the variable");
        }
    });
}
