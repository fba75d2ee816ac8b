//! Hands Envoy the workload's key and roots as the secrets `default` and `ROOTCA`, and again after every rotation.
//!
//! Holds: before the first certificate Envoy waits; an empty answer would be a refusal.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
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
use weft_proto::type_url::SECRET;
use weft_xds::{Mode, Resource, ResourceSet, Session};

/// Serves Envoy on `incoming` for as long as the agent lives.
pub(super) async fn serve(incoming: UnixListenerStream, store: IdentityStore) {
    let service = SdsServer::new(Arc::new(Secrets(store)));
    let server = tonic::transport::Server::builder().add_service(service);
    if let Err(error) = server.serve_with_incoming(incoming).await {
        tracing::error!(%error, "secrets socket failed");
    }
}

struct Secrets(IdentityStore);

type Requests = Pin<Box<dyn Stream<Item = Result<weft_xds::Request, Status>> + Send>>;
type Answers = mpsc::Sender<weft_xds::Response>;

/// Answers under way on one stream.
const UNDER_WAY: usize = 4;

impl Secrets {
    fn open(&self, mode: Mode, requests: Requests) -> ReceiverStream<weft_xds::Response> {
        let (answers, outgoing) = mpsc::channel(UNDER_WAY);
        tokio::spawn(pump(self.0.clone(), Session::new(mode), requests, answers));
        ReceiverStream::new(outgoing)
    }
}

async fn pump(
    store: IdentityStore,
    mut session: Session,
    mut requests: Requests,
    answers: Answers,
) {
    let mut rotations = store.subscribe();
    rotations.mark_changed();
    loop {
        let due = tokio::select! {
            request = requests.next() => match request {
                Some(Ok(request)) => session.receive(request).wants,
                Some(Err(_)) | None => return,
            },
            rotated = rotations.changed() => rotated.is_ok(),
        };
        let credential = rotations.borrow_and_update().clone();
        let (true, Some(credential)) = (due, credential) else { continue };
        if let Some(answer) = session.push(SECRET, &secrets(&credential), 0, false)
            && answers.send(answer).await.is_err()
        {
            return;
        }
    }
}

fn secrets(credential: &Credential) -> ResourceSet {
    let inline = |pem: &str| {
        Some(DataSource {
            specifier: Some(Specifier::InlineBytes(pem.as_bytes().to_vec())),
            ..Default::default()
        })
    };
    let certificate = TlsCertificate {
        certificate_chain: inline(credential.chain_pem()),
        private_key: inline(credential.key_pem()),
        ..Default::default()
    };
    let roots = CertificateValidationContext {
        trusted_ca: inline(credential.bundle().pem()),
        ..Default::default()
    };
    let named = [
        ("default", Type::TlsCertificate(certificate)),
        ("ROOTCA", Type::ValidationContext(roots)),
    ];
    let encode = |(name, kind): (&str, Type)| {
        let secret = Secret { name: name.to_owned(), r#type: Some(kind) };
        (name.to_owned(), Resource::new(Bytes::from(secret.encode_to_vec())))
    };
    named.into_iter().map(encode).collect()
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
