//! `weft authz check`: which policies the proxy of a pod holds calls against, and at which ports.
//!
//! In: a pod of a running mesh. Out: a table, or JSON.
//! Holds: the proxy itself is asked, so that a policy that it does not have yet, or that is no longer written, is told as such.
//! Never: says what becomes of a call; that is `weft explain`.

mod held;
mod rows;

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;
use weft_explain::{Mesh, Origin, Proxy};

use self::rows::{Row, Written};
use crate::failure::{Failure, say};
use crate::proxy_status::Output;
use crate::state::Place;
use crate::target::{Target, connect, meta};
use crate::{live, offline, proxy_config, table};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the AuthorizationPolicies of a pod, as its proxy has them.
    Check(Box<Check>),
}

#[derive(Debug, clap::Args)]
struct Check {
    #[command(flatten)]
    target: Target,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

/// Runs one of the commands.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let Command::Check(options) = options.command;
    let source = connect(&options.place).await?;
    let pod = options.target.find(&source).await?;
    let held = held::Held::of(&proxy_config::listeners_of(&source, &pod).await?);
    let mesh = offline::mesh_of(live::with_keys(&options.place).await?, BTreeMap::new())?;
    let rows = rows::rows(&written(&mesh, meta(&pod, "name"), meta(&pod, "namespace"))?, &held);
    if options.output == Output::Json {
        say!("{:#}", json!(rows));
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        say!(
            "No AuthorizationPolicy is for pod {}: whoever may connect may call.",
            meta(&pod, "name")
        );
        return Ok(ExitCode::SUCCESS);
    }
    let cells: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
    table::print(&["ACTION", "AUTHORIZATION POLICY", "RULES", "PORTS", "STATE"], &cells);
    Ok(ExitCode::SUCCESS)
}

/// The policies that are for a pod, in the order in which they are asked.
fn written(mesh: &Mesh, name: &str, namespace: &str) -> Result<Vec<Written>, Failure> {
    let origin = Origin::Inbound(name.to_owned(), namespace.to_owned());
    let proxy = Proxy::find(mesh, &origin).map_err(offline::unclear)?;
    Ok(proxy.policies(mesh).into_iter().map(Written::of).collect())
}
