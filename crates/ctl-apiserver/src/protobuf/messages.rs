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

use Kind::{Flag, Given, GivenFlag, GivenOf, Map, Number, NumberOrText, Of, Quantity, Text, Time};

const fn one(number: u64, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false }
}

const fn many(number: u64, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: true }
}

/// The message of a kind.
pub(super) fn find(kind: &str) -> Option<Message> {
    Some(match kind {
        "Namespace" => NAMESPACE,
        "ConfigMap" => CONFIG_MAP,
        "Secret" => SECRET,
        "ServiceAccount" => SERVICE_ACCOUNT,
        "Service" => SERVICE,
        "Deployment" => DEPLOYMENT,
        "Job" => JOB,
        "TokenRequest" => TOKEN_REQUEST,
        "TokenReview" => TOKEN_REVIEW,
        "SelfSubjectReview" => SELF_REVIEW,
        "SelfSubjectAccessReview" => ACCESS_REVIEW,
        "SelfSubjectRulesReview" => RULES_REVIEW,
        "DeleteOptions" => DELETE_OPTIONS,
        _ => return None,
    })
}

const META: Message = &[
    one(1, "name", Text),
    one(2, "generateName", Text),
    one(3, "namespace", Text),
    one(5, "uid", Text),
    one(6, "resourceVersion", Text),
    one(7, "generation", Number),
    one(8, "creationTimestamp", Time),
    one(9, "deletionTimestamp", Time),
    one(10, "deletionGracePeriodSeconds", Given),
    one(11, "labels", Map(&Text)),
    one(12, "annotations", Map(&Text)),
    many(13, "ownerReferences", Of(OWNER)),
    many(14, "finalizers", Text),
];
const OWNER: Message = &[
    one(1, "kind", Text),
    one(3, "name", Text),
    one(4, "uid", Text),
    one(5, "apiVersion", Text),
    one(6, "controller", GivenFlag),
    one(7, "blockOwnerDeletion", GivenFlag),
];
const NAMESPACE: Message =
    &[one(1, "metadata", Of(META)), one(2, "spec", Of(&[many(1, "finalizers", Text)]))];
const CONFIG_MAP: Message = &[
    one(1, "metadata", Of(META)),
    one(2, "data", Map(&Text)),
    one(3, "binaryData", Map(&Kind::Bytes)),
    one(4, "immutable", GivenFlag),
];
const SECRET: Message = &[
    one(1, "metadata", Of(META)),
    one(2, "data", Map(&Kind::Bytes)),
    one(3, "type", Text),
    one(4, "stringData", Map(&Text)),
    one(5, "immutable", GivenFlag),
];
const NAMED: Message = &[one(1, "name", Text)];
const SERVICE_ACCOUNT: Message = &[
    one(1, "metadata", Of(META)),
    many(2, "secrets", Of(&[one(3, "name", Text)])),
    many(3, "imagePullSecrets", Of(NAMED)),
    one(4, "automountServiceAccountToken", GivenFlag),
];
const SERVICE: Message = &[one(1, "metadata", Of(META)), one(2, "spec", Of(SERVICE_SPEC))];
const SERVICE_SPEC: Message = &[
    many(1, "ports", Of(SERVICE_PORT)),
    one(2, "selector", Map(&Text)),
    one(3, "clusterIP", Text),
    one(4, "type", Text),
    many(5, "externalIPs", Text),
    one(7, "sessionAffinity", Text),
    one(8, "loadBalancerIP", Text),
    one(10, "externalName", Text),
    one(11, "externalTrafficPolicy", Text),
    one(13, "publishNotReadyAddresses", Flag),
    one(17, "ipFamilyPolicy", Text),
    many(18, "clusterIPs", Text),
    many(19, "ipFamilies", Text),
    one(22, "internalTrafficPolicy", Text),
];
const SERVICE_PORT: Message = &[
    one(1, "name", Text),
    one(2, "protocol", Text),
    one(3, "port", Number),
    one(4, "targetPort", NumberOrText),
    one(5, "nodePort", Number),
    one(6, "appProtocol", Text),
];
const SELECTOR: Message = &[
    one(1, "matchLabels", Map(&Text)),
    many(
        2,
        "matchExpressions",
        Of(&[one(1, "key", Text), one(2, "operator", Text), many(3, "values", Text)]),
    ),
];
const ROLLING: Message =
    &[one(1, "maxUnavailable", NumberOrText), one(2, "maxSurge", NumberOrText)];
const DEPLOYMENT: Message = &[one(1, "metadata", Of(META)), one(2, "spec", Of(DEPLOYMENT_SPEC))];
const DEPLOYMENT_SPEC: Message = &[
    one(1, "replicas", Given),
    one(2, "selector", GivenOf(SELECTOR)),
    one(3, "template", Of(TEMPLATE)),
    one(4, "strategy", Of(&[one(1, "type", Text), one(2, "rollingUpdate", GivenOf(ROLLING))])),
    one(5, "minReadySeconds", Number),
    one(6, "revisionHistoryLimit", Given),
    one(7, "paused", Flag),
    one(9, "progressDeadlineSeconds", Given),
];
const JOB: Message = &[one(1, "metadata", Of(META)), one(2, "spec", Of(JOB_SPEC))];
const JOB_SPEC: Message = &[
    one(1, "parallelism", Given),
    one(2, "completions", Given),
    one(3, "activeDeadlineSeconds", Given),
    one(4, "selector", GivenOf(SELECTOR)),
    one(5, "manualSelector", GivenFlag),
    one(6, "template", Of(TEMPLATE)),
    one(7, "backoffLimit", Given),
    one(8, "ttlSecondsAfterFinished", Given),
    one(10, "suspend", GivenFlag),
];
const TEMPLATE: Message = &[one(1, "metadata", Of(META)), one(2, "spec", Of(POD_SPEC))];
const POD_SPEC: Message = &[
    many(2, "containers", Of(CONTAINER)),
    one(3, "restartPolicy", Text),
    one(4, "terminationGracePeriodSeconds", Given),
    one(5, "activeDeadlineSeconds", Given),
    one(6, "dnsPolicy", Text),
    one(7, "nodeSelector", Map(&Text)),
    one(8, "serviceAccountName", Text),
    one(9, "serviceAccount", Text),
    one(10, "nodeName", Text),
];
const CONTAINER: Message = &[
    one(1, "name", Text),
    one(2, "image", Text),
    many(3, "command", Text),
    many(4, "args", Text),
    one(5, "workingDir", Text),
    many(6, "ports", Of(CONTAINER_PORT)),
    many(7, "env", Of(&[one(1, "name", Text), one(2, "value", Text)])),
    one(8, "resources", Of(RESOURCES)),
    one(13, "terminationMessagePath", Text),
    one(14, "imagePullPolicy", Text),
    one(16, "stdin", Flag),
    one(17, "stdinOnce", Flag),
    one(18, "tty", Flag),
    one(20, "terminationMessagePolicy", Text),
];
const CONTAINER_PORT: Message = &[
    one(1, "name", Text),
    one(2, "hostPort", Number),
    one(3, "containerPort", Number),
    one(4, "protocol", Text),
];
const RESOURCES: Message = &[one(1, "limits", Map(&Quantity)), one(2, "requests", Map(&Quantity))];
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
