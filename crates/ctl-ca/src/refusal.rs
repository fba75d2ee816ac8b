//! Refusals, by reason: what the caller is told, what the log says, what is counted.
//! Bound: the reasons are these, so that a stranger cannot make a metric grow.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tonic::Status;

use weft_identity::Unproven;

use crate::{Refused, TokenError};

/// Why somebody was refused, as the label of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    NoToken,
    UnreadableToken,
    ExpiredToken,
    Audience,
    HolderGone,
    TokensUnavailable,
    ExpiredCertificate,
    ForeignCertificate,
    UnusableCertificate,
    OtherTrustDomain,
    UnknownCertificate,
    ProofsDiffer,
    Identity,
    Csr,
    OtherIdentity,
    Lifetime,
    Signing,
}

impl Reason {
    const ALL: [Self; 17] = [
        Self::NoToken,
        Self::UnreadableToken,
        Self::ExpiredToken,
        Self::Audience,
        Self::HolderGone,
        Self::TokensUnavailable,
        Self::ExpiredCertificate,
        Self::ForeignCertificate,
        Self::UnusableCertificate,
        Self::OtherTrustDomain,
        Self::UnknownCertificate,
        Self::ProofsDiffer,
        Self::Identity,
        Self::Csr,
        Self::OtherIdentity,
        Self::Lifetime,
        Self::Signing,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::UnreadableToken => "unreadable_token",
            Self::ExpiredToken => "expired_token",
            Self::Audience => "audience",
            Self::HolderGone => "holder_gone",
            Self::TokensUnavailable => "tokens_unavailable",
            Self::ExpiredCertificate => "expired_certificate",
            Self::ForeignCertificate => "foreign_certificate",
            Self::UnusableCertificate => "unusable_certificate",
            Self::OtherTrustDomain => "other_trust_domain",
            Self::UnknownCertificate => "unknown_certificate",
            Self::ProofsDiffer => "proofs_differ",
            Self::Identity => "identity",
            Self::Csr => "csr",
            Self::OtherIdentity => "other_identity",
            Self::Lifetime => "lifetime",
            Self::Signing => "signing",
        }
    }

    /// Nobody was proven, or not somebody who may have an identity.
    const fn is_of_caller(self) -> bool {
        !matches!(self, Self::Csr | Self::OtherIdentity | Self::Lifetime | Self::Signing)
    }
}

/// A refusal: its reason, and what the caller is told.
pub(crate) struct No(pub(crate) Reason, pub(crate) Status);

impl From<TokenError> for No {
    fn from(error: TokenError) -> Self {
        let told = error.to_string();
        let reason = match error {
            TokenError::Unreadable(_) => Reason::UnreadableToken,
            TokenError::Expired(_) => Reason::ExpiredToken,
            TokenError::Audience(_) => Reason::Audience,
            TokenError::Gone(_) => Reason::HolderGone,
            TokenError::Unavailable(_) => {
                return Self(Reason::TokensUnavailable, Status::unavailable(told));
            }
        };
        Self(reason, Status::unauthenticated(told))
    }
}

impl From<Unproven> for No {
    fn from(unproven: Unproven) -> Self {
        let reason = match &unproven {
            Unproven::Time(_) => Reason::ExpiredCertificate,
            Unproven::Foreign(_) => Reason::ForeignCertificate,
            Unproven::Unusable(_) => Reason::UnusableCertificate,
        };
        let told = format!("{unproven}; send a service-account token as Bearer");
        Self(reason, Status::unauthenticated(told))
    }
}

impl From<Refused> for No {
    fn from(refused: Refused) -> Self {
        let told = refused.to_string();
        match refused {
            Refused::Csr(_) => Self(Reason::Csr, Status::invalid_argument(told)),
            Refused::OtherIdentity { .. } => {
                Self(Reason::OtherIdentity, Status::permission_denied(told))
            }
            Refused::TooLong(_) => Self(Reason::Lifetime, Status::invalid_argument(told)),
            Refused::Sign(_) => Self(Reason::Signing, Status::internal(told)),
        }
    }
}

/// What the service did since it began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests seen (`citadel_server_csr_count`).
    pub requests: u64,
    /// Certificates issued (`citadel_server_success_cert_issuance_count`).
    pub issued: u64,
    /// Callers not proven (`citadel_server_authentication_failure_count`).
    pub unauthenticated: u64,
    /// CSRs that do not parse (`citadel_server_csr_parsing_err_count`).
    pub unreadable: u64,
    /// CSRs not signed for any other reason (`citadel_server_csr_sign_err_count`).
    pub unsigned: u64,
    /// Every refusal by its reason, all reasons.
    pub refusals: Vec<(&'static str, u64)>,
}

/// Counts without a lock.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    requests: AtomicU64,
    issued: AtomicU64,
    refusals: [AtomicU64; Reason::ALL.len()],
}

impl Cells {
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(crate) fn issue(&self) {
        self.issued.fetch_add(1, Relaxed);
    }

    /// Counts and logs a refusal; what the caller is told.
    pub(crate) fn refuse(&self, No(reason, status): No, who: &str) -> Status {
        tracing::warn!(reason = reason.label(), who, why = status.message(), "certificate refused");
        if let Some(cell) = self.refusals.get(reason as usize) {
            cell.fetch_add(1, Relaxed);
        }
        status
    }

    pub(crate) fn counters(&self) -> Counters {
        let all = Reason::ALL.iter().zip(&self.refusals);
        let all: Vec<(Reason, u64)> = all.map(|(r, cell)| (*r, cell.load(Relaxed))).collect();
        let sum = |of: fn(Reason) -> bool| {
            all.iter().filter(|(reason, _)| of(*reason)).map(|(_, count)| count).sum()
        };
        Counters {
            requests: self.requests.load(Relaxed),
            issued: self.issued.load(Relaxed),
            unauthenticated: sum(Reason::is_of_caller),
            unreadable: sum(|reason| reason == Reason::Csr),
            unsigned: sum(|reason| !reason.is_of_caller() && reason != Reason::Csr),
            refusals: all.iter().map(|(reason, count)| (reason.label(), *count)).collect(),
        }
    }
}
