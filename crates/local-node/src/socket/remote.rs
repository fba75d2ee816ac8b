//! `kubectl exec`: a program in a running container, over a WebSocket with numbered channels.
//!
//! In: `container, command, stdin, stdout, stderr, tty`. Out: channels 1 and 2 with output, 3 with the exit status;
//! channel 0 is input, 4 the terminal's size, 255 (version 5) closes a channel.
//! Holds: a client that leaves ends its program.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use nix::sys::signal::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use crate::pod::context::PodCtx;
use crate::pod::hook::{command_inside, kill_group};
use crate::reaper::{Exit, Started};
use crate::socket::query::Query;
use crate::socket::{Body, container_of, full, refuse};

const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
const CHUNK: usize = 16 * 1024;
const QUEUE: usize = 16;
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

pub(crate) fn answer(
    pod: Arc<PodCtx>,
    query: &Query,
    request: Request<Incoming>,
    attach: bool,
) -> Response<Body> {
    let bad = |why: &str| refuse(StatusCode::BAD_REQUEST, why);
    if attach {
        return bad(
            "attach is not supported by the local node; use `kubectl logs -f`, or `kubectl exec`",
        );
    }
    let protocol = match protocol_of(request.headers()) {
        Ok(protocol) => protocol,
        Err(why) => return bad(&why),
    };
    let container = match container_of(&pod, query) {
        Ok(container) => container,
        Err(why) => return bad(&why),
    };
    let program: Vec<String> = query.all("command").map(str::to_owned).collect();
    if program.is_empty() {
        return bad("exec needs a command");
    }
    let wanted = Wanted { container, program, stdin: query.flag("stdin"), tty: query.flag("tty") };
    let session = match start(&pod, &wanted) {
        Ok(session) => session,
        Err(why) => return bad(&why),
    };
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
    // Ends with the connection that it serves.
    tokio::spawn(async move {
        let pid = session.started.pid;
        match hyper::upgrade::on(request).await {
            Ok(upgraded) => {
                let stream = TokioIo::new(upgraded);
                let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
                converse(socket, session).await;
            }
            Err(error) => tracing::debug!(%error, "an exec connection was not upgraded"),
        }
        kill_group(pid, Signal::SIGKILL);
    });
    switch(protocol, key.as_ref())
}

fn protocol_of(headers: &HeaderMap) -> Result<&'static str, String> {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or("");
    let upgrade = text(header::UPGRADE);
    if !upgrade.eq_ignore_ascii_case("websocket") {
        return Err(format!(
            "exec needs an upgrade to websocket, not {upgrade:?}; kubectl 1.31 or newer does it"
        ));
    }
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let offered: Vec<&str> =
        offered.filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).map(str::trim).collect();
    PROTOCOLS.into_iter().find(|known| offered.contains(known)).ok_or_else(|| {
        format!("exec speaks {}, the client {}", PROTOCOLS.join(", "), offered.join(", "))
    })
}

fn switch(protocol: &'static str, key: Option<&HeaderValue>) -> Response<Body> {
    let accept = derive_accept_key(key.map(HeaderValue::as_bytes).unwrap_or_default());
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

struct Wanted {
    container: String,
    program: Vec<String>,
    stdin: bool,
    tty: bool,
}

/// A started program and its ends of the pipes.
struct Session {
    started: Started,
    input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    outputs: Vec<(u8, Box<dyn AsyncRead + Send + Unpin>)>,
    terminal: Option<OwnedFd>,
}

fn start(pod: &PodCtx, wanted: &Wanted) -> Result<Session, String> {
    let mut command = command_inside(pod, &wanted.container, &wanted.program, wanted.tty)?;
    let failed = |e: io::Error| format!("cannot start {}: {e}", wanted.program[0]);
    if wanted.tty {
        return with_terminal(pod, command).map_err(failed);
    }
    let input = if wanted.stdin { Stdio::piped() } else { Stdio::null() };
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut started = pod.node.reaper.spawn(&mut command).map_err(failed)?;
    let mut outputs: Vec<(u8, Box<dyn AsyncRead + Send + Unpin>)> = Vec::new();
    if let Some(pipe) = started.pipes.stdout.take() {
        outputs.push((STDOUT, Box::new(ChildStdout::from_std(pipe).map_err(failed)?)));
    }
    if let Some(pipe) = started.pipes.stderr.take() {
        outputs.push((STDERR, Box::new(ChildStderr::from_std(pipe).map_err(failed)?)));
    }
    let mut input: Option<Box<dyn AsyncWrite + Send + Unpin>> = None;
    if let Some(pipe) = started.pipes.stdin.take() {
        input = Some(Box::new(ChildStdin::from_std(pipe).map_err(failed)?));
    }
    Ok(Session { started, input, outputs, terminal: None })
}

fn with_terminal(pod: &PodCtx, mut command: std::process::Command) -> io::Result<Session> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let slave = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags_noctty()
        .open(std::path::Path::new(name.to_str().map_err(io::Error::other)?))?;
    command.stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(slave);
    let started = pod.node.reaper.spawn(&mut command)?;
    drop(command);
    let (reader, writer) = (std::fs::File::from(master.try_clone()?), master.try_clone()?);
    let input = tokio::fs::File::from_std(std::fs::File::from(writer));
    Ok(Session {
        started,
        input: Some(Box::new(input)),
        outputs: vec![(STDOUT, Box::new(tokio::fs::File::from_std(reader)))],
        terminal: Some(master),
    })
}

trait NoControl {
    fn custom_flags_noctty(&mut self) -> &mut Self;
}

impl NoControl for std::fs::OpenOptions {
    fn custom_flags_noctty(&mut self) -> &mut Self {
        use std::os::unix::fs::OpenOptionsExt;
        self.custom_flags(nix::fcntl::OFlag::O_NOCTTY.bits())
    }
}

/// How long a client may take to answer that all was said.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(2);

async fn converse<S>(socket: WebSocketStream<S>, session: Session)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Session { mut started, input, outputs, terminal } = session;
    let (mut to_client, mut from_client) = socket.split();
    let (sender, mut frames) = mpsc::channel::<Bytes>(QUEUE);
    let mut copies = JoinSet::new();
    for (channel, output) in outputs {
        copies.spawn(copy(channel, output, sender.clone()));
    }
    drop(sender);
    let writing = async {
        while let Some(frame) = frames.recv().await {
            to_client.send(Message::Binary(frame)).await.ok()?;
        }
        let exit = (&mut started.end).await.unwrap_or(Exit::Code(-1));
        let status = [&[ERROR][..], status_of(exit).to_string().as_bytes()].concat();
        to_client.send(Message::Binary(status.into())).await.ok()?;
        // Without a code, kubectl takes the end for a failure.
        let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        to_client.send(Message::Close(Some(normal))).await.ok()
    };
    let reading = async {
        let mut input = input;
        while let Some(Ok(message)) = from_client.next().await {
            let frame = match message {
                Message::Binary(frame) => frame,
                Message::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
                Message::Close(_) => break,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            receive(&frame, &mut input, terminal.as_ref()).await;
        }
    };
    tokio::pin!(reading);
    let said = tokio::select! {
        said = writing => said,
        () = &mut reading => None,
    };
    // What the client still sends must be read: a connection that is closed over unread bytes takes back what was sent.
    if said.is_some() {
        let _quiet = tokio::time::timeout(GOODBYE, reading).await;
    }
}

async fn receive(
    frame: &[u8],
    input: &mut Option<Box<dyn AsyncWrite + Send + Unpin>>,
    terminal: Option<&OwnedFd>,
) {
    match (frame, terminal) {
        ([STDIN, data @ ..], _) => {
            let Some(pipe) = input else { return };
            let written = async {
                pipe.write_all(data).await?;
                pipe.flush().await
            };
            if written.await.is_err() {
                *input = None;
            }
        }
        ([CLOSE, STDIN], _) => *input = None,
        ([RESIZE, data @ ..], Some(terminal)) => {
            let size: Value = serde_json::from_slice(data).unwrap_or_default();
            let side =
                |name: &str| size[name].as_u64().and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
            let size = Winsize {
                ws_row: side("Height"),
                ws_col: side("Width"),
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            // A terminal that has just closed has no size.
            tcsetwinsize(terminal, size).ok();
        }
        _ => {}
    }
}

async fn copy(
    channel: u8,
    mut output: Box<dyn AsyncRead + Send + Unpin>,
    frames: mpsc::Sender<Bytes>,
) {
    let mut buffer = vec![0; CHUNK];
    // A terminal whose program has ended answers with an error: the end as well.
    while let Ok(length) = output.read(&mut buffer[1..]).await {
        if length == 0 {
            return;
        }
        buffer[0] = channel;
        if frames.send(Bytes::copy_from_slice(&buffer[..=length])).await.is_err() {
            return;
        }
    }
}

fn status_of(exit: Exit) -> Value {
    match exit.code() {
        0 => json!({"metadata": {}, "status": "Success"}),
        code => json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
    }
}
