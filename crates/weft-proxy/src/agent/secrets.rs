//! Hands Envoy the workload's key and roots as the secrets `default` and `ROOTCA`, and those that stand in files beside it,
//! and again whenever they change.
//!
//! Holds: before the first certificate Envoy waits; an empty answer would be a refusal. A secret whose file is missing comes
//! when the file does.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use proxy_config::Secret as Found;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};
use weft_identity::{Credential, IdentityStore};
use weft_proto::ads::{
    Ads, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
    Outgoing, SdsServer,
};
use weft_proto::envoy::config::core::v3::{DataSource, data_source::Specifier};
use weft_proto::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, Secret, TlsCertificate, secret::Type,
};
use weft_proto::envoy::service::accesslog::v3::access_log_service_server::{
    AccessLogService, AccessLogServiceServer,
};
use weft_proto::type_url::SECRET;
use weft_rt::Clock;
use weft_xds::{Mode, Resource, ResourceSet, Session};

use crate::files;

/// Serves Envoy on `incoming` for as long as the agent lives, and `log` beside it.
pub(super) async fn serve<L: AccessLogService>(
    incoming: UnixListenerStream,
    log: AccessLogServiceServer<L>,
    store: IdentityStore,
    clock: Clock,
) {
    let service = SdsServer::new(Arc::new(Secrets { store, clock }));
    let server = tonic::transport::Server::builder().add_service(service).add_service(log);
    if let Err(error) = server.serve_with_incoming(incoming).await {
        tracing::error!(%error, "secrets socket failed");
    }
}

#[derive(Clone)]
struct Secrets {
    store: IdentityStore,
    clock: Clock,
}

type Requests = Pin<Box<dyn Stream<Item = Result<weft_xds::Request, Status>> + Send>>;
type Answers = mpsc::Sender<weft_xds::Response>;

/// Answers under way on one stream.
const UNDER_WAY: usize = 4;

impl Secrets {
    fn open(&self, mode: Mode, requests: Requests) -> ReceiverStream<weft_xds::Response> {
        let (answers, outgoing) = mpsc::channel(UNDER_WAY);
        let stream = Served { session: Session::new(mode), names: BTreeSet::new(), answers };
        tokio::spawn(stream.pump(self.clone(), requests));
        ReceiverStream::new(outgoing)
    }
}

/// One stream of Envoy.
struct Served {
    session: Session,
    /// What it asked for.
    names: BTreeSet<String>,
    answers: Answers,
}

impl Served {
    async fn pump(mut self, from: Secrets, mut requests: Requests) {
        let mut rotations = from.store.subscribe();
        rotations.mark_changed();
        loop {
            let due = tokio::select! {
                request = requests.next() => match request {
                    Some(Ok(request)) => self.receive(request),
                    Some(Err(_)) | None => return,
                },
                rotated = rotations.changed() => rotated.is_ok(),
                () = from.clock.sleep(files::AGAIN), if self.asks_for_files() => true,
            };
            let credential = rotations.borrow_and_update().clone();
            let all = self.secrets(credential.as_deref());
            // An answer without what was asked for would be refused.
            if !due || !self.names.iter().any(|name| all.get(name).is_some()) {
                continue;
            }
            if let Some(answer) = self.session.push(SECRET, &all, 0, true)
                && self.answers.send(answer).await.is_err()
            {
                return;
            }
        }
    }

    fn receive(&mut self, request: weft_xds::Request) -> bool {
        let names = match &request {
            weft_xds::Request::Delta(request) => &request.resource_names_subscribe,
            weft_xds::Request::Sotw(request) => &request.resource_names,
        };
        self.names.extend(names.iter().cloned());
        self.session.receive(request).wants
    }

    fn asks_for_files(&self) -> bool {
        self.names.iter().any(|name| proxy_discovery::is_file(name))
    }

    fn secrets(&self, credential: Option<&Credential>) -> ResourceSet {
        let own = credential.map(own).into_iter().flatten();
        let files = self.names.iter().filter(|name| proxy_discovery::is_file(name));
        let found = files.filter_map(|name| Some((name, files::read(name)?)));
        own.chain(found.filter_map(|(name, found)| Some(encoded(name, of_file(found)?)))).collect()
    }
}

fn inline(pem: &[u8]) -> Option<DataSource> {
    let specifier = Some(Specifier::InlineBytes(pem.to_vec()));
    Some(DataSource { specifier, ..Default::default() })
}

fn encoded(name: &str, kind: Type) -> (String, Resource) {
    let secret = Secret { name: name.to_owned(), r#type: Some(kind) };
    (name.to_owned(), Resource::new(Bytes::from(secret.encode_to_vec())))
}

fn certificate(chain: &[u8], key: &[u8]) -> Type {
    Type::TlsCertificate(TlsCertificate {
        certificate_chain: inline(chain),
        private_key: inline(key),
        ..Default::default()
    })
}

fn own(credential: &Credential) -> [(String, Resource); 2] {
    let roots = CertificateValidationContext {
        trusted_ca: inline(credential.bundle().pem().as_bytes()),
        ..Default::default()
    };
    let own = certificate(credential.chain_pem().as_bytes(), credential.key_pem().as_bytes());
    [encoded("default", own), encoded("ROOTCA", Type::ValidationContext(roots))]
}

/// Lists of revoked certificates are read by Envoy itself.
fn of_file(found: Found) -> Option<Type> {
    match found {
        Found::Certificate { chain, key } => Some(certificate(&chain, &key)),
        Found::Authorities { roots, revoked: _, system: _ } => {
            Some(Type::ValidationContext(CertificateValidationContext {
                trusted_ca: inline(&roots),
                ..Default::default()
            }))
        }
        Found::Revoked(_) => None,
    }
}

#[weft_proto::async_trait]
impl Ads for Secrets {
    async fn sotw(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DiscoveryResponse>>, Status> {
        let requests = request.into_inner().map(|request| request.map(weft_xds::Request::Sotw));
        let answers = self.open(Mode::Sotw, Box::pin(requests)).filter_map(|answer| match answer {
            weft_xds::Response::Sotw(response) => Some(Ok(response)),
            weft_xds::Response::Delta(_) => None,
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn delta(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DeltaDiscoveryResponse>>, Status> {
        let requests = request.into_inner().map(|request| request.map(weft_xds::Request::Delta));
        let answers =
            self.open(Mode::Delta, Box::pin(requests)).filter_map(|answer| match answer {
                weft_xds::Response::Delta(response) => Some(Ok(response)),
                weft_xds::Response::Sotw(_) => None,
            });
        Ok(Response::new(Box::pin(answers)))
    }
}
