//! Hashes by which a gateway knows its clients.
//!
//! Source: what Envoy reads of `verify_certificate_hash` and `verify_certificate_spki`; Istio passes any text on, upon which Envoy refuses
//! the whole port.

use weft_api::gateway::Tls;

use super::Findings;
use super::findings::code;

/// Whether a text is the SHA-256 of a certificate: 64 hexadecimal digits, colons between bytes allowed.
#[must_use]
pub fn is_certificate_hash(text: &str) -> bool {
    let digits = text.chars().filter(|digit| *digit != ':');
    digits.clone().count() == 64 && digits.clone().all(|digit| digit.is_ascii_hexdigit())
}

/// Whether a text is the SHA-256 of a public key: 32 bytes in base64.
#[must_use]
pub fn is_key_hash(text: &str) -> bool {
    let Some(digits) = text.strip_suffix('=') else { return false };
    // The last digit holds four bits of the hash, and two that are not set.
    let last = digits.ends_with(|last| "AEIMQUYcgkosw048".contains(last));
    let all = digits.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/'));
    digits.len() == 43 && all && last
}

/// What reads the hashes of a field, and what to write there.
struct Rule<'a> {
    field: &'static str,
    hashes: &'a [String],
    reads: fn(&str) -> bool,
    remedy: &'static str,
}

pub(super) fn check(tls: &Tls, findings: &mut Findings) {
    let rules = [
        Rule {
            field: "verifyCertificateHash",
            hashes: &tls.verify_certificate_hash,
            reads: is_certificate_hash,
            remedy: "write the 64 hexadecimal digits that `openssl x509 -outform DER | sha256sum` prints",
        },
        Rule {
            field: "verifyCertificateSpki",
            hashes: &tls.verify_certificate_spki,
            reads: is_key_hash,
            remedy: "write the base64 of the SHA-256 of the public key in DER, 44 characters",
        },
    ];
    for Rule { field, hashes, reads, remedy } in rules {
        for (index, _) in hashes.iter().enumerate().filter(|(_, hash)| !reads(hash)) {
            findings.within(field, |findings| {
                let what = "is no SHA-256, so no client has it";
                findings.warning_in(&index.to_string(), code::SUSPICIOUS, what, remedy);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_as_envoy_reads_them() {
        let hex = "0a".repeat(32);
        let colons = ["0A"; 32].join(":");
        assert!(is_certificate_hash(&hex) && is_certificate_hash(&colons));
        assert!(!is_certificate_hash(&hex[1..]) && !is_certificate_hash(&hex.replace('a', "g")));
        let key = format!("{}=", "A".repeat(43));
        assert!(is_key_hash(&key) && !is_key_hash(&key[1..]) && !is_key_hash(&hex));
        assert!(!is_key_hash(&format!("{}B=", "A".repeat(42))), "bits beyond the hash");
    }
}
