//! Webhooks of a control plane outside of the cluster, whose address is missing or wrong.
//! Never: name look-ups; whether a host exists is not analysis of configuration.

use std::net::IpAddr;

use serde_json::Value;

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "externalcontrolplane.ExternalControlPlaneAnalyzer",
    "Webhooks of a control plane outside of the cluster, whose address is missing or wrong.",
    &[code::IST0163, code::IST0164],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for configuration in mesh.all(kind::VALIDATING_WEBHOOK) {
        let name = configuration.name;
        if name == "istiod-default-validator" || name.starts_with("istio-validator") {
            judge_all(configuration, report);
        }
    }
    for configuration in mesh.all(kind::MUTATING_WEBHOOK) {
        if configuration.name.starts_with("istio-sidecar-injector") {
            judge_all(configuration, report);
        }
    }
}

fn judge_all(configuration: &Object<'_>, report: &mut Report) {
    for (index, webhook) in configuration.raw.list("webhooks").iter().enumerate() {
        judge(configuration, index, webhook, report);
    }
}

fn judge(configuration: &Object<'_>, index: usize, webhook: &Value, report: &mut Report) {
    let name = webhook.text("name");
    let field = format!("/webhooks/{index}/clientConfig/url");
    let Some(url) = webhook.at("clientConfig.url").as_str() else {
        if !webhook.has("clientConfig.service") {
            let what = format!("webhook `{name}` has neither a url nor a service to call");
            report.add_once(code::IST0163, configuration, field, what, "set clientConfig.url");
        }
        return;
    };
    match host_of(url) {
        None => {
            let what = format!("the url of webhook `{name}` is malformed: `{url}`");
            let fix = "write it as https://HOST:PORT/PATH";
            report.add_once(code::IST0163, configuration, field, what, fix);
        }
        Some(host) if host.parse::<IpAddr>().is_ok() => {
            let what =
                format!("the url of webhook `{name}` has an address instead of a name: `{url}`");
            let fix = "use a name, so that the gateway's certificate fits and it can move";
            report.add_once(code::IST0164, configuration, field, what, fix);
        }
        Some(_) => {}
    }
}

/// The host of a URL, without brackets and port.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split_once(']')?.0,
        None => authority.split(':').next()?,
    };
    let is_clean = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '%');
    is_clean.then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_urls_are_found() {
        assert_eq!(host_of("https://a.example:443/x"), Some("a.example"));
        assert_eq!(host_of("https://[::1]:443/x"), Some("::1"));
        assert_eq!((host_of("a.example"), host_of("https:///x")), (None, None));
    }
}
