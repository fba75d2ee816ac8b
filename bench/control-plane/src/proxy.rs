//! One proxy: a connection with TLS, a delta stream, acknowledgements.
//!
//! In: a name and a token. Out: what it was sent is counted, and a change that is waited for is told.
//! Why the channel of `weft-xds` and not its client: that one keeps every version, and the machine has to hold thousands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};
use weft_proto::ads::{self, DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::google::protobuf::value::Kind;
use weft_proto::google::protobuf::{Struct, Value};
use weft_proto::type_url;

use crate::expected::Expected;
use crate::fleet::Shared;
use crate::session::{Session, ask};

/// Requests that may wait for the stream.
const REQUESTS: usize = 16;
/// How long after a lost stream.
const AGAIN: Duration = Duration::from_millis(200);

/// Who a proxy is.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    pub(crate) pod: String,
    pub(crate) namespace: String,
    pub(crate) address: String,
    pub(crate) app: String,
    pub(crate) token: String,
}

impl Proxy {
    /// Comes again whenever its stream ends.
    pub(crate) async fn run(self, shared: Arc<Shared>) {
        loop {
            let mut whole = false;
            let end = Box::pin(self.stream(&shared, &mut whole)).await;
            if whole {
                shared.is_whole(false);
            }
            if let Err(status) = end {
                shared.lost(format!("{}: {status}", self.pod));
            }
            shared.clock.sleep(AGAIN).await;
        }
    }

    async fn stream(&self, shared: &Shared, whole: &mut bool) -> Result<(), Status> {
        let (requests, mut answers) = self.open(shared).await?;
        let mut session = Session::new(Arc::clone(&shared.known));
        let mut told: Option<Arc<Expected>> = None;
        while let Some(answer) = answers.message().await? {
            shared.count(answer.resources.len(), answer.encoded_len());
            for request in session.receive(&answer) {
                requests.send(request).await.map_err(|_closed| Status::aborted("closed"))?;
            }
            if !*whole && session.is_whole() {
                *whole = true;
                shared.is_whole(true);
            }
            if let Some(expected) = shared.expected().filter(|new| new.is_in(&answer))
                && told.as_ref().is_none_or(|old| !Arc::ptr_eq(old, &expected))
            {
                expected.acknowledged(shared.clock.now());
                told = Some(expected);
            }
        }
        Ok(())
    }

    async fn open(
        &self,
        shared: &Shared,
    ) -> Result<(mpsc::Sender<DeltaDiscoveryRequest>, Streaming<DeltaDiscoveryResponse>), Status>
    {
        let channel = weft_xds::connect(&shared.target, None).await?;
        let (requests, outgoing) = mpsc::channel(REQUESTS);
        let first = DeltaDiscoveryRequest {
            node: Some(self.node()),
            ..ask(type_url::CLUSTER, Vec::new(), Vec::new())
        };
        requests.try_send(first).map_err(|full| Status::internal(full.to_string()))?;
        let mut request = Request::new(ReceiverStream::new(outgoing));
        let bearer = format!("Bearer {}", self.token).parse();
        let bearer = bearer.map_err(|_unfit| Status::internal("the token is no header"))?;
        request.metadata_mut().insert("authorization", bearer);
        let answers = ads::delta_stream(channel, request).await?.into_inner();
        Ok((requests, answers))
    }

    fn node(&self) -> Node {
        let Self { pod, namespace, address, app, token: _ } = self;
        let labels = fields(&[("app", app), ("security.istio.io/tlsMode", "istio")]);
        let mut metadata = fields(&[
            ("NAMESPACE", namespace),
            ("NAME", pod),
            ("SERVICE_ACCOUNT", "default"),
            ("CLUSTER_ID", "Kubernetes"),
            ("DATAPLANE", "weft"),
        ]);
        let labels = Value { kind: Some(Kind::StructValue(labels)) };
        metadata.fields.insert("LABELS".to_owned(), labels);
        Node {
            id: format!("sidecar~{address}~{pod}.{namespace}~{namespace}.svc.cluster.local"),
            cluster: format!("{app}.{namespace}"),
            metadata: Some(metadata),
            user_agent_name: "weft-bench".to_owned(),
            ..Node::default()
        }
    }
}

fn fields(texts: &[(&str, &str)]) -> Struct {
    let value = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let all = texts.iter().map(|(key, text)| ((*key).to_owned(), value(text)));
    Struct { fields: all.collect::<HashMap<_, _>>() }
}
