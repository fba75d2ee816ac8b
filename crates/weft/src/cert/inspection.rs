//! A credential, looked at from all sides.
//! In: its parts, who shows it, the time. Out: facts and faults. Never: I/O, a clock.

use serde::Serialize;
use weft_certificate::{Certificate, Chain, Revoked, covers, date, fits, has_key};
use weft_model::api::secret::Credential;

const DAY: i64 = 24 * 60 * 60;
/// Days in which one acts without haste.
const SOON: i64 = 30;

/// What was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Inspection {
    /// `NAMESPACE/NAME`; empty for files of PEM.
    pub(crate) secret: String,
    pub(crate) certificates: Vec<Shown>,
    pub(crate) chain: Option<Links>,
    /// `fits`, `other` (of another certificate), `unknown` (it does not tell), `none`.
    pub(crate) key: &'static str,
    pub(crate) authorities: Vec<Shown>,
    pub(crate) revoked: Vec<List>,
    pub(crate) used_by: Vec<Used>,
    /// What keeps it from being used.
    pub(crate) errors: Vec<String>,
    /// What will, or may.
    pub(crate) warnings: Vec<String>,
}

/// A certificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    pub(crate) subject: String,
    pub(crate) names: Vec<String>,
    pub(crate) issuer: String,
    pub(crate) serial: String,
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    pub(crate) days_left: i64,
    pub(crate) key: String,
    pub(crate) authority: bool,
}

/// How the certificates vouch for each other.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Links {
    pub(crate) length: usize,
    pub(crate) ordered: bool,
    pub(crate) rooted: bool,
    pub(crate) anchor: String,
}

/// A revocation list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List {
    pub(crate) issuer: String,
    pub(crate) certificates: usize,
    pub(crate) until: Option<String>,
}

/// A place where it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Used {
    pub(crate) gateway: String,
    pub(crate) group: String,
    pub(crate) server: String,
    pub(crate) port: u32,
    pub(crate) hosts: Vec<String>,
    /// Hosts that the certificate does not name.
    pub(crate) uncovered: Vec<String>,
}

impl Inspection {
    /// Looks at a credential at a time.
    pub(crate) fn of(secret: &str, credential: &Credential, used_by: Vec<Used>, now: i64) -> Self {
        let mut found = Self {
            secret: secret.to_owned(),
            certificates: Vec::new(),
            chain: None,
            key: "none",
            authorities: Vec::new(),
            revoked: Vec::new(),
            used_by,
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        let all = found.read(&credential.certificate, "its certificate");
        let authorities = found.read(&credential.authorities, "ca.crt");
        if credential.certificate.is_empty() && credential.authorities.is_empty() {
            let what = "it has neither a certificate with its key (tls.crt and tls.key) nor ca.crt";
            found.errors.push(what.to_owned());
        }
        found.times(&all, now);
        found.link(&all, &authorities);
        found.pair(credential, &all);
        found.lists(credential, &all, now);
        found.hosts(all.first());
        found.certificates = all.iter().map(|one| shown(one, now)).collect();
        found.authorities = authorities.iter().map(|one| shown(one, now)).collect();
        found
    }

    /// Nothing keeps it from being used.
    pub(crate) fn is_usable(&self) -> bool {
        self.errors.is_empty()
    }

    fn read(&mut self, text: &[u8], what: &str) -> Vec<Certificate> {
        if text.is_empty() {
            return Vec::new();
        }
        Certificate::all(text).unwrap_or_else(|fault| {
            self.errors.push(format!("{what} cannot be read: {fault}"));
            Vec::new()
        })
    }

    fn times(&mut self, all: &[Certificate], now: i64) {
        for one in all {
            let (subject, ends, left) = (&one.subject, date(one.not_after), days(one, now));
            if one.not_after < now {
                self.errors
                    .push(format!("the certificate of {subject} expired on {ends}; renew it"));
            } else if one.not_before > now {
                let begins = date(one.not_before);
                self.errors
                    .push(format!("the certificate of {subject} is valid only from {begins}"));
            } else if left < SOON {
                let told = format!(
                    "the certificate of {subject} expires in {left} days, on {ends}; renew it"
                );
                self.warnings.push(told);
            }
        }
    }

    fn link(&mut self, all: &[Certificate], authorities: &[Certificate]) {
        let Some(chain) = Chain::of(all, authorities) else { return };
        if !chain.ordered {
            let what =
                "its chain is out of order; put each certificate before the one of its issuer";
            self.warnings.push(what.to_owned());
        }
        for one in chain.strays.iter().filter_map(|at| all.get(*at)) {
            self.warnings
                .push(format!("{} vouches for none of the chain; take it out", one.subject));
        }
        let Chain { path, ordered, rooted, anchor, .. } = chain;
        self.chain = Some(Links { length: path.len(), ordered, rooted, anchor });
    }

    fn pair(&mut self, credential: &Credential, all: &[Certificate]) {
        let Credential { certificate, key, .. } = credential;
        self.key = match fits(certificate, key) {
            _ if !has_key(key) => "none",
            Some(true) => "fits",
            Some(false) => "other",
            None => "unknown",
        };
        match self.key {
            "other" => {
                let what = "the key is not that of the certificate: it is not sent to proxies; \
                            store the certificate and the key that it was made for";
                self.errors.push(what.to_owned());
            }
            "none" if !key.is_empty() => {
                self.errors.push("its key is not PEM of a private key".to_owned());
            }
            "none" if !all.is_empty() && !self.secret.is_empty() => {
                self.errors.push("it has no key".to_owned());
            }
            _ => {}
        }
    }

    fn lists(&mut self, credential: &Credential, all: &[Certificate], now: i64) {
        if credential.revoked.is_empty() {
            return;
        }
        let lists = Revoked::all(&credential.revoked).unwrap_or_else(|fault| {
            self.errors.push(format!("ca.crl cannot be read: {fault}"));
            Vec::new()
        });
        for list in &lists {
            if list.next.is_some_and(|next| next < now) {
                let what =
                    format!("the revocation list of {} is out of date; renew it", list.issuer);
                self.warnings.push(what);
            }
            for one in all.iter().filter(|one| list.names(one)) {
                self.errors.push(format!("the certificate of {} is revoked", one.subject));
            }
        }
        let told = lists.into_iter().map(|list| List {
            issuer: list.issuer,
            certificates: list.serials.len(),
            until: list.next.map(date),
        });
        self.revoked = told.collect();
    }

    fn hosts(&mut self, leaf: Option<&Certificate>) {
        let Some(leaf) = leaf else { return };
        if leaf.names.is_empty() {
            let what =
                "the certificate names no host (no subject alternative name): clients refuse it";
            self.warnings.push(what.to_owned());
        }
        for used in &mut self.used_by {
            let bare = |host: &String| host.rsplit('/').next().unwrap_or_default().to_owned();
            let hosts = used.hosts.iter().map(bare);
            used.uncovered =
                hosts.filter(|host| host != "*" && !covers(&leaf.names, host)).collect();
            if !used.uncovered.is_empty() {
                let hosts = used.uncovered.join(", ");
                let what = format!(
                    "Gateway {} shows it for {hosts}, which it does not name",
                    used.gateway
                );
                self.warnings.push(what);
            }
        }
    }
}

fn days(one: &Certificate, now: i64) -> i64 {
    (one.not_after - now).div_euclid(DAY)
}

fn shown(one: &Certificate, now: i64) -> Shown {
    Shown {
        subject: one.subject.clone(),
        names: one.names.iter().map(ToString::to_string).collect(),
        issuer: one.issuer.clone(),
        serial: one.serial.clone(),
        not_before: date(one.not_before),
        not_after: date(one.not_after),
        days_left: days(one, now),
        key: one.key.clone(),
        authority: one.authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: &[u8] = include_bytes!("../../../weft-certificate/tests/pem/leaf.pem");
    const KEY: &[u8] = include_bytes!("../../../weft-certificate/tests/pem/leaf.key");
    const OTHER: &[u8] = include_bytes!("../../../weft-certificate/tests/pem/other.key");
    const MIDDLE: &[u8] = include_bytes!("../../../weft-certificate/tests/pem/intermediate.pem");
    const REVOKED: &[u8] = include_bytes!("../../../weft-certificate/tests/pem/revoked.pem");
    /// 2026-11-24; the certificates are of the day before, for ten years.
    const NOW: i64 = 1_795_478_400;

    fn used(hosts: &[&str]) -> Vec<Used> {
        vec![Used {
            gateway: "a/b".into(),
            group: "networking.istio.io".into(),
            server: "https".into(),
            port: 443,
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            uncovered: Vec::new(),
        }]
    }

    fn look(certificate: &[u8], key: &[u8], hosts: &[&str], now: i64) -> Inspection {
        let (certificate, key) = (certificate.to_vec(), key.to_vec());
        let credential = Credential { certificate, key, ..Credential::default() };
        Inspection::of("a/s", &credential, used(hosts), now)
    }

    #[test]
    fn a_good_credential_has_nothing_to_tell() {
        let found =
            look(&[LEAF, MIDDLE].concat(), KEY, &["a.shop.example", "./shop.example", "*"], NOW);
        assert!(found.is_usable() && found.warnings.is_empty(), "{found:?}");
        assert_eq!((found.key, found.certificates[0].days_left), ("fits", 3649));
        let chain = found.chain.unwrap();
        assert_eq!((chain.length, chain.ordered, chain.rooted), (2, true, false));
        assert_eq!(chain.anchor, "O=Weft tests, CN=root");
    }

    #[test]
    fn what_keeps_it_from_being_used_is_told() {
        let told = |found: Inspection| found.errors.join("; ");
        assert!(told(look(LEAF, OTHER, &[], NOW)).contains("not that of the certificate"));
        assert!(told(look(LEAF, b"x", &[], NOW)).contains("not PEM"));
        assert!(told(look(LEAF, KEY, &[], NOW + 4000 * DAY)).contains("expired on 2036-11-20"));
        assert!(told(look(LEAF, KEY, &[], NOW - 9 * DAY)).contains("valid only from 2026-11-23"));
        assert!(told(look(b"x", KEY, &[], NOW)).contains("it holds no certificate"));
        assert!(told(look(b"", b"", &[], NOW)).contains("nor ca.crt"));
    }

    #[test]
    fn what_will_or_may_is_told_and_does_not_fail() {
        let found = look(&[LEAF, OTHER_ROOT].concat(), KEY, &["bank.example"], NOW + 3630 * DAY);
        assert!(found.is_usable(), "{found:?}");
        assert_eq!(found.used_by[0].uncovered, ["bank.example"]);
        let told = found.warnings.join("; ");
        for part in ["expires in 19 days", "CN=ed vouches for none", "shows it for bank.example"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
    const OTHER_ROOT: &[u8] = include_bytes!("../../../weft-certificate/tests/pem/ed25519.pem");

    #[test]
    fn a_certificate_on_the_list_beside_it_is_revoked() {
        let (certificate, key, revoked) = (LEAF.to_vec(), KEY.to_vec(), REVOKED.to_vec());
        let credential = Credential { certificate, key, revoked, ..Credential::default() };
        let found = Inspection::of("a/s", &credential, Vec::new(), NOW);
        assert_eq!(found.errors, ["the certificate of CN=shop is revoked"]);
        assert_eq!(found.revoked[0].certificates, 1);
    }
}
