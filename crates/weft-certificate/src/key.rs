//! Whether a private key is that of a certificate.
//!
//! In: both as PEM. Out: yes, no, or that the key does not tell.
//! Why only by the public part inside of the key: RSA keys always have it and EC keys nearly always; that needs no
//! cryptography here.

use x509_parser::asn1_rs::{Any, Class, Tag};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::pem;

/// Whether a key is that of the first certificate of a text; none when it cannot be told.
#[must_use]
pub fn fits(certificate: &[u8], key: &[u8]) -> Option<bool> {
    let certificate = pem::labelled(certificate, "CERTIFICATE").into_iter().next()?;
    let (_, certificate) = X509Certificate::from_der(&certificate).ok()?;
    let of_certificate = certificate.public_key().subject_public_key.data.as_ref();
    let keys = pem::labelled(key, "PRIVATE KEY");
    keys.iter().find_map(|der| agrees(der, of_certificate))
}

fn agrees(der: &[u8], of_certificate: &[u8]) -> Option<bool> {
    match fields(der)?.as_slice() {
        // PKCS#8: version, algorithm, and one of the others inside.
        [_, algorithm, key, ..]
            if algorithm.tag() == Tag::Sequence && key.tag() == Tag::OctetString =>
        {
            bare_agrees(&fields(key.data)?, of_certificate)
        }
        bare => bare_agrees(bare, of_certificate),
    }
}

fn bare_agrees(fields_of_key: &[Any<'_>], of_certificate: &[u8]) -> Option<bool> {
    match fields_of_key {
        // SEC 1: version, key, [0] curve, [1] public key.
        [_, key, rest @ ..] if key.tag() == Tag::OctetString => {
            let point = public_point(rest)?;
            // A compressed point and a plain one may be the same.
            (point.len() == of_certificate.len()).then(|| point == of_certificate)
        }
        // PKCS#1: version, modulus, public exponent, ...
        [_, modulus, ..] if modulus.tag() == Tag::Integer => {
            Some(fields(of_certificate)?.first().is_some_and(|n| n.data == modulus.data))
        }
        _ => None,
    }
}

fn public_point<'a>(rest: &[Any<'a>]) -> Option<&'a [u8]> {
    let is_public =
        |field: &&Any<'_>| field.class() == Class::ContextSpecific && field.tag() == Tag(1);
    let (_, bits) = Any::from_der(rest.iter().find(is_public)?.data).ok()?;
    // The first byte of a bit string counts its unused bits.
    bits.data.get(1..)
}

/// The fields of a DER sequence; a key has few.
fn fields(der: &[u8]) -> Option<Vec<Any<'_>>> {
    const MOST: usize = 16;
    let (_, whole) = Any::from_der(der).ok().filter(|(_, whole)| whole.tag() == Tag::Sequence)?;
    let mut rest = whole.data;
    let mut found = Vec::new();
    while !rest.is_empty() && found.len() < MOST {
        let (next, field) = Any::from_der(rest).ok()?;
        found.push(field);
        rest = next;
    }
    Some(found)
}
