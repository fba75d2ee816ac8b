//! The host's ports of a mesh.
//!
//! In: port numbers and the flags that choose them. Out: bound sockets, or who has the port.
//! Holds: all are bound or none. A mesh that was killed may still be letting go of them; a living program keeps them.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use weft_rt::Clock;

use crate::failure::Failure;

/// A port, and the flag that chooses it.
pub(crate) type Wanted = (u16, &'static str);

const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// State of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// Binds all; tries again for as long as `patience` says.
pub(crate) async fn bind(
    wanted: [Wanted; 3],
    patience: Duration,
    clock: &Clock,
) -> Result<[TcpListener; 3], Failure> {
    distinct(&wanted)?;
    let deadline = clock.now() + patience;
    loop {
        let [first, second, third] = wanted;
        let bound = one(first).and_then(|first| Ok([first, one(second)?, one(third)?]));
        if bound.is_ok() || clock.now() >= deadline {
            return bound;
        }
        clock.sleep(LOOK_AGAIN).await;
    }
}

fn distinct(wanted: &[Wanted]) -> Result<(), Failure> {
    for (at, (port, flag)) in wanted.iter().enumerate() {
        if let Some((_, other)) = wanted[..at].iter().find(|(before, _)| before == port) {
            let what = format!("{other} and {flag} are both {port}");
            return Err(Failure::new(what).hint("give each a port of its own"));
        }
    }
    Ok(())
}

fn one((port, flag): Wanted) -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => in_use(port, flag),
        ErrorKind::PermissionDenied => {
            Failure::new(format!("port {port} of localhost ({flag}) needs root: {error}"))
                .hint(format!("choose one above 1023 with {flag} PORT"))
        }
        _ => Failure::new(format!("port {port} of localhost ({flag}) cannot be used: {error}"))
            .hint(format!("choose another one with {flag} PORT")),
    })
}

fn in_use(port: u16, flag: &str) -> Failure {
    let other = format!("choose another one with {flag} PORT");
    match holder(port) {
        Some(Holder { pid, command, mesh: Some(state) }) => Failure::new(format!(
            "port {port} of localhost ({flag}) is used by the mesh with the state in {state} ({command}, pid {pid})"
        ))
        .hint(format!("weft down --state-dir {state} ends that mesh; or {other}")),
        Some(Holder { pid, command, mesh: None }) => {
            Failure::new(format!("port {port} of localhost ({flag}) is used by {command} (pid {pid})"))
                .hint(format!("end that process, or {other}"))
        }
        None => Failure::new(format!(
            "port {port} of localhost ({flag}) is used by a process that we may not look into"
        ))
        .hint(other),
    }
}

/// A process that listens.
#[derive(Debug)]
struct Holder {
    pid: u32,
    command: String,
    /// State folder, when it is a mesh.
    mesh: Option<String>,
}

/// Who listens on a port; of several processes with the socket the oldest.
fn holder(port: u16) -> Option<Holder> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.filter(|pid| has(*pid, &sockets)).min()?;
    Some(describe(pid))
}

/// The inodes of listening sockets of a port in a table of `/proc/net`.
fn listening(table: &str, port: u16) -> Vec<String> {
    let ending = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let wanted = rows.filter(|row| {
        row.get(1).is_some_and(|local| local.ends_with(&ending)) && row.get(3) == Some(&LISTEN)
    });
    wanted.filter_map(|row| row.get(9).map(|inode| (*inode).to_owned())).collect()
}

fn has(pid: u32, sockets: &[String]) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files.flatten().any(|file| {
        let target = std::fs::read_link(file.path());
        target.is_ok_and(|target| sockets.iter().any(|socket| Path::new(socket) == target))
    })
}

fn describe(pid: u32) -> Holder {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> =
        line.split(|byte| *byte == 0).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
    let name = words.first().map(Path::new).and_then(Path::file_name);
    let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder =
        words.iter().position(|word| word == "--state-dir").and_then(|at| words.get(at + 1));
    let mesh = folder.filter(|_| name == "weft").cloned();
    let command = if name.is_empty() { "a process without a name".to_owned() } else { name };
    Holder { pid, command, mesh }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_found() {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let found = holder(port).unwrap();
        assert_eq!((found.pid, found.mesh), (std::process::id(), None));
        let told = format!("{:?}", one((port, "--api-port")).unwrap_err());
        assert!(told.contains(&format!("(pid {})", std::process::id())), "{told}");
        assert!(told.contains("--api-port PORT"), "{told}");
    }

    #[test]
    fn one_port_for_two_things_is_refused() {
        let told = distinct(&[(1, "--a"), (2, "--b"), (1, "--c")]).unwrap_err().to_string();
        assert_eq!(told, "--a and --c are both 1");
    }
}
