//! The life of the processes, seen from outside: started again, ended on request, ended by force.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use local_node::{Relay, record, supervise};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::sync::watch;
use weft_rt::Clock;

use crate::mesh::{Mesh, runtime};

/// `inside`, but it lives until it is told to stop: one pod, one relay, one supervised program.
pub fn serve(state: &Path) -> ExitCode {
    let (config, prepared) = crate::mesh::prepare(state);
    runtime().block_on(async {
        // The listener is inherited as standard input.
        let listener = TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
        let relay =
            Relay { listener, namespace: "default".into(), service: "front".into(), port: 80 };
        let mut stop = local_node::stop_on_signals().unwrap();
        let mesh = Mesh::start(config, prepared.clone(), vec![relay]).await;
        mesh.front().await;
        let pid = watch::Sender::new(0);
        let about = ("test".to_owned(), json!({}));
        tokio::spawn(record::keep(state.to_owned(), prepared, about, pid.subscribe()));
        let build = || {
            let mut command = Command::new("sleep");
            command.arg("1000");
            Ok(command)
        };
        let parts = (Arc::clone(&mesh.reaper), Clock::real());
        tokio::spawn(supervise("sleep", build, parts, pid, stop.clone()));
        stop.wait_for(|stop| *stop).await.map(drop).unwrap();
        mesh.stop().await;
    });
    ExitCode::SUCCESS
}

pub fn outside(launch: &dyn Fn(&str, &Path) -> Command, state: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let start = || -> Child {
        std::fs::remove_file(record::path(state)).ok();
        let mut command = launch("serve", state);
        command.stdin(std::os::fd::OwnedFd::from(listener.try_clone().unwrap()));
        command.spawn().unwrap()
    };
    let mut launcher = start();
    let first = control_plane(state, 0);
    until("the relay answers", || ask(address).contains("front"));
    kill(Pid::from_raw(i32::try_from(first).unwrap()), Signal::SIGKILL).unwrap();
    let second = control_plane(state, first);
    let node = record::read(state).unwrap().node_pid.unwrap();
    let begun = Instant::now();
    kill(Pid::from_raw(i32::try_from(launcher.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(launcher.wait().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(!alive(node) && !alive(second));

    let mut launcher = start();
    let program = control_plane(state, 0);
    let node = record::read(state).unwrap().node_pid.unwrap();
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    until("everything is gone", || !alive(node) && !alive(program));
}

fn control_plane(state: &Path, before: u32) -> u32 {
    let mut found = 0;
    until("the supervised program runs", || {
        found = record::read(state).ok().and_then(|r| r.control_plane_pid).unwrap_or(0);
        let line = std::fs::read_to_string(format!("/proc/{found}/cmdline")).unwrap_or_default();
        found != 0 && found != before && line.starts_with("sleep")
    });
    found
}

fn ask(address: std::net::SocketAddr) -> String {
    let mut text = String::new();
    let answer = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        stream.read_to_string(&mut text)
    });
    match answer {
        Ok(_) => text,
        Err(error) => error.to_string(),
    }
}

fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !reached() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
