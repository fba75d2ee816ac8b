//! `weft exec` and `weft logs`: into a pod, and what it said.
//! In: a pod, a command. Out: its output and exit code. Holds: a terminal that was changed is put back.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use ctl_source_kube::{Exec, Logs};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use rustix::termios::tcgetwinsize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::{Failure, complain};
use crate::state::Place;
use crate::target::{Target, connect, meta};

/// Arguments of `weft exec`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExecOptions {
    #[command(flatten)]
    target: Target,
    /// The container; without it the pod's application.
    #[arg(short = 'c', long)]
    container: Option<String>,
    /// Pass standard input on.
    #[arg(short = 'i', long)]
    stdin: bool,
    /// Give the program a terminal.
    #[arg(short = 't', long)]
    tty: bool,
    #[command(flatten)]
    place: Place,
    /// The program and its arguments; programs of this machine run in the pod's network and folders.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Arguments of `weft logs`.
#[derive(Debug, clap::Args)]
pub(crate) struct LogsOptions {
    #[command(flatten)]
    target: Target,
    /// The container; without it the pod's application.
    #[arg(short = 'c', long)]
    container: Option<String>,
    /// Go on with new lines.
    #[arg(short = 'f', long)]
    follow: bool,
    /// The log of the container's earlier life.
    #[arg(short = 'p', long)]
    previous: bool,
    /// Only the last lines.
    #[arg(long, value_name = "LINES")]
    tail: Option<i64>,
    #[command(flatten)]
    place: Place,
}

/// Runs; the exit code is the program's.
pub(crate) async fn exec(options: ExecOptions) -> Result<ExitCode, Failure> {
    let source = connect(&options.place).await?;
    let pod = options.target.find(&source).await?;
    let terminal = options.tty && std::io::stdin().is_terminal();
    if options.tty && !terminal {
        complain!("warning: standard input is no terminal, so the program does not get one");
    }
    let exec = Exec {
        namespace: meta(&pod, "namespace").to_owned(),
        pod: meta(&pod, "name").to_owned(),
        container: options.container,
        command: options.command,
        terminal: if terminal { Some(sizes()?) } else { None },
    };
    let raw = if terminal && options.stdin { RawTerminal::begin() } else { None };
    let input = options.stdin.then(tokio::io::stdin);
    let ended = source.exec(&exec, input, &mut tokio::io::stdout(), &mut tokio::io::stderr()).await;
    drop(raw);
    Ok(ExitCode::from(u8::try_from(ended?).unwrap_or(1)))
}

/// Prints.
pub(crate) async fn logs(options: LogsOptions) -> Result<ExitCode, Failure> {
    let source = connect(&options.place).await?;
    let pod = options.target.find(&source).await?;
    let logs = Logs {
        namespace: meta(&pod, "namespace").to_owned(),
        pod: meta(&pod, "name").to_owned(),
        container: options.container,
        follow: options.follow,
        previous: options.previous,
        tail: options.tail,
    };
    source.logs(&logs, &mut tokio::io::stdout()).await?;
    Ok(ExitCode::SUCCESS)
}

/// Columns and rows of our terminal, now and after every change; 0 when there is none.
fn sizes() -> Result<watch::Receiver<(u16, u16)>, Failure> {
    let mut changed = signal(SignalKind::window_change())
        .map_err(|error| Failure::new(format!("cannot watch the terminal's size: {error}")))?;
    let now = || tcgetwinsize(std::io::stdin()).map_or((0, 0), |size| (size.ws_col, size.ws_row));
    let (sender, receiver) = watch::channel(now());
    // Ends with us: a command has one program.
    tokio::spawn(async move {
        while changed.recv().await.is_some() {
            sender.send_replace(now());
        }
    });
    Ok(receiver)
}

/// The terminal hands every key on while this lives.
struct RawTerminal(Termios);

impl RawTerminal {
    fn begin() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(std::io::stdin(), SetArg::TCSANOW, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.0).ok();
    }
}
