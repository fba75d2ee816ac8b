//! `weft cert inspect`: what is in a Secret or a PEM file, who shows it, and what is wrong with it.
//!
//! In: a Secret of a mesh or of files, or PEM. Out: text or JSON; the exit code is 1 when something keeps it from being used.
//! Holds: a key is looked at and never printed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use weft_explain::Mesh;
use weft_explain::around::GatewayAround;
use weft_model::api::secret::Credential;

use crate::failure::{Failure, say};
use crate::proxy_status::Output;
use crate::state::Place;
use crate::{live, offline};

mod inspection;
mod print;

pub(crate) use inspection::{Inspection, Used};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the certificates of a Secret: names, times, key, chain, the gateways that show it; exit code 1 when they cannot be used.
    Inspect(Box<Inspect>),
}

#[derive(Debug, clap::Args)]
struct Inspect {
    /// SECRET or SECRET.NAMESPACE; may be left out where files have only one, or are PEM.
    #[arg(required_unless_present = "files")]
    secret: Option<String>,
    /// Namespace of the Secret [default: that of the only one with this name].
    #[arg(short = 'n', long)]
    namespace: Option<String>,
    /// Files with the Secret, or with PEM; with none, a running mesh is asked.
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    files: Vec<PathBuf>,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

/// Runs one of the commands.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let Command::Inspect(options) = options.command;
    let found = options.inspection().await?;
    match options.output {
        Output::Json => say!("{:#}", json!(found)),
        Output::Table => print::inspection(&found),
    }
    Ok(if found.is_usable() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = weft_rt::Clock::real().wall().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default()
}

impl Inspect {
    async fn inspection(&self) -> Result<Inspection, Failure> {
        if let Some(text) = self.pem()? {
            let key = if weft_certificate::has_key(&text) { text.clone() } else { Vec::new() };
            let credential = Credential { certificate: text, key, ..Credential::default() };
            return Ok(Inspection::of("", &credential, Vec::new(), now()));
        }
        let (objects, places) = match self.files.as_slice() {
            [] => (live::of_mesh(&self.place).await?, BTreeMap::new()),
            files => offline::of_files(files)?,
        };
        let (name, secret) = self.find(&objects)?;
        let credential = Credential::of(secret);
        let mesh = offline::mesh_of(objects.clone(), places)?;
        Ok(Inspection::of(&name, &credential, used(&mesh, &name), now()))
    }

    /// The text of files that are PEM.
    fn pem(&self) -> Result<Option<Vec<u8>>, Failure> {
        let mut all = Vec::new();
        for path in self.files.iter().filter(|path| path.is_file()) {
            let failed = |error| Failure::new(format!("{}: {error}", path.display()));
            let text = std::fs::read(path).map_err(failed)?;
            if is_pem(&text) {
                all.extend(text);
                all.push(b'\n');
            } else if !all.is_empty() {
                return Err(mixed(path));
            }
        }
        if !all.is_empty() && self.secret.is_some() {
            return Err(Failure::new("files of PEM hold no Secret").hint("leave its name out"));
        }
        Ok((!all.is_empty()).then_some(all))
    }

    /// The Secret that is meant, with its name as `NAMESPACE/NAME`.
    fn find<'a>(&self, objects: &'a [Value]) -> Result<(String, &'a Value), Failure> {
        let all = objects.iter().filter(|object| object["kind"] == "Secret");
        let space = self.namespace.as_deref();
        let wanted = self.secret.as_deref();
        let dotted = wanted.and_then(|name| name.rsplit_once('.')).filter(|_| space.is_none());
        let is_meant = |object: &&Value| {
            let (namespace, name) = full(object);
            let plain = space.is_none_or(|space| space == namespace)
                && wanted.is_none_or(|wanted| wanted == name);
            plain || dotted == Some((name, namespace))
        };
        let found: Vec<&Value> = all.filter(is_meant).collect();
        let exact = |object: &&&Value| full(object).0 == "default";
        let only = match found.as_slice() {
            [only] => Some(*only),
            several if wanted.is_some() => several.iter().find(exact).copied(),
            _ => None,
        };
        if let Some(found) = only {
            let (namespace, name) = full(found);
            return Ok((format!("{namespace}/{name}"), found));
        }
        let names: Vec<String> = found
            .iter()
            .take(5)
            .map(|object| format!("{}.{}", full(object).1, full(object).0))
            .collect();
        let told = wanted.unwrap_or("to inspect");
        Err(if names.is_empty() {
            let place = space.map(|space| format!(" in namespace {space}")).unwrap_or_default();
            Failure::new(format!("there is no Secret {told}{place}"))
                .hint("name it as SECRET.NAMESPACE; kubectl get secrets -A lists all")
        } else {
            Failure::new(format!("there are several: {}", names.join(", ")))
                .hint("name one of them")
        })
    }
}

/// Namespace and name.
fn full(object: &Value) -> (&str, &str) {
    let text = |key: &str| object["metadata"][key].as_str();
    (text("namespace").unwrap_or("default"), text("name").unwrap_or_default())
}

fn mixed(path: &Path) -> Failure {
    Failure::new(format!("{}: is no PEM, and files before it are", path.display()))
        .hint("inspect them one after the other")
}

/// Whether a block of PEM begins some line; in YAML it stands further in.
fn is_pem(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"-----BEGIN "))
}

/// Where gateways show a Secret.
fn used(mesh: &Mesh, secret: &str) -> Vec<Used> {
    let mut found = Vec::new();
    for gateway in GatewayAround::all(mesh) {
        for server in &gateway.servers {
            if server.certificates.iter().any(|one| one == secret) {
                found.push(Used {
                    gateway: gateway.gateway.clone(),
                    group: gateway.group.clone(),
                    server: server.name.clone(),
                    port: server.port,
                    hosts: server.hosts.clone(),
                    uncovered: Vec::new(),
                });
            }
        }
    }
    found
}
