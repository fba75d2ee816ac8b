//! What pods offer beside their object: a program that runs in them, and their logs.
//!
//! In: which pod, what to run. Out: bytes to where the caller says, and the program's exit code.
//! Holds: all output is passed on before the exit code is told; who stops reading it ends the program, without an error.

use std::io::ErrorKind;

use ctl_source::SourceError;
use futures::SinkExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess, LogParams, TerminalSize};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;

use crate::KubeSource;
use crate::error::translate;

/// Bytes that are on their way at once in each direction.
const CHUNK: usize = 16 * 1024;
/// The exit code of a program that nobody reads from: that of SIGPIPE, as in a shell.
const NOBODY_READS: i32 = 128 + 13;

/// A program to run in a container.
#[derive(Debug, Clone)]
pub struct Exec {
    /// Namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container; `None` is the pod's default one.
    pub container: Option<String>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// It gets a terminal of these columns and rows; then what it says on its error stream comes with its output.
    pub terminal: Option<watch::Receiver<(u16, u16)>>,
}

/// Which log lines.
#[derive(Debug, Clone)]
pub struct Logs {
    /// Namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container; `None` is the pod's default one.
    pub container: Option<String>,
    /// Goes on with new lines until the container ends.
    pub follow: bool,
    /// Those of the container's earlier life.
    pub previous: bool,
    /// Only the last lines.
    pub tail: Option<i64>,
}

impl KubeSource {
    /// Runs a program in a container to its end; answers its exit code.
    ///
    /// # Errors
    /// When it cannot be started, or the connection is lost.
    pub async fn exec(
        &self,
        exec: &Exec,
        input: Option<impl AsyncRead + Unpin>,
        output: &mut (impl AsyncWrite + Unpin),
        errors: &mut (impl AsyncWrite + Unpin),
    ) -> Result<i32, SourceError> {
        let params = AttachParams {
            container: exec.container.clone(),
            stdin: input.is_some(),
            stdout: true,
            stderr: exec.terminal.is_none(),
            tty: exec.terminal.is_some(),
            max_stdin_buf_size: Some(CHUNK),
            max_stdout_buf_size: Some(CHUNK),
            max_stderr_buf_size: Some(CHUNK),
        };
        let pods: Api<Pod> = Api::namespaced(self.client(), &exec.namespace);
        let mut process = pods.exec(&exec.pod, &exec.command, &params).await.map_err(translate)?;
        let resize = resize(&mut process, exec.terminal.clone());
        let status = process.take_status();
        let (into, from, wrong) = (process.stdin(), process.stdout(), process.stderr());
        let feed = async {
            if let (Some(mut input), Some(mut into)) = (input, into) {
                // A program that ended does not want its input any more.
                tokio::io::copy(&mut input, &mut into).await.ok();
                into.shutdown().await.ok();
            }
        };
        let read = async { tokio::try_join!(pass(from, output), pass(wrong, errors)) };
        let give = async {
            tokio::join!(feed, resize);
            // The end of its output is the end of the program.
            std::future::pending::<std::convert::Infallible>().await
        };
        let done = tokio::select! {
            done = read => done,
            never = give => match never {},
        };
        match done {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(NOBODY_READS),
            Err(error) => return Err(lost(&error)),
        }
        let status = match status {
            Some(status) => status.await,
            None => None,
        };
        let ended =
            || SourceError::Unavailable("the connection ended before the program".to_owned());
        let status = status.ok_or_else(ended)?;
        if status.status.as_deref() == Some("Success") {
            return Ok(0);
        }
        let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
        let code = causes.filter(|cause| cause.reason.as_deref() == Some("ExitCode"));
        match code.filter_map(|cause| cause.message.as_deref()?.parse().ok()).next() {
            Some(code) => Ok(code),
            None => Err(SourceError::Invalid(status.message.unwrap_or_default())),
        }
    }

    /// Copies log lines to `output`.
    ///
    /// # Errors
    /// When there is no such log, or the connection is lost.
    pub async fn logs(
        &self,
        logs: &Logs,
        output: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), SourceError> {
        let params = LogParams {
            container: logs.container.clone(),
            follow: logs.follow,
            previous: logs.previous,
            tail_lines: logs.tail,
            ..LogParams::default()
        };
        let pods: Api<Pod> = Api::namespaced(self.client(), &logs.namespace);
        let lines = pods.log_stream(&logs.pod, &params).await.map_err(translate)?;
        use tokio_util::compat::FuturesAsyncReadCompatExt as _;
        match pass(Some(Box::pin(lines.compat())), output).await {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(lost(&error)),
            _ => Ok(()),
        }
    }
}

fn lost(error: &std::io::Error) -> SourceError {
    SourceError::Unavailable(format!("the connection broke: {error}"))
}

/// Tells the program's terminal its size, now and after every change.
fn resize(
    process: &mut AttachedProcess,
    sizes: Option<watch::Receiver<(u16, u16)>>,
) -> impl Future<Output = ()> + use<> {
    let told = process.terminal_size();
    async move {
        let (Some(mut sizes), Some(mut told)) = (sizes, told) else { return };
        loop {
            let (width, height) = *sizes.borrow_and_update();
            // A program that ended has no terminal; without a sender there are no more changes.
            if told.send(TerminalSize { width, height }).await.is_err()
                || sizes.changed().await.is_err()
            {
                return;
            }
        }
    }
}

/// Bytes as they come, each piece at once.
async fn pass(
    from: Option<impl AsyncRead + Unpin>,
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    use tokio::io::AsyncReadExt as _;
    let Some(mut from) = from else { return Ok(()) };
    let mut piece = vec![0; CHUNK];
    loop {
        let length = from.read(&mut piece).await?;
        let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        to.write_all(bytes).await?;
        to.flush().await?;
    }
}
