//! The messages that are read: field numbers and names of Kubernetes' public protobuf.

/// Fields of one message.
pub(super) type Message = &'static [Field];

/// How a field is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A string; empty means not set.
    Text,
    /// Bytes, base64 in JSON.
    Bytes,
    /// A number; zero means not set.
    Number,
    /// A number that may be zero.
    Given,
    /// A truth value; false means not set.
    Flag,
    /// A truth value that may be false.
    GivenFlag,
    /// A moment.
    Time,
    /// A moment with microseconds.
    MicroTime,
    /// JSON in a field of bytes.
    Json,
    /// A message whose fields stand among those of its holder.
    Inline(Message),
    /// A number or a text.
    NumberOrText,
    /// A resource quantity.
    Quantity,
    /// A message; empty means not set.
    Of(Message),
    /// A message that may be empty.
    GivenOf(Message),
    /// A map from text.
    Map(&'static Kind),
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u64,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

use super::kinds::{self, OBJECT_META as META};
use Kind::{Given, GivenFlag, GivenOf, Number, Of, Text};

pub(super) const fn one(number: u64, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false }
}

pub(super) const fn many(number: u64, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: true }
}

/// The message of a kind.
pub(super) fn find(api_version: &str, kind: &str) -> Option<Message> {
    Some(match kind {
        "Event" if api_version.starts_with("events.k8s.io/") => kinds::NEWER_EVENT,
        "Namespace" => kinds::NAMESPACE,
        "Node" => kinds::NODE,
        "Pod" => kinds::POD,
        "Service" => kinds::SERVICE,
        "ServiceAccount" => kinds::SERVICE_ACCOUNT,
        "Secret" => kinds::SECRET,
        "ConfigMap" => kinds::CONFIG_MAP,
        "Event" => kinds::EVENT,
        "Deployment" => kinds::DEPLOYMENT,
        "ReplicaSet" => kinds::REPLICA_SET,
        "Job" => kinds::JOB,
        "Lease" => kinds::LEASE,
        "EndpointSlice" => kinds::ENDPOINT_SLICE,
        "TokenRequest" => TOKEN_REQUEST,
        "TokenReview" => TOKEN_REVIEW,
        "SelfSubjectReview" => SELF_REVIEW,
        "SelfSubjectAccessReview" => ACCESS_REVIEW,
        "SelfSubjectRulesReview" => RULES_REVIEW,
        "DeleteOptions" => DELETE_OPTIONS,
        "Scale" => SCALE,
        _ => return None,
    })
}

const SCALE: Message = &[
    one(1, "metadata", Of(META)),
    one(2, "spec", GivenOf(&[one(1, "replicas", Given)])),
    one(3, "status", Of(&[one(1, "replicas", Number), one(2, "selector", Text)])),
];
const TOKEN_REQUEST: Message = &[one(1, "metadata", Of(META)), one(2, "spec", Of(TOKEN_SPEC))];
const TOKEN_SPEC: Message = &[
    many(1, "audiences", Text),
    one(3, "boundObjectRef", GivenOf(BOUND)),
    one(4, "expirationSeconds", Given),
];
const BOUND: Message =
    &[one(1, "kind", Text), one(2, "apiVersion", Text), one(3, "name", Text), one(4, "uid", Text)];
const TOKEN_REVIEW: Message = &[
    one(1, "metadata", Of(META)),
    one(2, "spec", Of(&[one(1, "token", Text), many(2, "audiences", Text)])),
];
const SELF_REVIEW: Message = &[one(1, "metadata", Of(META))];
const ACCESS_REVIEW: Message = &[one(1, "metadata", Of(META)), one(2, "spec", Of(ACCESS_SPEC))];
const ACCESS_SPEC: Message = &[
    one(1, "resourceAttributes", GivenOf(ATTRIBUTES)),
    one(2, "nonResourceAttributes", GivenOf(&[one(1, "path", Text), one(2, "verb", Text)])),
];
const ATTRIBUTES: Message = &[
    one(1, "namespace", Text),
    one(2, "verb", Text),
    one(3, "group", Text),
    one(4, "version", Text),
    one(5, "resource", Text),
    one(6, "subresource", Text),
    one(7, "name", Text),
];
const RULES_REVIEW: Message =
    &[one(1, "metadata", Of(META)), one(2, "spec", Of(&[one(1, "namespace", Text)]))];
const DELETE_OPTIONS: Message = &[
    one(1, "gracePeriodSeconds", Given),
    one(2, "preconditions", Of(&[one(1, "uid", Text), one(2, "resourceVersion", Text)])),
    one(3, "orphanDependents", GivenFlag),
    one(4, "propagationPolicy", Text),
    many(5, "dryRun", Text),
];
