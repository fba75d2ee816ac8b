//! Names of services and pods, answered at the DNS service address.
//!
//! In: questions over UDP and TCP. Out: answers from the current [`Directory`].
//! Holds: a name that exists answers every type without an error, so that clients do not search on.
//! Never: forwarding; the mesh has no way out to other name servers.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, PTR, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use weft_netns::Transport;

use crate::directory::{Directory, Endpoint, Service};
use crate::node::Shared;

const PORT: u16 = 53;
const TTL: u32 = 5;
const IDLE: Duration = Duration::from_secs(30);
const MOST_CONNECTIONS: usize = 256;
const PLAIN_UDP: usize = 512;
/// Room for the questions of a few thousand clients that start at once; a lost one costs its client five seconds.
const BURST: usize = 8 << 20;
/// So many names may stand for one another; more of them is a circle.
const LONGEST_CHAIN: usize = 8;

/// Binds both sockets and starts to answer.
pub(crate) async fn serve(node: Arc<Shared>, tasks: &mut JoinSet<()>) -> io::Result<()> {
    let address = SocketAddr::from((node.config.dns, PORT));
    let failed = |e: io::Error| io::Error::new(e.kind(), format!("DNS on {address}: {e}"));
    let udp = UdpSocket::bind(address).await.map_err(failed)?;
    make_room(&udp);
    let tcp = TcpListener::bind(address).await.map_err(failed)?;
    tasks.spawn(datagrams(Arc::clone(&node), udp));
    tasks.spawn(connections(node, tcp));
    Ok(())
}

/// Beyond what the machine allows anybody, where we may; up to that, where not.
fn make_room(udp: &UdpSocket) {
    use rustix::net::sockopt;
    let forced = sockopt::set_socket_recv_buffer_size_force(udp, BURST);
    if let Err(error) = forced.or_else(|_| sockopt::set_socket_recv_buffer_size(udp, BURST)) {
        tracing::debug!(%error, "questions for names have the machine's usual room");
    }
}

async fn datagrams(node: Arc<Shared>, socket: UdpSocket) {
    let mut buffer = vec![0; 4096];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(answer) = answer_bytes(&node, &buffer[..length], true) else { continue };
        if let Err(error) = socket.send_to(&answer, from).await {
            tracing::debug!(%from, %error, "cannot answer a name question");
        }
    }
}

async fn connections(node: Arc<Shared>, listener: TcpListener) {
    let mut open = JoinSet::new();
    loop {
        while open.len() >= MOST_CONNECTIONS {
            open.join_next().await;
        }
        while open.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else { continue };
        let node = Arc::clone(&node);
        open.spawn(async move {
            // A client that stops asking ends the connection; so does silence.
            while let Ok(Ok(())) = node.clock.timeout(IDLE, one(&node, &stream)).await {}
            drop(stream);
        });
    }
}

async fn one(node: &Shared, stream: &TcpStream) -> io::Result<()> {
    let mut half = TcpHalf(stream);
    let length = half.read_u16().await?;
    let mut question = vec![0; usize::from(length)];
    half.read_exact(&mut question).await?;
    let answer = answer_bytes(node, &question, false).ok_or_else(|| io::Error::other("no DNS"))?;
    let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
    half.write_all(&[&length.to_be_bytes()[..], &answer].concat()).await
}

/// Reads and writes through a shared reference, without splitting.
struct TcpHalf<'a>(&'a TcpStream);

impl TcpHalf<'_> {
    async fn read_u16(&mut self) -> io::Result<u16> {
        let mut two = [0; 2];
        self.read_exact(&mut two).await?;
        Ok(u16::from_be_bytes(two))
    }

    async fn read_exact(&mut self, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            self.0.readable().await?;
            match self.0.try_read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => buffer = &mut buffer[length..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.0.writable().await?;
            match self.0.try_write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn answer_bytes(node: &Shared, question: &[u8], datagram: bool) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let directory = node.services.now();
    let zone = Zone { directory: &directory, domain: &node.config.cluster_domain };
    let limit = usize::from(question.max_payload()).max(PLAIN_UDP);
    let answer = respond(&zone, &question);
    let bytes = answer.to_vec().ok()?;
    if datagram && bytes.len() > limit {
        return answer.truncate().to_vec().ok();
    }
    Some(bytes)
}

fn respond(zone: &Zone<'_>, question: &Message) -> Message {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.authoritative = true;
    let Some(query) = question.queries.first() else {
        answer.metadata.response_code = ResponseCode::FormErr;
        return answer;
    };
    answer.add_query(query.clone());
    match zone.records(query) {
        Some(records) => {
            answer.add_answers(records);
        }
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}

struct Zone<'a> {
    directory: &'a Directory,
    domain: &'a str,
}

impl Zone<'_> {
    /// The answer to a question: a name that stands for another brings what that one has, because resolvers do not ask again.
    fn records(&self, query: &Query) -> Option<Vec<Record>> {
        let mut query = query.clone();
        let mut records = Vec::new();
        let mut found = self.find(&query)?;
        for _ in 0..LONGEST_CHAIN {
            let next = found.iter().find_map(alias);
            let owner = query.name().clone();
            records.extend(found.into_iter().map(|d| Record::from_rdata(owner.clone(), TTL, d)));
            let Some(next) = next.filter(|_| query.query_type() != RecordType::CNAME) else {
                break;
            };
            query.set_name(next);
            found = self.find(&query).unwrap_or_default();
        }
        Some(records)
    }

    /// The data of a name; `None` when there is no such name.
    fn find(&self, query: &Query) -> Option<Vec<RData>> {
        let name = query.name().to_lowercase().to_ascii();
        let name = name.trim_end_matches('.');
        let kind = query.query_type();
        if let Some(reverse) = name.strip_suffix(".in-addr.arpa") {
            return self.pointer(reverse).map(|data| of_type(vec![data], kind));
        }
        let inside = name.strip_suffix(self.domain)?.trim_end_matches('.');
        let labels: Vec<&str> = inside.split('.').filter(|label| !label.is_empty()).collect();
        let data = match labels.as_slice() {
            [] | ["svc"] => Vec::new(),
            [namespace, "svc"] => {
                self.directory.services.keys().any(|(ns, _)| ns == namespace).then(Vec::new)?
            }
            [service, namespace, "svc"] => self.service(service, namespace)?,
            [port, transport, service, namespace, "svc"] if port.starts_with('_') => {
                self.server(port, transport, (service, namespace))?
            }
            [host, service, namespace, "svc"] => self.host(host, service, namespace)?,
            [address, _, "pod"] => vec![RData::A(A(address.replace('-', ".").parse().ok()?))],
            _ => return None,
        };
        Some(of_type(data, kind))
    }

    fn get(&self, service: &str, namespace: &str) -> Option<&Service> {
        self.directory.services.get(&(namespace.to_owned(), service.to_owned()))
    }

    fn service(&self, name: &str, namespace: &str) -> Option<Vec<RData>> {
        let service = self.get(name, namespace)?;
        if let Some(external) = &service.external {
            return Some(vec![RData::CNAME(CNAME(absolute(external)?))]);
        }
        if let Some(address) = service.address {
            return Some(vec![RData::A(A(address))]);
        }
        let pods: BTreeSet<Ipv4Addr> = service.endpoints.iter().map(|e| *e.address.ip()).collect();
        Some(pods.into_iter().map(|ip| RData::A(A(ip))).collect())
    }

    fn host(&self, host: &str, service: &str, namespace: &str) -> Option<Vec<RData>> {
        let service = self.get(service, namespace)?;
        let known = service.endpoints.iter().filter(|e| host_name(e) == host);
        let found: BTreeSet<Ipv4Addr> = known.map(|e| *e.address.ip()).collect();
        (!found.is_empty()).then(|| found.into_iter().map(|ip| RData::A(A(ip))).collect())
    }

    fn server(
        &self,
        port: &str,
        transport: &str,
        (name, namespace): (&str, &str),
    ) -> Option<Vec<RData>> {
        let service = self.get(name, namespace)?;
        let transport = match transport {
            "_tcp" => Transport::Tcp,
            "_udp" => Transport::Udp,
            _ => return None,
        };
        let wanted = port.trim_start_matches('_');
        let port = service.ports.iter().find(|p| p.name == wanted && p.transport == transport)?;
        let full = format!("{name}.{namespace}.svc.{}", self.domain);
        if service.address.is_some() {
            return Some(vec![RData::SRV(SRV::new(0, 100, port.number, absolute(&full)?))]);
        }
        let of_port = service
            .endpoints
            .iter()
            .filter(|e| e.port_name == port.name && e.transport == transport);
        let each = of_port.filter_map(|e| {
            let target = absolute(&format!("{}.{full}", host_name(e)))?;
            Some(RData::SRV(SRV::new(0, 100, e.address.port(), target)))
        });
        Some(each.collect())
    }

    fn pointer(&self, reverse: &str) -> Option<RData> {
        let octets: Vec<&str> = reverse.rsplit('.').collect();
        let address: Ipv4Addr = octets.join(".").parse().ok()?;
        let found = self.directory.services.iter().find_map(|((namespace, name), service)| {
            let full = format!("{name}.{namespace}.svc.{}", self.domain);
            if service.address == Some(address) {
                return Some(full);
            }
            let pod = service.endpoints.iter().find(|e| {
                service.address.is_none() && IpAddr::V4(*e.address.ip()) == IpAddr::V4(address)
            })?;
            Some(format!("{}.{full}", host_name(pod)))
        })?;
        Some(RData::PTR(PTR(absolute(&found)?)))
    }
}

/// The name of one endpoint under its service.
fn host_name(endpoint: &Endpoint) -> String {
    let dashed = || endpoint.address.ip().to_string().replace('.', "-");
    endpoint.hostname.clone().unwrap_or_else(dashed)
}

fn absolute(name: &str) -> Option<Name> {
    Name::from_str(&format!("{}.", name.trim_end_matches('.'))).ok()
}

/// The name that stands behind an alias.
fn alias(data: &RData) -> Option<Name> {
    match data {
        RData::CNAME(CNAME(target)) => Some(target.clone()),
        _ => None,
    }
}

/// Only what was asked for; an alias answers every type.
fn of_type(data: Vec<RData>, kind: RecordType) -> Vec<RData> {
    let fits = |data: &RData| {
        kind == RecordType::ANY || data.record_type() == kind || matches!(data, RData::CNAME(_))
    };
    data.into_iter().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NodeConfig;
    use crate::directory::Objects;
    use serde_json::json;

    fn ask(name: &str, kind: RecordType) -> Option<Vec<String>> {
        let (mut services, mut slices) = (Objects::new(), Objects::new());
        let mut add = |name: &str, ip: &str| {
            let ports = json!([{"name": "http", "port": 80}]);
            let service = json!({"spec": {"clusterIP": ip, "ports": ports}});
            services.insert(("shop".into(), name.into()), Arc::new(service));
            let slice = json!({
                "metadata": {"labels": {"kubernetes.io/service-name": name}},
                "ports": [{"name": "http", "port": 8080}],
                "endpoints": [
                    {"addresses": ["10.244.0.7"], "hostname": "web-0", "conditions": {"ready": true}},
                    {"addresses": ["10.244.0.8"], "conditions": {"ready": false}},
                ],
            });
            slices.insert(("shop".into(), name.into()), Arc::new(slice));
        };
        add("front", "10.96.4.4");
        add("web", "None");
        for (name, target) in [
            ("other", "front.shop.svc.cluster.local."),
            ("far", "example.com"),
            ("here", "there.shop.svc.cluster.local"),
            ("there", "here.shop.svc.cluster.local"),
        ] {
            let alias = json!({"spec": {"type": "ExternalName", "externalName": target}});
            services.insert(("shop".into(), name.into()), Arc::new(alias));
        }
        let config = NodeConfig::new("/s".into(), "/w".into(), "/p".into());
        let directory = Directory::build(&config, &services, &slices);
        let zone = Zone { directory: &directory, domain: "cluster.local" };
        let records = zone.records(&Query::query(absolute(name).unwrap(), kind))?;
        Some(records.iter().map(|record| record.data.to_string()).collect())
    }

    #[tokio::test]
    async fn questions_of_many_clients_at_once_wait_for_their_turn() {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        make_room(&udp);
        // A small datagram takes less than 1 KiB of the kernel's memory.
        let room = rustix::net::sockopt::socket_recv_buffer_size(&udp).unwrap();
        let (count, to) = ((room / 1024).min(4_000), udp.local_addr().unwrap());
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        for _ in 0..count {
            client.send_to(&[0; 64], to).await.unwrap();
        }
        let waiting = (0..count).filter(|_| udp.try_recv(&mut [0; 64]).is_ok()).count();
        assert_eq!(waiting, count, "{room} bytes of room");
    }

    #[test]
    fn a_name_for_another_name_brings_the_addresses_of_that_one() {
        let found = |name| ask(name, RecordType::A).unwrap();
        let front = "front.shop.svc.cluster.local.";
        assert_eq!(found("other.shop.svc.cluster.local"), [front, "10.96.4.4"]);
        assert_eq!(found("far.shop.svc.cluster.local"), ["example.com."]);
        assert_eq!(found("here.shop.svc.cluster.local").len(), LONGEST_CHAIN, "a circle ends");
        assert_eq!(ask("other.shop.svc.cluster.local", RecordType::CNAME).unwrap(), [front]);
    }

    #[test]
    fn names_of_services_and_pods_are_answered() {
        let (a, aaaa, srv, ptr) =
            (RecordType::A, RecordType::AAAA, RecordType::SRV, RecordType::PTR);
        let found = |name, kind| ask(name, kind).unwrap();
        assert_eq!(found("front.shop.svc.cluster.local", a), ["10.96.4.4"]);
        assert!(found("front.shop.svc.cluster.local", aaaa).is_empty());
        assert_eq!(found("WEB.shop.svc.cluster.local", a), ["10.244.0.7"]);
        assert_eq!(found("web-0.web.shop.svc.cluster.local", a), ["10.244.0.7"]);
        assert_eq!(found("kubernetes.default.svc.cluster.local", a), ["10.96.0.1"]);
        assert_eq!(
            found("_http._tcp.web.shop.svc.cluster.local", srv),
            ["0 100 8080 web-0.web.shop.svc.cluster.local."]
        );
        assert_eq!(found("4.4.96.10.in-addr.arpa", ptr), ["front.shop.svc.cluster.local."]);
        assert_eq!(found("10-244-0-9.shop.pod.cluster.local", a), ["10.244.0.9"]);
        for missing in ["none.shop.svc.cluster.local", "example.com", "shop.cluster.local"] {
            assert_eq!(ask(missing, a), None, "{missing}");
        }
    }
}
