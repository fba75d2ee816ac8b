//! The DNS proxy: sockets around `proxy-names`.
//!
//! In: questions of the pod's application on port 15053, over UDP and TCP. Out: answers from the newest table of names, or
//! what the pod's own name servers say.
//! Holds: while no table has come, every question goes on to the name servers; questions under way are bounded, and the
//! one after is dropped, which a resolver takes for a lost datagram and asks again.
//! Why two sockets and no library server: an answer is a function of bytes, and what is not ours is passed on unread.

mod stream;
mod upstream;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, Result};
use proxy_config::names::NameTable;
use proxy_names::{Answer, Names, Place, Resolver};
use socket2::SockRef;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Semaphore;
use weft_rt::{Clock, Tasks};

use crate::settings::Settings;

/// Where capture rules send questions, as in Istio's agent.
const PORT: u16 = 15053;
/// Questions that wait for a name server.
const UNDER_WAY: usize = 512;
/// Connections at once.
const CONNECTIONS: usize = 64;
const LARGEST_QUESTION: usize = 4096;
/// Bytes that wait in the kernel while answers are made; it gives what the machine allows.
const BURST: usize = 1 << 20;

/// Answers the questions of one pod. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Resolving(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What is answered from, beside the table that it was compiled from.
    names: RwLock<(Arc<NameTable>, Arc<Names>)>,
    place: Place,
    resolver: Resolver,
    clock: Clock,
    turn: AtomicUsize,
    under_way: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl Resolving {
    /// For a pod with these settings; its name servers are those of its `/etc/resolv.conf`.
    pub(crate) fn of(settings: &Settings, clock: &Clock) -> Self {
        let file = Path::new("/etc/resolv.conf");
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| {
            tracing::warn!(%error, file = %file.display(), "no name servers; only names of the mesh are answered");
            String::new()
        });
        let resolver = Resolver::read(&text);
        Self(Arc::new(Inner {
            names: RwLock::default(),
            place: Place::new(&settings.namespace, &resolver),
            resolver,
            clock: clock.clone(),
            turn: AtomicUsize::new(0),
            under_way: Arc::new(Semaphore::new(UNDER_WAY)),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
        }))
    }

    /// Answers from this table from now on. The same table again costs nothing: every change of configuration comes by here.
    pub(crate) fn publish(&self, table: Arc<NameTable>) {
        if Arc::ptr_eq(&self.0.names.read().unwrap_or_else(PoisonError::into_inner).0, &table) {
            return;
        }
        let fresh = Arc::new(Names::compile(&table, &self.0.place));
        *self.0.names.write().unwrap_or_else(PoisonError::into_inner) = (table, fresh);
    }

    /// Binds both sockets and starts to answer.
    pub(crate) async fn serve(&self, tasks: &mut Tasks) -> Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        let taken = || format!("cannot listen on {address} for name questions");
        let udp = UdpSocket::bind(address).await.with_context(taken)?;
        SockRef::from(&udp).set_recv_buffer_size(BURST).with_context(taken)?;
        let tcp = TcpListener::bind(address).await.with_context(taken)?;
        tasks.spawn("names", self.clone().datagrams(udp));
        tasks.spawn("names over TCP", self.clone().streams(tcp));
        Ok(())
    }

    fn answer(&self, question: &[u8]) -> Answer {
        let names = Arc::clone(&self.0.names.read().unwrap_or_else(PoisonError::into_inner).1);
        proxy_names::answer(&names, question, self.0.turn.fetch_add(1, Ordering::Relaxed))
    }

    async fn datagrams(self, socket: UdpSocket) {
        let socket = Arc::new(socket);
        let mut buffer = vec![0; LARGEST_QUESTION];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
            let Some(question) = buffer.get(..length) else { continue };
            match self.answer(question) {
                Answer::Known(answer) => {
                    let answer = proxy_names::truncated(question, answer);
                    reply(&socket, from, &answer).await;
                }
                Answer::AskOn => self.ask_on(&socket, from, question.to_vec()),
                Answer::NoQuestion => {}
            }
        }
    }

    fn ask_on(&self, socket: &Arc<UdpSocket>, from: SocketAddr, question: Vec<u8>) {
        let Ok(permit) = Arc::clone(&self.0.under_way).try_acquire_owned() else {
            tracing::debug!("too many name questions under way; one was dropped");
            return;
        };
        let (own, socket) = (self.clone(), Arc::clone(socket));
        tokio::spawn(async move {
            let Inner { resolver, clock, .. } = &*own.0;
            let told = upstream::over_udp(&resolver.servers, &question, clock).await;
            if let Some(answer) = told.or_else(|| proxy_names::failed(&question)) {
                reply(&socket, from, &answer).await;
            }
            drop(permit);
        });
    }

    async fn streams(self, listener: TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.0.connections).acquire_owned().await else { return };
            let Ok((connection, _)) = listener.accept().await else { continue };
            let own = self.clone();
            tokio::spawn(async move {
                if let Err(error) = own.converse(connection).await {
                    tracing::debug!(%error, "a name question over TCP was not answered");
                }
                drop(permit);
            });
        }
    }

    /// Answers until the client stops asking, or says nothing for a while.
    async fn converse(&self, mut client: tokio::net::TcpStream) -> io::Result<()> {
        let Inner { resolver, clock, .. } = &*self.0;
        while let Some(question) = stream::question(&mut client, clock).await? {
            let told = match self.answer(&question) {
                Answer::Known(answer) => Some(answer),
                Answer::AskOn => upstream::over_tcp(&resolver.servers, &question, clock).await,
                Answer::NoQuestion => return Ok(()),
            };
            let Some(answer) = told.or_else(|| proxy_names::failed(&question)) else {
                return Ok(());
            };
            stream::write(&mut client, &answer).await?;
        }
        Ok(())
    }
}

async fn reply(socket: &UdpSocket, to: SocketAddr, answer: &[u8]) {
    if let Err(error) = socket.send_to(answer, to).await {
        tracing::debug!(%to, %error, "cannot answer a name question");
    }
}
