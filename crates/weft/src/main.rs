//! Everything that people start: a mesh on this machine, and the commands to look into it.
//!
//! In: arguments, environment, files. Out: processes, objects, text.
//! Holds: errors are one `error:` line and, where there is something to do, one `hint:` line; exit codes are not 0.
//! Never: mesh logic.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this binary talks to people")]

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

mod analyze;
mod apply;
mod authz;
mod ca;
mod cert;
mod changes;
mod check;
mod compared;
mod control_plane;
mod describe;
mod down;
mod exec;
mod explain;
mod failure;
mod files;
mod gateway;
mod gateway_api;
mod hand_over;
mod kubeconfig;
mod live;
mod logs;
mod mtls;
mod node;
mod offline;
mod plan;
mod ports;
mod process;
mod proxy_config;
mod proxy_status;
mod ready;
mod replay;
mod report;
mod settled;
mod state;
mod status;
mod table;
mod target;
mod test;
mod translate;
mod up;
mod validate;
mod watch;
mod webhooks;

use failure::{Failure, say};

#[derive(Debug, Parser)]
#[command(name = "weft", version, about = "A service mesh on one machine and on a cluster")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a mesh on this machine, with the objects of files and folders in it.
    Up(up::Options),
    /// Stop the mesh, leaving nothing behind.
    Down(state::Place),
    /// Say what runs, where to reach it, and how it fares.
    Status(status::Options),
    /// Print the path of the kubeconfig, for `export KUBECONFIG=$(weft kubeconfig)`.
    Kubeconfig(kubeconfig::Options),
    /// Send requests at a fixed rate and say what came back.
    Load(local_images::load::Flags),
    /// Print what a container said.
    Logs(exec::LogsOptions),
    /// Run a program in a pod.
    Exec(exec::ExecOptions),
    /// Show what every proxy has of the newest configuration.
    #[command(alias = "ps")]
    ProxyStatus(proxy_status::Options),
    /// Show what one proxy runs with.
    #[command(alias = "pc")]
    ProxyConfig(proxy_config::Options),
    /// Show which policies the proxy of a pod holds calls against.
    Authz(authz::Options),
    /// Show the certificate authority, or change its root.
    Ca(ca::Options),
    /// Look into certificates: of Secrets, or of files.
    Cert(cert::Options),
    /// Show gateways of both APIs: what they open, what is bound to them, who serves them.
    #[command(alias = "gw")]
    Gateway(gateway::Options),
    /// Show who still calls in plaintext, and make workloads STRICT that nobody does.
    Mtls(mtls::Options),
    /// Judge objects of files one by one; exit code 1 when one is wrong.
    Validate(validate::Options),
    /// Say what is wrong with a whole mesh: of files, of a running mesh, or of a cluster.
    Analyze(analyze::Options),
    /// Say what becomes of a call, and why: which listener, route and cluster take it.
    Explain(Box<explain::Options>),
    /// Say which objects act on a pod or a service, and what is wrong with them.
    Describe(describe::Options),
    /// Hold configuration against suites of calls and what is expected of them, without a mesh; exit code 1 when a case fails.
    Test(test::Options),
    /// Say what a change of configuration does before it is made: which proxies get what, which calls end otherwise.
    Plan(plan::Options),
    /// Say which requests of access logs end otherwise under another configuration.
    Replay(replay::Options),
    /// Print what a proxy of the mesh would get, without starting anything.
    Translate(translate::Options),
    /// Print the CustomResourceDefinitions of the mesh, for `kubectl apply -f -`.
    Crds,
    /// Print the webhook configurations by which a Kubernetes API server asks the mesh, for `kubectl apply -f -`.
    Webhooks(webhooks::Options),
    /// Say what of the Gateway API is shown to work.
    GatewayApi(gateway_api::Options),
    /// Print the version.
    Version {
        /// How to print.
        #[arg(short = 'o', long, value_enum, default_value_t = proxy_status::Output::Table)]
        output: proxy_status::Output,
    },
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Run a program of the binary as a pod does.
    #[command(hide = true)]
    Image {
        /// Its name.
        name: String,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    #[command(hide = true)]
    NodeLaunch(node::Options),
    #[command(hide = true)]
    Node(node::Options),
    #[command(hide = true)]
    ControlPlane(control_plane::Options),
    #[command(hide = true)]
    PodExec {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(failure) => failure.tell(),
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        // Namespaces are entered before there is a second thread.
        Command::NodeLaunch(options) => node::launch(&options),
        Command::PodExec { arguments } => Ok(local_node::pod_exec::run(arguments)),
        Command::Version { output: proxy_status::Output::Table } => {
            say!("weft {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
        Command::Version { output: proxy_status::Output::Json } => {
            say!("{}", serde_json::json!({"version": env!("CARGO_PKG_VERSION")}));
            Ok(ExitCode::SUCCESS)
        }
        Command::Validate(options) => validate::run(&options),
        Command::Crds => {
            for crd in weft_model::api::crds() {
                let text = serde_json::to_string_pretty(&crd).map_err(anyhow::Error::from)?;
                say!("---\n{text}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Webhooks(options) => webhooks::run(&options),
        Command::GatewayApi(options) => gateway_api::run(&options),
        Command::Test(options) => Ok(test::run(&options)),
        Command::Completion { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "weft", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        command => {
            let runtime = runtime()?;
            let ended = runtime.block_on(run_async(command));
            // A read of standard input that nobody answers must not keep us.
            runtime.shutdown_background();
            ended
        }
    }
}

async fn run_async(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Up(options) => Box::pin(up::run(options)).await,
        Command::Down(place) => down::run(&place).await,
        Command::Status(options) => status::run(&options).await,
        Command::Kubeconfig(options) => kubeconfig::run(&options),
        Command::Logs(options) => exec::logs(options).await,
        Command::Exec(options) => Box::pin(exec::exec(options)).await,
        Command::ProxyStatus(options) => proxy_status::run(options).await,
        Command::ProxyConfig(options) => Box::pin(proxy_config::run(options)).await,
        Command::Authz(options) => Box::pin(authz::run(options)).await,
        Command::Ca(options) => Box::pin(ca::run(options)).await,
        Command::Cert(options) => Box::pin(cert::run(options)).await,
        Command::Gateway(options) => Box::pin(gateway::run(options)).await,
        Command::Mtls(options) => Box::pin(mtls::run(options)).await,
        Command::Analyze(options) => Box::pin(analyze::run(options)).await,
        Command::Describe(options) => Box::pin(describe::run(options)).await,
        Command::Explain(options) => Box::pin(explain::run(*options)).await,
        Command::Plan(options) => Box::pin(plan::run(options)).await,
        Command::Replay(options) => Box::pin(replay::run(options)).await,
        Command::Translate(options) => Box::pin(translate::run(options)).await,
        Command::Load(flags) => Ok(local_images::load::run_command(&flags).await?),
        Command::Image { name, arguments } => Ok(local_images::run(&name, &arguments).await?),
        Command::Node(options) => Box::pin(node::run(options)).await,
        Command::ControlPlane(options) => control_plane::run(options).await,
        _ => Ok(ExitCode::FAILURE),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))
}
