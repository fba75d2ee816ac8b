//! Real namespaces, as root and as an ordinary user: links, service addresses, capture.
//!
//! The test starts itself twice as a child, so that the namespaces die with the children.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test of its own main says by panicking what went wrong"
)]

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use socket2::{Domain, SockAddr, Socket, Type};
use weft_netns::{Capture, MeshNet, NetNs, PodNet, ServicePort, ServiceTable, Transport};

const NODE: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 2);
const ONE: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 3);
const TWO: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 4);
const MESHED: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 5);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 1, 1);
const EMPTY_VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 1, 2);
const MARK: u32 = 1337;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("--inside-as-root") => inside(CloneFlags::empty()),
        Some("--inside-as-user") => inside(CloneFlags::CLONE_NEWUSER),
        Some("--list") => ExitCode::SUCCESS,
        _ => outside(),
    }
}

fn outside() -> ExitCode {
    // The folder of the build may be closed to the ordinary user.
    let open =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
    let exe = open.path().join("mesh");
    std::fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
    let mut runs = vec![("user", Command::new(&exe))];
    runs[0].1.arg("--inside-as-user");
    if nix::unistd::geteuid().is_root() {
        runs[0].1.uid(65534).gid(65534);
        let mut root = Command::new(&exe);
        root.arg("--inside-as-root");
        runs.push(("root", root));
    }
    for (who, mut run) in runs {
        let status = run.status().unwrap();
        assert!(status.success(), "the mesh as {who}: {status}");
    }
    ExitCode::SUCCESS
}

fn inside(user: CloneFlags) -> ExitCode {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(user | CloneFlags::CLONE_NEWNET).unwrap();
    if !user.is_empty() {
        std::fs::write("/proc/self/setgroups", "deny").unwrap();
        std::fs::write("/proc/self/uid_map", format!("0 {uid} 1")).unwrap();
        std::fs::write("/proc/self/gid_map", format!("0 {gid} 1")).unwrap();
    }
    let mesh = MeshNet {
        bridge: "weft0".into(),
        address: (NODE, 16),
        services: (Ipv4Addr::new(10, 96, 0, 0), 16),
        dns: Ipv4Addr::new(10, 96, 0, 10),
    };
    let bridge = mesh.set_up().unwrap();
    let pod = |address, capture| {
        let host_link = format!("veth{}", u32::from(address) & 0xffff);
        PodNet { address, gateway: NODE, host_link, bridge, capture }.create().unwrap()
    };
    let (client, one, two) = (pod(CLIENT, None), pod(ONE, None), pod(TWO, None));
    let meshed = pod(MESHED, Some(Capture::new(MARK, NODE)));
    answer(&one, 8080, "one");
    answer(&two, 8080, "two");
    for (port, name) in [(8080, "app"), (15001, "out"), (15006, "in"), (15021, "health")] {
        answer(&meshed, port, name);
    }

    assert_eq!(from(&client, ONE, 8080).unwrap(), format!("one {CLIENT}"));
    services_reach_every_ready_endpoint(&client);
    rules_are_replaced_and_refuse(&client);
    a_pod_reaches_itself_through_its_service(&one);
    capture_takes_what_it_must(&client, &meshed);
    a_large_table_fits(&client);
    ExitCode::SUCCESS
}

fn services_reach_every_ready_endpoint(client: &NetNs) {
    table(vec![(VIP, vec![(ONE, 8080), (TWO, 8080)]), (EMPTY_VIP, vec![])]);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..64 {
        seen.insert(from(client, VIP, 80).unwrap());
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
    let node = call(VIP, 80, None).unwrap();
    assert!(node.ends_with(&NODE.to_string()), "{node}");
}

fn rules_are_replaced_and_refuse(client: &NetNs) {
    let refused = from(client, EMPTY_VIP, 80).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(
        call(EMPTY_VIP, 80, None).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    table(vec![(VIP, vec![(TWO, 8080)])]);
    for _ in 0..16 {
        assert_eq!(from(client, VIP, 80).unwrap(), format!("two {CLIENT}"));
    }
}

fn a_pod_reaches_itself_through_its_service(one: &NetNs) {
    table(vec![(VIP, vec![(ONE, 8080)])]);
    assert_eq!(from(one, VIP, 80).unwrap(), format!("one {NODE}"));
}

fn capture_takes_what_it_must(client: &NetNs, meshed: &NetNs) {
    assert_eq!(from(client, MESHED, 8080).unwrap(), format!("in {CLIENT}"));
    assert_eq!(from(client, MESHED, 15021).unwrap(), format!("health {CLIENT}"));
    assert_eq!(call(MESHED, 8080, None).unwrap(), format!("app {NODE}"));
    let inside = |to, port, mark| meshed.run(|| Ok(call(to, port, mark))).unwrap().unwrap();
    assert!(inside(VIP, 80, None).starts_with("out "));
    assert_eq!(inside(VIP, 80, Some(MARK)), format!("one {MESHED}"));
    assert!(inside(Ipv4Addr::LOCALHOST, 8080, None).starts_with("app "));
    assert!(inside(MESHED, 8080, None).starts_with("app "), "the app calls itself");
    assert!(inside(MESHED, 8080, Some(MARK)).starts_with("in "), "the proxy enters by the door");
}

fn a_large_table_fits(client: &NetNs) {
    let crowd = |n: u16| {
        let [high, low] = n.to_be_bytes();
        let pods = (1..=5).map(|pod| (Ipv4Addr::new(10, 244, high + 1, pod), 8080)).collect();
        (Ipv4Addr::new(10, 96, 10 + high, low), pods)
    };
    let mut services: Vec<_> = (0..2000).map(crowd).collect();
    services.push((VIP, vec![(TWO, 8080)]));
    let begun = std::time::Instant::now();
    table(services);
    eprintln!("2000 services with 5 endpoints each in {:?}", begun.elapsed());
    assert_eq!(from(client, VIP, 80).unwrap(), format!("two {CLIENT}"));
}

fn table(services: Vec<(Ipv4Addr, Vec<(Ipv4Addr, u16)>)>) {
    let ports = services
        .into_iter()
        .map(|(address, endpoints)| ServicePort {
            address,
            port: 80,
            transport: Transport::Tcp,
            endpoints: endpoints.into_iter().map(|(ip, p)| SocketAddrV4::new(ip, p)).collect(),
        })
        .collect();
    let network = (Ipv4Addr::new(10, 96, 0, 0), 16);
    ServiceTable { network, local: Ipv4Addr::new(10, 96, 0, 10), ports }.apply().unwrap();
}

/// Answers every connection with its name and the peer's address.
fn answer(namespace: &NetNs, port: u16, name: &'static str) {
    let listener = namespace.run(|| Ok(TcpListener::bind(("0.0.0.0", port)).unwrap())).unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let peer = connection.peer_addr().unwrap().ip();
            write!(connection, "{name} {peer}").unwrap();
        }
    });
}

fn from(namespace: &NetNs, to: Ipv4Addr, port: u16) -> std::io::Result<String> {
    namespace.run(|| Ok(call(to, port, None))).unwrap()
}

fn call(to: Ipv4Addr, port: u16, mark: Option<u32>) -> std::io::Result<String> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if let Some(mark) = mark {
        socket.set_mark(mark)?;
    }
    let address = SockAddr::from(SocketAddr::from((to, port)));
    socket.connect_timeout(&address, Duration::from_secs(3))?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(3)))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
