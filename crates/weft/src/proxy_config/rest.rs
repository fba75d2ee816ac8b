//! Rows of clusters, endpoints and secrets.

use base64::Engine as _;
use serde_json::Value;
use x509_parser::prelude::{FromDer as _, Pem, X509Certificate};

use super::{Sheet, address, entries, origin, text};

pub(super) fn clusters(dump: &Value) -> Sheet {
    let lists = ["static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"];
    let mut rows: Vec<Vec<String>> =
        entries(dump, &lists, "/cluster").into_iter().map(cluster).collect();
    rows.sort();
    let headings = &["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"];
    Sheet { headings, rows }
}

fn cluster(cluster: &Value) -> Vec<String> {
    let name = text(&cluster["name"]);
    let kind = cluster["type"].as_str().unwrap_or("STATIC").to_owned();
    let dash = |part: &str| if part.is_empty() { "-".to_owned() } else { part.to_owned() };
    // What stands behind a fourth bar tells clusters of one host and port apart.
    let parts: Vec<&str> = name.splitn(4, '|').collect();
    match parts.as_slice() {
        [direction, port, subset, host] => vec![
            (*host).to_owned(),
            dash(port),
            dash(subset),
            (*direction).to_owned(),
            kind,
            origin(cluster),
        ],
        _ => vec![name, dash(""), dash(""), dash(""), kind, origin(cluster)],
    }
}

pub(super) fn endpoints(state: &Value) -> Sheet {
    let mut rows: Vec<Vec<String>> =
        entries(state, &["cluster_statuses"], "").into_iter().flat_map(hosts).collect();
    rows.sort_by_key(|row| (row[3].clone(), row[0].clone()));
    Sheet { headings: &["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"], rows }
}

fn hosts(cluster: &Value) -> Vec<Vec<String>> {
    let row = |host: &Value| {
        let (ip, port) = address(&host["address"]);
        let place = if port.is_empty() { format!("unix://{ip}") } else { format!("{ip}:{port}") };
        let health = &host["health_status"];
        let status = match health["eds_health_status"].as_str() {
            _ if health["failed_active_health_check"] == true => "UNHEALTHY",
            None | Some("UNKNOWN") => "HEALTHY",
            Some(status) => status,
        };
        let outlier = if health["failed_outlier_check"] == true { "FAILED" } else { "OK" };
        vec![place, status.to_owned(), outlier.to_owned(), text(&cluster["name"])]
    };
    cluster["host_statuses"].as_array().into_iter().flatten().map(row).collect()
}

pub(super) fn secrets(dump: &Value) -> Sheet {
    let rows = ["static_secrets", "dynamic_active_secrets", "dynamic_warming_secrets"];
    let rows = rows.iter().flat_map(|list| {
        let status = if list.contains("warming") { "WARMING" } else { "ACTIVE" };
        entries(dump, &[list], "/secret").into_iter().map(move |secret| row(secret, status))
    });
    let headings = &[
        "RESOURCE NAME",
        "TYPE",
        "STATUS",
        "VALID CERT",
        "SERIAL NUMBER",
        "NOT AFTER",
        "NOT BEFORE",
    ];
    Sheet { headings, rows: rows.collect() }
}

fn row(secret: &Value, status: &str) -> Vec<String> {
    let chain = &secret["tls_certificate"]["certificate_chain"];
    let (kind, source) = if chain.is_null() {
        ("CA", &secret["validation_context"]["trusted_ca"])
    } else {
        ("Cert Chain", chain)
    };
    let mut cells = vec![text(&secret["name"]), kind.to_owned(), status.to_owned()];
    cells.extend(certificate(source).unwrap_or_else(|| vec!["false".to_owned()]));
    cells
}

/// Whether it is valid now, its serial number and times.
fn certificate(source: &Value) -> Option<Vec<String>> {
    let pem = match (source["inline_bytes"].as_str(), source["inline_string"].as_str()) {
        (Some(bytes), _) => base64::engine::general_purpose::STANDARD.decode(bytes).ok()?,
        (None, text) => text?.as_bytes().to_vec(),
    };
    let first = Pem::iter_from_buffer(&pem).next()?.ok()?;
    let (_, certificate) = X509Certificate::from_der(&first.contents).ok()?;
    let validity = certificate.validity();
    let time = |time: x509_parser::time::ASN1Time| {
        let format =
            time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        time.to_datetime().format(&format).unwrap_or_default()
    };
    Some(vec![
        validity.is_valid().to_string(),
        certificate.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
        time(validity.not_after),
        time(validity.not_before),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_of_clusters_are_taken_apart() {
        let dump = json!({"dynamic_active_clusters": [
            {"cluster": {"name": "outbound|80|v1|web.shop", "type": "EDS"}},
            {"cluster": {"name": "outbound|90||web.shop|tcp", "type": "EDS"}},
            {"cluster": {"name": "BlackHoleCluster"}},
        ]});
        let rows = clusters(&dump).rows;
        assert_eq!(rows[0], ["BlackHoleCluster", "-", "-", "-", "STATIC", ""]);
        assert_eq!(rows[1], ["web.shop", "80", "v1", "outbound", "EDS", ""]);
        assert_eq!(rows[2], ["web.shop|tcp", "90", "-", "outbound", "EDS", ""]);
    }

    #[test]
    fn an_endpoint_that_is_out_is_shown_as_such() {
        let at = |port: u16| json!({"socket_address": {"address": "10.0.0.1", "port_value": port}});
        let state = json!({"cluster_statuses": [{"name": "web", "host_statuses": [
            {"address": at(1), "health_status": {"eds_health_status": "HEALTHY", "failed_outlier_check": true}},
            {"address": at(2), "health_status": {"eds_health_status": "DRAINING"}},
        ]}]});
        let rows = endpoints(&state).rows;
        assert_eq!(rows[0], ["10.0.0.1:1", "HEALTHY", "FAILED", "web"]);
        assert_eq!(rows[1], ["10.0.0.1:2", "DRAINING", "OK", "web"]);
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_not_valid() {
        let secret = json!({"name": "default", "tls_certificate": {"certificate_chain": {"inline_bytes": "AAAA"}}});
        let dump = json!({"dynamic_active_secrets": [{"secret": secret}]});
        assert_eq!(secrets(&dump).rows[0], ["default", "Cert Chain", "ACTIVE", "false"]);
    }
}
