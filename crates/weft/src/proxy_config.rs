//! `weft proxy-config`: what one proxy runs with, read from its own admin port.
//!
//! In: a pod. Out: tables with the columns of istioctl, or the JSON of the dump.
//! Holds: the proxy itself is asked, weft-proxy and Envoy alike; what is secret is struck out, whatever the proxy says.

mod listeners;
mod rest;
mod routes;

use std::process::ExitCode;

use ctl_source::Object;
use ctl_source_kube::{Exec, KubeSource};
use serde_json::Value;

use crate::failure::{Failure, say};
use crate::proxy_status::Output;
use crate::state::Place;
use crate::table;
use crate::target::{Target, connect, meta};

/// What to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Where the proxy listens, and what it does with each kind of connection.
    #[value(alias = "listeners", alias = "l")]
    Listener,
    /// Which requests go where.
    #[value(alias = "routes", alias = "r")]
    Route,
    /// Whom the proxy can call.
    #[value(alias = "clusters", alias = "c")]
    Cluster,
    /// Addresses behind the clusters.
    #[value(alias = "endpoints", alias = "ep")]
    Endpoint,
    /// Certificates and roots.
    #[value(alias = "secrets", alias = "s")]
    Secret,
    /// All of it.
    All,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What to show.
    part: Part,
    #[command(flatten)]
    target: Target,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

/// Columns and rows of one part.
pub(crate) struct Sheet {
    headings: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

/// From a dump of one kind to rows.
type Sheets = fn(&Value) -> Sheet;

const PARTS: &[(Part, &str, Sheets)] = &[
    (Part::Listener, "ListenersConfigDump", listeners::sheet),
    (Part::Route, "RoutesConfigDump", routes::sheet),
    (Part::Cluster, "ClustersConfigDump", rest::clusters),
    (Part::Endpoint, "Clusters", rest::endpoints),
    (Part::Secret, "SecretsConfigDump", rest::secrets),
];

/// Prints.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let source = connect(&options.place).await?;
    let pod = options.target.find(&source).await?;
    let dump = dump(&source, &pod, options.part).await?;
    if options.output == Output::Json && options.part == Part::All {
        return json(&dump);
    }
    let wanted = PARTS.iter().filter(|(part, ..)| [*part, Part::All].contains(&options.part));
    for (at, (_, kind, sheet)) in wanted.enumerate() {
        let configs = dump["configs"].as_array().into_iter().flatten();
        let mut own = configs.filter(|config| kind_of(config) == *kind);
        let config = own.next().cloned().unwrap_or(Value::Null);
        if options.output == Output::Json {
            return json(&config);
        }
        if at > 0 {
            say!();
        }
        let Sheet { headings, rows } = sheet(&config);
        table::print(headings, &rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn json(value: &Value) -> Result<ExitCode, Failure> {
    let text = serde_json::to_string_pretty(value);
    say!("{}", text.map_err(|error| Failure::new(error.to_string()))?);
    Ok(ExitCode::SUCCESS)
}

/// Configuration, endpoints included.
const DUMP: &str = "/config_dump?include_eds";
/// The state of endpoints, which configuration does not tell.
const CLUSTERS: &str = "/clusters?format=json";
/// Fields that hold what nobody may see.
const SECRET: &[&str] = &["private_key", "password", "session_ticket_keys", "generic_secret"];

/// What the proxy in a pod says of a part: its dump, and the state of its endpoints as one more entry of it.
async fn dump(source: &KubeSource, pod: &Object, part: Part) -> Result<Value, Failure> {
    let mut dump = ask(source, pod, DUMP).await?;
    if [Part::Endpoint, Part::All].contains(&part) {
        let mut clusters = ask(source, pod, CLUSTERS).await?;
        clusters["@type"] = "type.googleapis.com/envoy.admin.v3.Clusters".into();
        if let Some(configs) = dump["configs"].as_array_mut() {
            configs.push(clusters);
        }
    }
    strike_out(&mut dump);
    Ok(dump)
}

/// What the proxy in a pod says of its listeners.
pub(crate) async fn listeners_of(source: &KubeSource, pod: &Object) -> Result<Value, Failure> {
    let dump = dump(source, pod, Part::Listener).await?;
    let mut configs = dump["configs"].as_array().into_iter().flatten();
    let own = configs.find(|config| kind_of(config) == "ListenersConfigDump");
    Ok(own.cloned().unwrap_or(Value::Null))
}

/// One answer of the admin port of a pod's proxy.
async fn ask(source: &KubeSource, pod: &Object, path: &str) -> Result<Value, Failure> {
    let name = meta(pod, "name");
    let containers =
        ["initContainers", "containers"].iter().filter_map(|list| pod["spec"][*list].as_array());
    if !containers.flatten().any(|container| container["name"] == "istio-proxy") {
        return Err(Failure::new(format!("pod {name} has no proxy"))
            .hint("weft proxy-status lists the pods that have one"));
    }
    let url = format!("http://localhost:15000{path}");
    let exec = Exec {
        namespace: meta(pod, "namespace").to_owned(),
        pod: name.to_owned(),
        container: Some("istio-proxy".to_owned()),
        command: ["weft", "image", "curl", "-sS", &url].map(str::to_owned).into(),
        terminal: None,
    };
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let code = source.exec(&exec, None::<tokio::io::Empty>, &mut output, &mut errors).await?;
    if code != 0 {
        let why = String::from_utf8_lossy(&errors);
        return Err(Failure::new(format!("the proxy of {name} does not answer: {}", why.trim())));
    }
    serde_json::from_slice(&output)
        .map_err(|error| Failure::new(format!("the answer of the proxy of {name}: {error}")))
}

/// Removes secrets; the proxies have done so already.
fn strike_out(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(strike_out),
        Value::Object(fields) => {
            for (name, value) in fields {
                if SECRET.contains(&name.as_str()) {
                    *value = "[redacted]".into();
                } else {
                    strike_out(value);
                }
            }
        }
        _ => {}
    }
}

/// The last part of a type's name.
pub(crate) fn kind_of(value: &Value) -> &str {
    let name = value["@type"].as_str().unwrap_or_default();
    name.rsplit('.').next().unwrap_or_default()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Entries of the lists of a dump, each below one of the paths that dumps use.
pub(crate) fn entries<'a>(dump: &'a Value, lists: &[&str], path: &str) -> Vec<&'a Value> {
    let lists = lists.iter().filter_map(|list| dump[*list].as_array());
    lists.flatten().filter_map(|entry| entry.pointer(path)).collect()
}

/// `NAME.NAMESPACE` of the object that a resource was made from.
pub(crate) fn origin(resource: &Value) -> String {
    let path = resource["metadata"]["filter_metadata"]["istio"]["config"].as_str();
    let parts: Vec<&str> = path.unwrap_or_default().split('/').collect();
    match parts.as_slice() {
        [.., "namespaces", namespace, _, name] => format!("{name}.{namespace}"),
        _ => String::new(),
    }
}

/// `address:port`, or the path of a socket.
pub(crate) fn address(value: &Value) -> (String, String) {
    let socket = &value["socket_address"];
    if let Some(address) = socket["address"].as_str() {
        return (address.to_owned(), socket["port_value"].to_string());
    }
    (text(&value["pipe"]["path"]), String::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_struck_out_wherever_they_stand() {
        let key = json!({"inline_string": "-----BEGIN"});
        let chain = json!({"filename": "/c.pem"});
        let certificate = json!({"certificate_chain": chain, "private_key": key, "password": key});
        let mut dump = json!({"configs": [{"tls_certificates": [certificate]}]});
        strike_out(&mut dump);
        assert_eq!(
            dump["configs"][0]["tls_certificates"][0],
            json!({"certificate_chain": chain, "private_key": "[redacted]", "password": "[redacted]"})
        );
    }
}
