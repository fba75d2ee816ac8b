//! Istio's default text access log, and behind it, where that is wanted, why rules did not let a call pass.
//!
//! In: records. Out: lines to one writer thread.
//! Holds: a full queue drops lines and counts them; a worker never waits for a disk or a pipe.

use std::fmt::{self, Display, Write as _};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use weft_telemetry::record::LogFields;
use weft_telemetry::{ExchangeRecord, Flags, TcpRecord};

const QUEUE: usize = 8192;
const BATCH: usize = 64 * 1024;

/// The workers' end of the log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AccessLog {
    lines: SyncSender<String>,
    dropped: Arc<AtomicU64>,
}

/// The thread that writes; it ends when every [`AccessLog`] is dropped.
#[derive(Debug)]
pub struct LogWriter(Option<std::thread::JoinHandle<()>>);

impl LogWriter {
    /// Waits until the last line is written. Call it after the last [`AccessLog`] is gone.
    pub fn finish(mut self) {
        if let Some(thread) = self.0.take() {
            // A writer that panicked has nothing more to write.
            thread.join().ok();
        }
    }
}

impl AccessLog {
    /// Starts a writer into `out`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(out: impl Write + Send + 'static) -> std::io::Result<(Self, LogWriter)> {
        let (lines, queue) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("access-log".into())
            .stack_size(128 * 1024)
            .spawn(move || write_lines(&queue, out))?;
        Ok((Self { lines, dropped: Arc::default() }, LogWriter(Some(thread))))
    }

    /// Lines that were lost because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn exchange(&self, r: &ExchangeRecord<'_>) {
        let code = r.response_code.to_string();
        self.send(&Line {
            start: r.start,
            log: r.log,
            request: Some(r.log.http_version),
            code: &code,
            flags: r.flags,
            received: r.body_received,
            sent: r.body_sent,
            duration: r.duration,
            why: r.denied.and_then(|denied| denied.why),
        });
    }

    pub(crate) fn tcp(&self, r: &TcpRecord<'_>) {
        self.send(&Line {
            start: r.start,
            log: r.log,
            request: None,
            code: "0",
            flags: r.flag.into(),
            received: r.received,
            sent: r.sent,
            duration: r.duration,
            why: r.denied.and_then(|denied| denied.why),
        });
    }

    fn send(&self, line: &Line<'_>) {
        if self.lines.try_send(line.to_string()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_lines(queue: &Receiver<String>, mut out: impl Write) {
    let mut batch = String::new();
    while let Ok(line) = queue.recv() {
        batch.push_str(&line);
        while batch.len() < BATCH
            && let Ok(line) = queue.try_recv()
        {
            batch.push_str(&line);
        }
        // Nobody can be told that standard output is gone.
        out.write_all(batch.as_bytes()).and_then(|()| out.flush()).ok();
        batch.clear();
    }
}

struct Line<'a> {
    start: SystemTime,
    log: LogFields<'a>,
    request: Option<&'a str>,
    code: &'a str,
    flags: Flags,
    received: u64,
    sent: u64,
    duration: Duration,
    why: Option<&'a str>,
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = &self.log;
        stamp(f, self.start)?;
        match self.request {
            Some(version) => write!(f, " \"{} {} {version}\"", log.method, log.path)?,
            None => f.write_str(" \"- - -\"")?,
        }
        let details = if log.details.is_empty() { "-" } else { log.details };
        write!(f, " {} {} {details} -", self.code, self.flags)?;
        write!(f, " \"{}\"", log.upstream_failure.unwrap_or("-"))?;
        write!(f, " {} {} {} ", self.received, self.sent, self.duration.as_millis())?;
        dash(f, log.upstream_time)?;
        for text in [log.forwarded_for, log.user_agent, log.request_id] {
            write!(f, " \"{}\"", text.unwrap_or("-"))?;
        }
        let authority = if log.authority.is_empty() { "-" } else { log.authority };
        write!(f, " \"{authority}\" \"")?;
        dash(f, log.upstream_host)?;
        write!(f, "\" {} ", log.upstream_cluster.unwrap_or("-"))?;
        for address in [log.upstream_local, log.downstream_local, log.downstream_remote] {
            dash(f, address)?;
            f.write_char(' ')?;
        }
        write!(f, "{} {}", log.sni.unwrap_or("-"), log.route.unwrap_or("-"))?;
        if let Some(why) = self.why {
            // Quoted, so that what a caller wrote ends neither the field nor the line.
            write!(f, " denied={why:?}")?;
        }
        f.write_char('\n')
    }
}

fn dash(f: &mut fmt::Formatter<'_>, value: Option<impl Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, "{value}"),
        None => f.write_str("-"),
    }
}

fn stamp(f: &mut fmt::Formatter<'_>, at: SystemTime) -> fmt::Result {
    let t = OffsetDateTime::from(at);
    write!(
        f,
        "[{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z]",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_default_fields_in_order() {
        let log = LogFields {
            method: "GET",
            path: "/a",
            authority: "x:80",
            details: "via_upstream",
            upstream_time: Some(3),
            upstream_host: "10.0.0.1:80".parse().ok(),
            upstream_cluster: Some("outbound|80||x"),
            route: Some("default"),
            ..LogFields::default()
        };
        let line = Line {
            start: SystemTime::UNIX_EPOCH,
            log,
            request: Some("HTTP/1.1"),
            code: "200",
            flags: Flags::default(),
            received: 0,
            sent: 5,
            duration: Duration::from_millis(4),
            why: None,
        };
        assert_eq!(
            line.to_string(),
            "[1970-01-01T00:00:00.000Z] \"GET /a HTTP/1.1\" 200 - via_upstream - \"-\" 0 5 4 3 \"-\" \"-\" \"-\" \"x:80\" \"10.0.0.1:80\" outbound|80||x - - - - default\n"
        );
        let denied = Line { why: Some("no rule allows \"it\"\nat all"), ..line };
        let end = " default denied=\"no rule allows \\\"it\\\"\\nat all\"\n";
        assert!(denied.to_string().ends_with(end), "{denied}");
    }
}
