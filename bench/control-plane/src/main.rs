//! The control plane under many proxies: how long until the last one has acknowledged a change, and what that costs.
//!
//! In: sizes, the program `weft`. Out: a table, and a file of figures.
//! Holds: proxies speak what sidecars speak, over TLS, with a token and a node each; the control plane is the released one, with
//! its API server, controllers and store, in one process. Never: a figure of anything that was left out of it.
//! Why in one process: two thousand proxies of a real kind would need 40 GB and measure themselves.

mod cluster;
mod expected;
mod fleet;
mod known;
mod process;
mod proxy;
mod records;
mod rows;
mod session;
mod writes;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;
use weft_rt::Clock;

use crate::cluster::Cluster;
use crate::fleet::Fleet;
use crate::process::Process;
use crate::records::Records;
use crate::rows::{Bench, Rate};
use crate::writes::Writes;

/// Measures a control plane under many proxies.
#[derive(Debug, Clone, clap::Parser)]
struct Wish {
    /// The program `weft`.
    #[arg(long)]
    weft: PathBuf,
    /// SERVICESxPROXIES, several times.
    #[arg(long, default_value = "1000x2000", value_delimiter = ',', value_parser = size)]
    size: Vec<(usize, usize)>,
    /// Pods of each service.
    #[arg(long, default_value_t = 10)]
    endpoints: usize,
    /// Namespaces that the services are spread over.
    #[arg(long, default_value_t = 50)]
    namespaces: usize,
    /// Let every namespace see its own services only, by a Sidecar.
    #[arg(long)]
    scoped: bool,
    /// Changes of each kind.
    #[arg(long, default_value_t = 100)]
    rounds: usize,
    /// Changes of endpoints in a time, CHANGES/SECONDS.
    #[arg(long, default_value = "300/30,10000/60", value_delimiter = ',', value_parser = rate)]
    rate: Vec<Rate>,
    /// Where figures go; a table beside it.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Set for ourselves, once we are in a network namespace of our own.
    #[arg(long, hide = true)]
    inside: bool,
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let read = |part: &str| part.parse().map_err(|error| format!("{part}: {error}"));
    let (services, proxies) = text.split_once('x').ok_or("want SERVICESxPROXIES")?;
    Ok((read(services)?, read(proxies)?))
}

fn rate(text: &str) -> Result<Rate, String> {
    let read = |part: &str| part.parse().map_err(|error| format!("{part}: {error}"));
    let (changes, seconds) = text.split_once('/').ok_or("want CHANGES/SECONDS")?;
    Ok(Rate { changes: read(changes)?, seconds: read(seconds)? })
}

fn main() -> Result<()> {
    let wish = Wish::parse();
    if !wish.inside {
        return Err(enter().into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(wish))
}

/// Starts ourselves again where the address of a mesh's node is free to take.
fn enter() -> std::io::Error {
    use std::os::unix::process::CommandExt as _;
    let script = "ip link set lo up && ip address add 10.244.0.1/32 dev lo && \
        ulimit -n $(ulimit -Hn) && exec \"$0\" --inside \"$@\"";
    let mut command = std::process::Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "sh", "-c", script]).args(std::env::args_os()).exec()
}

async fn measure(wish: Wish) -> Result<()> {
    let mut records = Records::default();
    for (services, proxies) in wish.size.clone() {
        let Wish { endpoints, namespaces, scoped, .. } = wish;
        let namespaces = namespaces.clamp(1, services.max(1));
        if services == 0 || endpoints < 2 || proxies == 0 || proxies > services * endpoints {
            bail!(
                "{services}x{proxies}: want services, two endpoints each, and a pod for every proxy"
            );
        }
        let cluster = Cluster { services, endpoints, proxies, namespaces, scoped };
        one(&wish, cluster, &mut records).await?;
        if let Some(out) = &wish.out {
            write(out, &records)?;
        }
    }
    std::io::stdout().write_all(records.markdown().as_bytes())?;
    Ok(())
}

fn write(out: &Path, records: &Records) -> Result<()> {
    let text = format!("{:#}\n", records.json());
    std::fs::write(out, text).with_context(|| out.display().to_string())?;
    std::fs::write(out.with_extension("md"), records.markdown())?;
    Ok(())
}

/// One size, from an empty store to its end.
async fn one(wish: &Wish, cluster: Cluster, records: &mut Records) -> Result<()> {
    let clock = Clock::real();
    let folder = tempfile::tempdir()?;
    let scope = if cluster.scoped { ", each namespace for itself" } else { "" };
    let title = format!("{} services, {} proxies{scope}", cluster.services, cluster.proxies);
    let first = Process::start(&wish.weft, folder.path(), &clock).await?;
    let proxies = Writes::connect(&first.kubeconfig(), cluster).await?.all().await?;
    first.stop().await?;

    let began = clock.now();
    let process = Process::start(&wish.weft, folder.path(), &clock).await?;
    let fleet = Fleet::start(proxies, process.target()?, clock.clone());
    fleet.whole().await?;
    let took = clock.now().duration_since(began).as_secs_f64();
    let writes = Writes::connect(&process.kubeconfig(), cluster).await?;
    let mut bench = Bench {
        cluster,
        process: &process,
        fleet: &fleet,
        writes: &writes,
        clock: &clock,
        records,
        title: &title,
    };
    let row = bench.name("cold start");
    let (usage, sent) = (process.usage()?, fleet.sent());
    bench.records.one(&row, "until all are in sync", "s", took);
    bench.records.one(&row, "processor time", "s", usage.cpu_seconds);
    bench.records.one(&row, "sent", "MB", sent.megabytes());
    bench.memory(&row, usage);
    bench.singles(wish.rounds).await?;
    for rate in &wish.rate {
        bench.at_rate(*rate).await?;
    }
    let known = writes.acknowledged(&clock).await?;
    bench.records.one(&bench.name("end"), "acknowledged the newest", "proxies", rows::float(known));
    drop(fleet);
    process.stop().await
}
