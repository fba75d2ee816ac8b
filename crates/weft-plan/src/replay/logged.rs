//! How a request ended, as the log tells it.
//!
//! In: an entry; an answer. Out: whether the answer may be what happened.
//! Holds: what the log leaves open agrees with everything: what a server did, chance, and filters that nobody explains.

use std::fmt;

use telemetry_read::Entry;
use weft_explain::{Answer, Outcome};

/// An end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    code: u16,
    why: String,
    cluster: Option<String>,
    bytes: bool,
    tried: bool,
}

/// What was done with it.
enum Did {
    Denied,
    NoRoute,
    Answered,
    Fault,
    Forwarded,
    Unknown,
}

impl Logged {
    pub(crate) fn of(entry: &Entry<'_>) -> Self {
        Self {
            code: entry.code,
            why: why(entry).to_owned(),
            cluster: entry.cluster.as_deref().map(str::to_owned),
            bytes: entry.method.is_none(),
            tried: entry.upstream_host.is_some(),
        }
    }

    /// Whether an entry ended like this.
    pub(crate) fn is_of(&self, entry: &Entry<'_>) -> bool {
        let Self { code, why: said, cluster, bytes, tried } = self;
        *code == entry.code
            && *said == why(entry)
            && cluster.as_deref() == entry.cluster.as_deref()
            && *bytes == entry.method.is_none()
            && *tried == entry.upstream_host.is_some()
    }

    fn did(&self) -> Did {
        let why = self.why.as_str();
        let begins = |words: &[&str]| words.iter().any(|word| why.starts_with(word));
        if begins(&["rbac_access_denied", "jwt_authn_access_denied"]) {
            Did::Denied
        } else if begins(&["route_not_found", "NR"]) {
            Did::NoRoute
        } else if begins(&["direct_response"]) {
            Did::Answered
        } else if begins(&["fault_filter_abort"]) {
            Did::Fault
        } else if self.tried || begins(&["via_upstream", "no_healthy_upstream"]) {
            Did::Forwarded
        } else {
            Did::Unknown
        }
    }

    /// Whether an answer may be what happened.
    pub(crate) fn agrees(&self, now: &Answer) -> bool {
        let routed = matches!(now.outcome, Outcome::Routed | Outcome::Tcp);
        match self.did() {
            Did::Unknown => true,
            Did::Denied => {
                now.outcome == Outcome::Denied && self.is_status(now) && self.is_rule(now)
            }
            Did::NoRoute => matches!(
                now.outcome,
                Outcome::NoRoute
                    | Outcome::NoVirtualHost
                    | Outcome::NoFilterChain
                    | Outcome::NoListener
            ),
            Did::Answered => {
                let own = [Outcome::DirectResponse, Outcome::Redirect, Outcome::TlsRedirect];
                own.contains(&now.outcome) && now.status == Some(self.code)
            }
            Did::Fault => now.faults.as_ref().is_some_and(|faults| faults.abort.is_some()),
            Did::Forwarded if routed => self.is_cluster(now) && !always_aborts(now),
            // The server's proxy ended it, and the client's saw an answer of its server.
            Did::Forwarded => {
                let status = now.status.unwrap_or(503);
                !now.clusters.is_empty()
                    && (self.bytes || status == self.code)
                    && self.is_cluster(now)
            }
        }
    }

    fn is_status(&self, now: &Answer) -> bool {
        self.bytes || now.status.is_none_or(|status| status == self.code)
    }

    /// Whether the log names the same rule; where it names none, none of them allowed it.
    fn is_rule(&self, now: &Answer) -> bool {
        let Some((_, named)) = self.why.split_once("matched_policy[") else { return true };
        let named = named.strip_suffix(']').unwrap_or(named);
        match (&now.policy, now.rule) {
            (Some(policy), Some(rule)) => {
                policy.split_once('/').is_some_and(|(namespace, name)| {
                    named == format!("ns[{namespace}]-policy[{name}]-rule[{rule}]")
                })
            }
            (Some(_), None) => true,
            (None, _) => named == "none",
        }
    }

    fn is_cluster(&self, now: &Answer) -> bool {
        let Some(cluster) = self.cluster.as_deref() else { return true };
        let plain = |name: &str| name.strip_suffix("|tcp").unwrap_or(name).to_owned();
        let through = |name: &str| name.starts_with("InboundPassthroughCluster");
        now.clusters.iter().any(|share| {
            let same = plain(&share.name) == plain(cluster);
            same || (through(&share.name) && through(cluster))
        })
    }
}

fn always_aborts(now: &Answer) -> bool {
    let abort = now.faults.as_ref().and_then(|faults| faults.abort.as_ref());
    abort.is_some_and(|abort| abort.percent >= 100.0)
}

/// Why it ended so: of a request, of a connection, or what its flags say.
fn why<'a>(entry: &'a Entry<'_>) -> &'a str {
    let flags = entry.flags.as_deref().filter(|flags| flags.starts_with("NR"));
    let told = [entry.details.as_deref(), entry.termination.as_deref(), flags];
    told.into_iter().flatten().next().unwrap_or_default()
}

impl fmt::Display for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, why, cluster, bytes, tried: _ } = self;
        match bytes {
            true => f.write_str("a connection")?,
            false => write!(f, "{code}")?,
        }
        if !why.is_empty() {
            write!(f, " {why}")?;
        }
        match cluster {
            Some(cluster) => write!(f, ", {cluster}"),
            None => Ok(()),
        }
    }
}

/// An answer in a line.
pub(crate) fn told(now: &Answer) -> String {
    let outcome = serde_json::to_value(now.outcome).unwrap_or_default();
    let mut text = outcome.as_str().unwrap_or_default().to_owned();
    if let Some(status) = now.status {
        text = format!("{status} {text}");
    }
    if let Some(policy) = &now.policy {
        let rule = now.rule.map(|rule| format!(" rule {rule}")).unwrap_or_default();
        text = format!("{text} by {policy}{rule}");
    }
    let clusters: Vec<&str> = now.clusters.iter().map(|share| share.name.as_str()).collect();
    if clusters.is_empty() { text } else { format!("{text}, {}", clusters.join(" or ")) }
}
