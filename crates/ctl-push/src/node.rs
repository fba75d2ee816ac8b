//! Who is at the other end of a stream, from the node that it names.

use std::net::IpAddr;

use tonic::Status;
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::envoy::config::core::v3::node::UserAgentVersionType;
use weft_proto::google::protobuf::Struct;
use weft_proto::google::protobuf::value::Kind;

/// A proxy as it names itself: `sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.DOMAIN` and metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyNode {
    /// The whole id.
    pub id: String,
    /// `sidecar` or `router`.
    pub kind: String,
    /// Address of the pod.
    pub ip: IpAddr,
    /// Name of the pod.
    pub pod: String,
    /// Its namespace.
    pub namespace: String,
    /// Data plane and version.
    pub version: String,
    /// The node as sent, for the translator.
    pub node: Node,
}

impl ProxyNode {
    /// Reads a node.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` that says what an id looks like.
    pub fn parse(node: Node) -> Result<Self, Status> {
        let form = || {
            Status::invalid_argument(format!(
                "node id `{}`: want TYPE~IP~POD.NAMESPACE~NAMESPACE.svc.DOMAIN",
                node.id
            ))
        };
        let mut parts = node.id.split('~');
        let mut next = || parts.next().ok_or_else(form);
        let (kind, ip, name, _domain) = (next()?, next()?, next()?, next()?);
        let (pod, namespace) = name.rsplit_once('.').ok_or_else(form)?;
        if !matches!(kind, "sidecar" | "router") {
            return Err(form());
        }
        let ip = ip.parse().map_err(|error| {
            Status::invalid_argument(format!("node id `{}`: {ip}: {error}", node.id))
        })?;
        Ok(Self {
            kind: kind.to_owned(),
            ip,
            pod: pod.to_owned(),
            namespace: namespace.to_owned(),
            version: version(&node),
            id: node.id.clone(),
            node,
        })
    }

    /// `POD.NAMESPACE`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.pod, self.namespace)
    }

    /// A text of the metadata, e.g. `SERVICE_ACCOUNT`.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        text(self.node.metadata.as_ref()?, key)
    }
}

fn text<'a>(metadata: &'a Struct, key: &str) -> Option<&'a str> {
    match metadata.fields.get(key)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text),
        _ => None,
    }
}

fn version(node: &Node) -> String {
    let number = match &node.user_agent_version_type {
        Some(UserAgentVersionType::UserAgentVersion(version)) => version.clone(),
        Some(UserAgentVersionType::UserAgentBuildVersion(build)) => build
            .version
            .as_ref()
            .map(|v| format!("{}.{}.{}", v.major_number, v.minor_number, v.patch))
            .unwrap_or_default(),
        None => String::new(),
    };
    format!("{} {number}", node.user_agent_name).trim().to_owned()
}
