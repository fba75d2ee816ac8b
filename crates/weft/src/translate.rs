//! `weft translate`: what a proxy of the mesh would get, without starting anything.
//! In: a mesh, a proxy. Out: its resources in Envoy's canonical JSON. Holds: the same translation serves a running mesh.

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Map, Value, json};
use weft_explain::{Origin, Proxy};
use weft_proto::type_url;

use crate::failure::{Failure, say};
use crate::offline::{About, unclear};

/// A type of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Listeners.
    #[value(alias = "listener", alias = "listeners")]
    Lds,
    /// Route configurations.
    #[value(alias = "route", alias = "routes")]
    Rds,
    /// Clusters.
    #[value(alias = "cluster", alias = "clusters")]
    Cds,
    /// Endpoints.
    #[value(alias = "endpoint", alias = "endpoints")]
    Eds,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    about: About,
    /// The proxy: POD.NAMESPACE, or gateway/NAME.NAMESPACE.
    #[arg(long, value_name = "PROXY")]
    proxy: String,
    /// Only this type. May be repeated.
    #[arg(long = "type", value_enum, ignore_case = true)]
    kinds: Vec<Kind>,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Json)]
    output: Output,
}

const KINDS: [(Kind, &str, &str); 4] = [
    (Kind::Lds, "listeners", type_url::LISTENER),
    (Kind::Rds, "routes", type_url::ROUTE),
    (Kind::Cds, "clusters", type_url::CLUSTER),
    (Kind::Eds, "endpoints", type_url::ENDPOINTS),
];

/// Prints.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let origin = match options.proxy.split_once('/') {
        None => Origin::from(&options.proxy),
        Some(("pod", name)) => Origin::from(name),
        Some(("gateway", name)) => Origin::gateway(name),
        Some((kind, _)) => {
            let failure = Failure::new(format!("no kind of proxy {kind:?}"));
            return Err(failure.hint("write POD.NAMESPACE or gateway/NAME.NAMESPACE"));
        }
    };
    let mesh = options.about.mesh().await?;
    let proxy = Proxy::find(&mesh, &origin.map_err(unclear)?).map_err(unclear)?;
    let mut all = Map::new();
    for (kind, name, type_url) in KINDS {
        if options.kinds.is_empty() || options.kinds.contains(&kind) {
            all.insert(name.to_owned(), resources(&proxy, type_url));
        }
    }
    match options.output {
        Output::Json => say!("{:#}", Value::Object(all)),
        Output::Yaml => {
            let text =
                serde_yaml_ng::to_string(&Value::Object(all)).map_err(anyhow::Error::from)?;
            say!("{}", text.trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn resources(proxy: &Proxy, type_url: &'static str) -> Value {
    let one = |resource: &weft_explain::Resource| {
        let any =
            weft_proto::ads::Any { type_url: type_url.to_owned(), value: resource.body.clone() };
        weft_proto::json::to_json(&any)
    };
    json!(proxy.resources().of(type_url).iter().map(one).collect::<Vec<_>>())
}
