//! Rules of `ProxyConfig`.

use weft_api::meta::Metadata;
use weft_api::proxy_config::ProxyConfig;

use super::{Findings, values};

/// Longest value of an environment variable.
const LONGEST_VALUE: usize = 2048;

pub(crate) fn check(_: &Metadata, spec: &ProxyConfig, findings: &mut Findings) {
    let ProxyConfig { selector, concurrency, environment_variables, image: _ } = spec;
    values::selector(selector.as_ref(), findings);
    if let Some(number) = concurrency.filter(|number| *number < 0) {
        findings.error_in("concurrency", format!("{number} is below zero"), "use 0 or more");
    }
    findings.within("environmentVariables", |findings| {
        for (name, value) in environment_variables {
            if name.is_empty() {
                findings.error_in(name, "has no name", "name the variable");
            }
            if value.chars().count() > LONGEST_VALUE {
                let fix = format!("use at most {LONGEST_VALUE} characters");
                findings.error_in(name, "is too long", fix);
            }
        }
    });
}
