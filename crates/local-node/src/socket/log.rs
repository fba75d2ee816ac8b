//! `kubectl logs`: what a container has written, and what it writes.
//!
//! In: `container, follow, previous, timestamps, tailLines, sinceSeconds, sinceTime, limitBytes`. Out: lines.
//! Holds: following ends when the container's run ends.

use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Response, StatusCode};
use tokio::io::{AsyncBufReadExt, AsyncSeekExt, BufReader};
use tokio::sync::mpsc;

use crate::logs;
use crate::pod::board::{Phase, Seen};
use crate::pod::context::PodCtx;
use crate::socket::query::Query;
use crate::socket::{Body, container_of, refuse, streamed};
use crate::stamp;

const POLL: Duration = Duration::from_millis(100);
const QUEUE: usize = 64;

#[derive(Debug, Default)]
struct Wanted {
    timestamps: bool,
    tail: Option<usize>,
    since: Option<String>,
    limit: Option<u64>,
}

pub(crate) fn answer(pod: Arc<PodCtx>, query: &Query) -> Response<Body> {
    let bad = |why: String| refuse(StatusCode::BAD_REQUEST, &why);
    let container = match container_of(&pod, query) {
        Ok(container) => container,
        Err(why) => return bad(why),
    };
    let wanted = match wanted(&pod, query) {
        Ok(wanted) => wanted,
        Err(why) => return bad(why),
    };
    let Some(seen) = pod.board.read(&container, Clone::clone) else {
        return bad(format!("container {container} is gone"));
    };
    let run = match run_of(&seen, &container, query.flag("previous")) {
        Ok(run) => run,
        Err(why) => return bad(why),
    };
    let path = logs::path(&pod.logs(&container), run);
    let follow = query.flag("follow");
    let (sender, chunks) = mpsc::channel(QUEUE);
    // Owned by the response: when the reader leaves, the next send fails and the task ends.
    tokio::spawn(send(Reading { pod, container, run, path, follow }, wanted, sender));
    let mut response = Response::new(streamed(chunks));
    let text = http::HeaderValue::from_static("text/plain");
    response.headers_mut().insert(http::header::CONTENT_TYPE, text);
    response
}

fn run_of(seen: &Seen, container: &str, previous: bool) -> Result<u32, String> {
    let waiting = |reason: &str| format!("container {container} is waiting to start: {reason}");
    match (&seen.phase, previous) {
        (Phase::Waiting { .. }, true) => seen.last.as_ref().map(|ended| ended.run),
        (_, true) => seen.restarts.checked_sub(1),
        (Phase::Waiting { reason, .. }, false) => match &seen.last {
            Some(ended) => Some(ended.run),
            None => return Err(waiting(reason)),
        },
        (_, false) => Some(seen.restarts),
    }
    .ok_or_else(|| format!("container {container} has no previous run"))
}

fn wanted(pod: &PodCtx, query: &Query) -> Result<Wanted, String> {
    let mut since = query.get("sinceTime").map(str::to_owned);
    if let Some(seconds) = query.number("sinceSeconds")? {
        let begin = pod.node.clock.wall().checked_sub(Duration::from_secs(seconds));
        since = Some(stamp::nanoseconds(begin.unwrap_or(SystemTime::UNIX_EPOCH)));
    }
    let tail = query.number("tailLines")?.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let limit = query.number("limitBytes")?;
    Ok(Wanted { timestamps: query.flag("timestamps"), tail, since, limit })
}

struct Reading {
    pod: Arc<PodCtx>,
    container: String,
    run: u32,
    path: PathBuf,
    follow: bool,
}

impl Reading {
    fn over(&self) -> bool {
        let still =
            |seen: &Seen| seen.restarts == self.run && matches!(seen.phase, Phase::Running { .. });
        !self.follow || self.pod.board.read(&self.container, still) != Some(true)
    }
}

async fn send(reading: Reading, wanted: Wanted, chunks: mpsc::Sender<Bytes>) {
    let Ok(file) = tokio::fs::File::open(&reading.path).await else { return };
    let mut file = BufReader::new(file);
    let mut position = match wanted.tail {
        Some(lines) => tail_position(&reading.path, lines).await,
        None => 0,
    };
    if file.seek(SeekFrom::Start(position)).await.is_err() {
        return;
    }
    let (mut left, mut record) = (wanted.limit.unwrap_or(u64::MAX), Vec::new());
    loop {
        // Asked before reading: what was written until the end is then read to its end.
        let over = reading.over();
        loop {
            record.clear();
            match file.read_until(b'\n', &mut record).await {
                Ok(0) | Err(_) => break,
                Ok(length) if record.ends_with(b"\n") => position += length as u64,
                Ok(_) => {
                    // Half a record; it is read again when it is whole.
                    if file.seek(SeekFrom::Start(position)).await.is_err() {
                        return;
                    }
                    break;
                }
            }
            let Some(line) = render(&record, &wanted) else { continue };
            let taken = line.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            left -= taken as u64;
            if chunks.send(line.slice(..taken)).await.is_err() || left == 0 {
                return;
            }
        }
        if over {
            return;
        }
        tokio::select! {
            () = reading.pod.node.clock.sleep(POLL) => {}
            () = chunks.closed() => return,
        }
    }
}

fn render(record: &[u8], wanted: &Wanted) -> Option<Bytes> {
    let line = logs::parse(record.strip_suffix(b"\n")?)?;
    if wanted.since.as_deref().is_some_and(|since| line.time < since) {
        return None;
    }
    let mut text = Vec::with_capacity(line.text.len() + 40);
    if wanted.timestamps {
        text.extend_from_slice(line.time.as_bytes());
        text.push(b' ');
    }
    text.extend_from_slice(line.text);
    if line.whole {
        text.push(b'\n');
    }
    Some(text.into())
}

async fn tail_position(path: &std::path::Path, lines: usize) -> u64 {
    let all = tokio::fs::read(path).await.unwrap_or_default();
    let whole = all.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let ends = all[..whole].iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let before = ends.map(|(at, _)| at).nth(lines);
    before.map_or(0, |at| at as u64 + 1)
}
