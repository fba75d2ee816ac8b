//! Whose configuration an object is part of, and how many of these proxies have taken it.
//!
//! Holds: a proxy that should be connected and is not counts as one that has not taken it.

use std::collections::{BTreeMap, BTreeSet};

use weft_admin_api::sync::SyncReport;

/// Proxies, by what they are and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// Sidecars.
    pub sidecars: bool,
    /// Gateways.
    pub gateways: bool,
    /// Namespaces of the proxies; `None` for all.
    pub namespaces: Option<BTreeSet<String>>,
}

impl Audience {
    /// Every proxy.
    #[must_use]
    pub const fn everyone() -> Self {
        Self { sidecars: true, gateways: true, namespaces: None }
    }

    fn includes(&self, name: &str, gateway: bool) -> bool {
        let namespace = name.rsplit_once('.').map_or("", |(_, namespace)| namespace);
        let kind = if gateway { self.gateways } else { self.sidecars };
        kind && self.namespaces.as_ref().is_none_or(|names| names.contains(namespace))
    }
}

/// A proxy that serves traffic, connected or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expected {
    /// `POD.NAMESPACE`.
    pub name: String,
    /// A gateway, not a sidecar.
    pub gateway: bool,
}

/// What every proxy that counts has answered, once per report.
#[derive(Debug, Default)]
pub(crate) struct Answers<'a> {
    /// By name: whether it is a gateway, and the newest revision that it has answered.
    proxies: BTreeMap<&'a str, (bool, u64)>,
}

/// How far an object has come among its audience.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) proxies: usize,
    pub(crate) acknowledged: usize,
    /// Who has not answered, by name; only the first few.
    pub(crate) waiting: Vec<String>,
}

/// So many names are told of.
const NAMED: usize = 3;

impl<'a> Answers<'a> {
    pub(crate) fn of(report: &'a SyncReport, expected: &'a [Expected]) -> Self {
        let mut proxies: BTreeMap<&str, (bool, u64)> =
            expected.iter().map(|proxy| (proxy.name.as_str(), (proxy.gateway, 0))).collect();
        for proxy in &report.proxies {
            let entry = proxies.entry(&proxy.name).or_default();
            // A proxy that came back may have left its old stream behind.
            *entry = (proxy.proxy_type == "router", entry.1.max(proxy.acknowledged));
        }
        Self { proxies }
    }

    pub(crate) fn progress(&self, audience: &Audience, revision: u64) -> Progress {
        let mut progress = Progress::default();
        for (name, (gateway, acknowledged)) in &self.proxies {
            if !audience.includes(name, *gateway) {
                continue;
            }
            progress.proxies += 1;
            if *acknowledged >= revision {
                progress.acknowledged += 1;
            } else if progress.waiting.len() < NAMED {
                progress.waiting.push((*name).to_owned());
            }
        }
        progress
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { proxies, acknowledged, waiting } = self;
        if *proxies == 0 {
            return f.write_str("no proxy is affected");
        }
        write!(f, "acknowledged by {acknowledged} of {proxies} proxies")?;
        let more = (proxies - acknowledged).saturating_sub(waiting.len());
        match (waiting.is_empty(), more) {
            (true, _) => Ok(()),
            (false, 0) => write!(f, "; waiting for {}", waiting.join(", ")),
            (false, more) => write!(f, "; waiting for {} and {more} more", waiting.join(", ")),
        }
    }
}
