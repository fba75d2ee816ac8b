//! What pods offer beside their object: a program that runs in them, and their logs.
//!
//! In: which pod, what to run. Out: bytes to where the caller says, and the program's exit code.
//! Holds: all output is passed on before the exit code is told.

use ctl_source::SourceError;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, LogParams};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use crate::KubeSource;
use crate::error::translate;

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
    /// It gets a terminal; then what it says on its error stream comes with its output.
    pub tty: bool,
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
            stderr: !exec.tty,
            tty: exec.tty,
            ..AttachParams::default()
        };
        let pods: Api<Pod> = Api::namespaced(self.client(), &exec.namespace);
        let mut process = pods.exec(&exec.pod, &exec.command, &params).await.map_err(translate)?;
        let lost = |error: std::io::Error| {
            SourceError::Unavailable(format!("the connection broke: {error}"))
        };
        let status = process.take_status();
        let (into, from, wrong) = (process.stdin(), process.stdout(), process.stderr());
        let feed = async {
            if let (Some(mut input), Some(mut into)) = (input, into) {
                // A program that ended does not want its input any more.
                tokio::io::copy(&mut input, &mut into).await.ok();
                into.shutdown().await.ok();
            }
        };
        let read = async {
            tokio::try_join!(pass(from, output), pass(wrong, errors)).map(drop).map_err(lost)
        };
        let mut feed = std::pin::pin!(feed);
        let mut read = std::pin::pin!(read);
        let mut fed = false;
        loop {
            tokio::select! {
                done = &mut read => { done?; break; }
                () = &mut feed, if !fed => fed = true,
            }
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
        let passed = pass(Some(Box::pin(lines.compat())), output).await;
        passed.map_err(|error| SourceError::Unavailable(format!("the connection broke: {error}")))
    }
}

/// Bytes as they come, each piece at once.
async fn pass(
    from: Option<impl AsyncRead + Unpin>,
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    use tokio::io::AsyncReadExt as _;
    let Some(mut from) = from else { return Ok(()) };
    let mut piece = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut piece).await?;
        let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        to.write_all(bytes).await?;
        to.flush().await?;
    }
}
