//! `weft plan`: what a change of configuration does, told before it is made.
//!
//! In: two versions of a configuration; logs. Out: proxies with changed resources, calls that end otherwise, with the objects that are
//! the reason.
//! Holds: nothing is applied. Requests of logs are asked about beside the calls that are made from the rules, and told apart from them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::json;
use weft_plan::{CallChange, Plan, ProxyChange, What};

use crate::compared::{Compared, Places, Versions};
use crate::failure::{Failure, say};
use crate::logs::Logs;
use crate::{changes, replay};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A summary, for people.
    Text,
    /// All, for programs.
    Json,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    compared: Compared,
    /// Access log whose requests are asked about too, or `-`; may be given several times.
    #[arg(long = "log", value_name = "FILE")]
    logs: Vec<PathBuf>,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Prints.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let logs = Logs::of(&options.logs, &options.compared)?;
    let versions = options.compared.versions().await?;
    let plan = weft_plan::plan(&versions.old, &versions.new);
    let replayed = match options.logs.is_empty() {
        true => None,
        false => Some(logs.replay(&versions, weft_plan::SHAPES)?),
    };
    let Versions { places, .. } = &versions;
    match options.output {
        Output::Json => {
            let mut told = json!(plan);
            if let Some(replayed) = &replayed {
                told["log"] = json!(replayed);
            }
            say!("{told:#}");
        }
        Output::Text => {
            text(&plan, places);
            replayed.iter().for_each(|replayed| replay::text(replayed, places));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(plan: &Plan, places: &Places) {
    for object in &plan.objects {
        let place = object.split_once(' ').and_then(|(_, name)| places.get(name));
        say!("{object}{}", place.map(|place| format!(" [{place}]")).unwrap_or_default());
    }
    let (some, all) = (plan.proxies.len(), plan.proxies_asked);
    say!("proxies: {some} of {all} get other resources (such as are alike count once)");
    plan.proxies.iter().for_each(proxy);
    say!("calls: {} of {} that were asked about end otherwise", plan.calls.len(), plan.calls_asked);
    plan.calls.iter().for_each(call);
    for what in &plan.not_asked {
        say!("  not asked about: {what}");
    }
}

/// Most names of resources in a line.
const NAMED: usize = 4;

fn proxy(proxy: &ProxyChange) {
    let alike = if proxy.alike > 1 { format!(" ({} alike)", proxy.alike) } else { String::new() };
    say!("  {}{alike}", proxy.proxy);
    for (what, word) in
        [(What::Added, "added"), (What::Changed, "changed"), (What::Removed, "removed")]
    {
        let of = proxy.resources.iter().filter(|one| one.what == what);
        let names: Vec<String> = of.map(|one| format!("{} {}", one.kind, one.name)).collect();
        if names.is_empty() {
            continue;
        }
        let more = names.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let some: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
        say!("    {word}: {}{more}", some.join(", "));
    }
    for name in &proxy.closed {
        say!("    connections are closed: listener {name} goes");
    }
}

fn call(call: &CallChange) {
    say!("  {}", call.call);
    changes::print(&call.fields, &call.because, &Places::new());
}
