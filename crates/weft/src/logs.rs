//! Access logs, line by line.
//!
//! In: paths, or `-`. Out: what became of their requests, and how many lines were what.
//! Holds: memory does not grow with a log; a line that cannot be read is counted, and the first of them are told of.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use telemetry_read::Line;
use weft_plan::{Replay, Replayed};

use crate::compared::{Compared, Versions};
use crate::failure::Failure;

/// Longest line; Kubernetes cuts lines at a quarter of it.
const LONGEST: u64 = 64 * 1024;
/// Most lines that are told of.
const TOLD: usize = 5;
/// How a file of gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Files.
pub(crate) struct Logs<'a>(&'a [PathBuf]);

/// What was read.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Lines {
    /// Files.
    pub(crate) files: usize,
    /// All lines.
    pub(crate) lines: u64,
    /// Lines of something else.
    pub(crate) other: u64,
    /// Entries that could not be read.
    pub(crate) unreadable: u64,
    /// The first of them, with their places and why.
    pub(crate) first_unreadable: Vec<String>,
}

/// What became of the requests of logs.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    /// Of the logs.
    pub(crate) read: Lines,
    /// Of their requests.
    #[serde(flatten)]
    pub(crate) replayed: Replayed,
}

impl<'a> Logs<'a> {
    /// Of these files; standard input is read once.
    pub(crate) fn of(files: &'a [PathBuf], compared: &Compared) -> Result<Self, Failure> {
        let inputs = files.iter().filter(|file| *file == Path::new("-")).count();
        if inputs + usize::from(compared.reads_input()) > 1 {
            return Err(Failure::new("standard input (-) is named twice")
                .hint("write one of the two into a file"));
        }
        Ok(Self(files))
    }

    /// Reads them, and asks about their requests.
    pub(crate) fn replay(&self, versions: &Versions, most: usize) -> Result<Told, Failure> {
        let mut replay = Replay::new(&versions.old, &versions.new, most);
        let mut read = Lines::default();
        for path in self.0 {
            let wrong = |error: io::Error| Failure::new(format!("{}: {error}", path.display()));
            read.files += 1;
            if path == Path::new("-") {
                read.file("standard input", io::stdin().lock(), &mut replay).map_err(wrong)?;
                continue;
            }
            let mut file = BufReader::new(File::open(path).map_err(wrong)?);
            if file.fill_buf().map_err(wrong)?.starts_with(&GZIP) {
                let name = path.display();
                return Err(Failure::new(format!("{name} is compressed"))
                    .hint(format!("unpack it on the way: gunzip -c {name} | weft replay - …")));
            }
            read.file(&path.display().to_string(), file, &mut replay).map_err(wrong)?;
        }
        Ok(Told { read, replayed: replay.finish() })
    }
}

impl Lines {
    fn file(
        &mut self,
        name: &str,
        mut from: impl BufRead,
        replay: &mut Replay<'_>,
    ) -> io::Result<()> {
        let (mut line, mut number) = (Vec::new(), 0_u64);
        loop {
            line.clear();
            if from.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            number += 1;
            self.lines += 1;
            if !line.ends_with(b"\n") && line.len() as u64 >= LONGEST {
                from.skip_until(b'\n')?;
                self.unreadable(name, number, "the line is too long");
                continue;
            }
            match telemetry_read::read(&String::from_utf8_lossy(&line)) {
                Line::Entry(entry) => replay.add(&entry),
                Line::Other => self.other += 1,
                Line::Unreadable(why) => self.unreadable(name, number, why),
            }
        }
    }

    fn unreadable(&mut self, file: &str, line: u64, why: &str) {
        self.unreadable += 1;
        if self.first_unreadable.len() < TOLD {
            self.first_unreadable.push(format!("{file}:{line}: {why}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_explain::Mesh;

    #[test]
    fn a_line_without_end_does_not_fill_memory_and_hides_nothing_behind_it() {
        let (mesh, _) = Mesh::new(Vec::new(), <_>::default(), <_>::default());
        let mut replay = Replay::new(&mesh, &mesh, 1);
        let long = "x".repeat(3 * 64 * 1024);
        let text = format!("ready\n{long}\n[2026-11-22T17:00:00Z] \"cut\nready\n{long}");
        let mut read = Lines::default();
        read.file("log", text.as_bytes(), &mut replay).unwrap();
        assert_eq!((read.lines, read.other, read.unreadable), (5, 2, 3), "{read:?}");
        assert_eq!(read.first_unreadable[0], "log:2: the line is too long");
        assert!(read.first_unreadable[1].starts_with("log:3: "), "{read:?}");
    }
}
