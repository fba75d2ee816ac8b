//! Container logs: one file per run, one line per line, with time and stream.
//!
//! In: a container's pipes. Out: `<n>.log` in the CRI format, and its lines for `kubectl logs`.
//! Holds: a line has its time; a file that grows past its bound is begun anew, its last part is kept beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::task::JoinSet;
use weft_rt::Clock;

use crate::stamp;

const LONGEST_LINE: usize = 16 * 1024;
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// The file of one run.
#[must_use]
pub(crate) fn path(folder: &Path, run: u32) -> PathBuf {
    folder.join(format!("{run}.log"))
}

/// Writes the log of one run.
#[derive(Debug, Clone)]
pub(crate) struct LogWriter {
    file: Arc<Mutex<(File, u64)>>,
    path: PathBuf,
    clock: Clock,
}

impl LogWriter {
    pub(crate) fn create(folder: &Path, run: u32, clock: Clock) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        if let Some(old) = run.checked_sub(2) {
            // The run before is kept for `--previous`; what is older is of no use to anybody.
            fs::remove_file(path(folder, old)).or_else(missing_is_fine)?;
        }
        let path = path(folder, run);
        let file = open(&path)?;
        Ok(Self { file: Arc::new(Mutex::new((file, 0))), path, clock })
    }

    /// Copies both pipes until they are closed.
    pub(crate) fn follow(self, child: &mut Child) -> io::Result<JoinSet<()>> {
        let mut tasks = JoinSet::new();
        if let Some(pipe) = child.stdout.take() {
            tasks.spawn(self.clone().copy(ChildStdout::from_std(pipe)?, "stdout"));
        }
        if let Some(pipe) = child.stderr.take() {
            tasks.spawn(self.copy(ChildStderr::from_std(pipe)?, "stderr"));
        }
        Ok(tasks)
    }

    async fn copy(self, pipe: impl AsyncRead + Unpin, stream: &'static str) {
        let mut reader = BufReader::with_capacity(LONGEST_LINE, pipe);
        let mut line = Vec::new();
        loop {
            let available = match reader.fill_buf().await {
                Ok([]) | Err(_) => break,
                Ok(available) => available,
            };
            let room = LONGEST_LINE - line.len();
            let end = available.iter().take(room).position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len().min(room), |at| at + 1);
            line.extend_from_slice(&available[..taken]);
            reader.consume(taken);
            if end.is_some() || line.len() >= LONGEST_LINE {
                self.write(stream, &line);
                line.clear();
            }
        }
        if !line.is_empty() {
            self.write(stream, &line);
        }
    }

    fn write(&self, stream: &str, line: &[u8]) {
        let (text, tag) = match line.strip_suffix(b"\n") {
            Some(text) => (text, "F"),
            None => (line, "P"),
        };
        let mut record = stamp::nanoseconds(self.clock.wall()).into_bytes();
        record.extend_from_slice(format!(" {stream} {tag} ").as_bytes());
        record.extend_from_slice(text);
        record.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.append(&mut file, &record) {
            tracing::warn!(path = %self.path.display(), %error, "cannot write a container's log");
        }
    }

    fn append(&self, (file, size): &mut (File, u64), record: &[u8]) -> io::Result<()> {
        if *size > LARGEST_FILE {
            fs::rename(&self.path, self.path.with_extension("log.old"))?;
            (*file, *size) = (open(&self.path)?, 0);
        }
        *size += record.len() as u64;
        file.write_all(record)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn missing_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// One line read back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// When it was written.
    pub(crate) time: &'a str,
    /// The text, without its end when it was cut.
    pub(crate) text: &'a [u8],
    /// False for a part of a longer line.
    pub(crate) whole: bool,
}

/// Reads one record, without its newline.
pub(crate) fn parse(record: &[u8]) -> Option<Line<'_>> {
    let mut parts = record.splitn(4, |byte| *byte == b' ');
    let time = std::str::from_utf8(parts.next()?).ok()?;
    let _stream = parts.next()?;
    let whole = parts.next()? == b"F";
    Some(Line { time, text: parts.next()?, whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_keep_their_time_and_long_ones_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let writer = LogWriter::create(folder.path(), 0, Clock::real()).unwrap();
        let long = vec![b'x'; LONGEST_LINE + 5];
        let input = [b"hello\n", &long[..], b"\nend"].concat();
        writer.copy(&input[..], "stdout").await;
        let text = fs::read(path(folder.path(), 0)).unwrap();
        let lines: Vec<_> = text
            .split(|b| *b == b'\n')
            .filter(|r| !r.is_empty())
            .map(|r| parse(r).unwrap())
            .collect();
        let shape: Vec<_> = lines.iter().map(|l| (l.text.len(), l.whole)).collect();
        assert_eq!(shape, [(5, true), (LONGEST_LINE, false), (5, true), (3, false)]);
        assert!(stamp::parse(lines[0].time).is_some());
    }
}
