//! The real control plane as a process of its own: `weft control-plane`.
//!
//! In: the program, a state folder. Out: it serves; its processor time and its memory, from /proc.
//! Holds: it has ended when this is dropped. Why a namespace of its own: it takes the address of a mesh's node.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use weft_rt::Clock;
use weft_xds::Target;

/// Where proxies find it.
const DISCOVERY: &str = "10.244.0.1:15012";
const API: &str = "127.0.0.1:6444";
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(20);
/// Of a second, in /proc.
const TICKS: f64 = 100.0;

/// A running control plane.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    folder: PathBuf,
}

/// What it uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_mb: f64,
    pub(crate) peak_mb: f64,
}

impl Process {
    /// Starts it, and waits until it serves proxies.
    pub(crate) async fn start(weft: &Path, folder: &Path, clock: &Clock) -> Result<Self> {
        std::fs::remove_file(folder.join("kubeconfig")).ok();
        let api = TcpListener::bind(API).context(API)?;
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("control-plane.log"))?;
        let child = Command::new(weft)
            .arg("control-plane")
            .arg("--state-dir")
            .arg(folder)
            .stdin(Stdio::from(OwnedFd::from(api)))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| weft.display().to_string())?;
        let mut process = Self { child, folder: folder.to_owned() };
        let began = clock.now();
        while !process.kubeconfig().exists() || TcpStream::connect(DISCOVERY).await.is_err() {
            if let Some(ended) = process.child.try_wait()? {
                bail!("the control plane ended with {ended}; see {}", folder.display());
            }
            if clock.now().duration_since(began) > PATIENCE {
                bail!("the control plane does not serve after {PATIENCE:?}");
            }
            clock.sleep(LOOK).await;
        }
        Ok(process)
    }

    /// How to write to its API server.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// How proxies reach it.
    pub(crate) fn target(&self) -> Result<Target> {
        let roots = self.folder.join("ca").join("root-cert.pem");
        Ok(Target::Tls {
            address: DISCOVERY.to_owned(),
            server_name: "istiod.istio-system.svc".to_owned(),
            roots_pem: std::fs::read(&roots).with_context(|| roots.display().to_string())?,
        })
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        let id = self.child.id().context("the control plane has ended")?;
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{id}/{file}"));
        let (stat, status) = (read("stat")?, read("status")?);
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        // User and system time are fields 14 and 15; the name before them may hold spaces.
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|text| text.parse::<f64>().ok()).sum();
        let (resident_mb, peak_mb) = (megabytes(&status, "VmRSS:"), megabytes(&status, "VmHWM:"));
        Ok(Usage { cpu_seconds: ticks / TICKS, resident_mb, peak_mb })
    }

    /// Ends it as a node would.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(rustix::process::Pid::from_raw).context("it has ended already")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        self.child.wait().await?;
        Ok(())
    }
}

fn megabytes(status: &str, field: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
