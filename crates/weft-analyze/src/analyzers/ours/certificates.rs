//! Certificates in Secrets that end soon, or that the key beside them is not of.

use crate::analyzers::Analyzer;
use crate::code;
use crate::credential;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.Certificates",
    "Certificates in Secrets that end soon, or that the key beside them is not of.",
    &[code::WEFT0111, code::WEFT0112],
    look,
);

const DAY: i64 = 24 * 60 * 60;
/// Long enough to act without haste.
const SOON: i64 = 30 * DAY;

/// Entries that hold a certificate to be shown or to sign with.
const ENTRIES: &[&str] = &["tls.crt", "cert", "ca-cert.pem", "ca.crt", "root-cert.pem"];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for secret in mesh.all(kind::SECRET) {
        for entry in ENTRIES {
            if let Some((end, date)) = credential::end(secret, entry) {
                expires(secret, entry, (end - mesh.now, &date), report);
            }
        }
        if credential::is_mixed(secret) {
            let what =
                "the key is not that of the certificate: no connection can be made with them";
            let fix = "store the certificate and the key that it was made for";
            report.add(code::WEFT0112, secret, "", what, fix);
        }
    }
}

fn expires(secret: &Object<'_>, entry: &str, (left, date): (i64, &str), report: &mut Report) {
    let what = if left < 0 {
        format!("the certificate in {entry} expired on {date}")
    } else if left < SOON {
        format!("the certificate in {entry} expires in {} days, on {date}", left / DAY)
    } else {
        return;
    };
    let map = if secret.raw.has("stringData") { "stringData" } else { "data" };
    let field = format!("/{map}/{}", crate::report::step(entry));
    report.add(code::WEFT0111, secret, field, what, "renew it");
}
