//! The table of Kubernetes' own kinds for traffic that enters.

use super::Kind;
use crate::Describe;
use crate::ingress::{Ingress, IngressClass};

const ROW: Kind = Kind { group: "networking.k8s.io", versions: &["v1"], ..Kind::NONE };

/// Kinds that a server has without a definition.
pub(super) const KINDS: &[Kind] = &[
    Kind { kind: "Ingress", plural: "ingresses", short: &["ing"], spec: Ingress::describe, ..ROW },
    Kind {
        kind: "IngressClass",
        plural: "ingressclasses",
        cluster: true,
        spec: IngressClass::describe,
        ..ROW
    },
];
