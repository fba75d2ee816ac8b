//! `BackendTLSPolicy`: TLS between gateways and services.

use std::collections::BTreeMap;

use super::reference::LocalRef;
use crate::describe::Form as Written;
use crate::read::{record, words};

record! {
    /// Gateways call some services with TLS.
    BackendTlsPolicy {
        /// The services, or ports of them.
        "targetRefs" target_refs: Vec<PolicyTarget> = [Required, MinItems(1), MaxItems(16)],
        /// How the certificate of the service is checked.
        "validation" validation: Option<BackendValidation> = [Required],
        /// Further settings by name.
        "options" options: BTreeMap<String, String> = [MaxEntries(16)],
    }
}

record! {
    /// What a policy holds for.
    PolicyTarget {
        /// API group of the target; empty for the core group.
        "group" group: String = [Required, MaxLength(253), Form(Written::ApiGroup)],
        /// Kind of the target, such as Service.
        "kind" kind: String = [Required, MinLength(1), MaxLength(63), Form(Written::KindName)],
        /// Name of the target.
        "name" name: String = [Required, MinLength(1), MaxLength(253)],
        /// Name of a port of the service; all when absent.
        "sectionName" section_name: Option<String> =
            [MinLength(1), MaxLength(253), Form(Written::Subdomain)],
    }
}

words! {
    /// Authorities that machines know by themselves.
    SystemCertificates {
        /// Those of the machine that the gateway runs on.
        System = "System",
    }
}

record! {
    /// How the certificate of a service is checked: by authorities that are named, or by those of the machine.
    BackendValidation {
        /// ConfigMaps (key `ca.crt`) or other objects with the authorities that are trusted.
        "caCertificateRefs" ca_certificate_refs: Vec<LocalRef> = [MaxItems(8)],
        /// Trusts the authorities of the machine, instead of caCertificateRefs.
        "wellKnownCACertificates" well_known_ca_certificates: Option<SystemCertificates>,
        /// Server name that is asked for, and that the certificate must carry unless subjectAltNames say otherwise.
        "hostname" hostname: String =
            [Required, MinLength(1), MaxLength(253), Form(Written::Subdomain)],
        /// Names of which the certificate must carry one.
        "subjectAltNames" subject_alt_names: Vec<SubjectAltName> = [MaxItems(5)],
    } where [Holds(
        "(has(self.caCertificateRefs) && self.caCertificateRefs.size() > 0) != has(self.wellKnownCACertificates)",
        "give one of caCertificateRefs and wellKnownCACertificates",
    )]
}

words! {
    /// What a name in a certificate is.
    SubjectAltNameType {
        /// A DNS name.
        Hostname = "Hostname",
        /// A URI, such as a SPIFFE id.
        Uri = "URI",
    }
}

record! {
    /// A name in a certificate: a type, and the field of the same name.
    SubjectAltName {
        /// Hostname or URI.
        "type" kind: SubjectAltNameType = [Required],
        /// The DNS name, perhaps with `*.` in front.
        "hostname" hostname: Option<String> =
            [MinLength(1), MaxLength(253), Form(Written::Hostname)],
        /// The URI.
        "uri" uri: Option<String> = [MinLength(1), MaxLength(253), Form(Written::AbsoluteUri)],
    } where [Holds(
        "(self.type == 'Hostname') == has(self.hostname) && (self.type == 'URI') == has(self.uri)",
        "give hostname or uri, as type says",
    )]
}
