//! Istio's AuthorizationPolicy, read from its documentation as plainly as can be.

use std::net::Ipv4Addr;

use serde_json::Value;

/// A call as a server sees it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) tcp: bool,
    pub(crate) from: Ipv4Addr,
    /// Namespace and account of a client with mutual TLS.
    pub(crate) peer: Option<(&'static str, &'static str)>,
    pub(crate) sni: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) host: &'static str,
    pub(crate) fields: Vec<(&'static str, &'static str)>,
}

impl Asked {
    pub(crate) fn port(&self) -> u16 {
        if self.tcp { 9000 } else { 8080 }
    }

    fn principal(&self) -> Option<String> {
        self.peer.map(|(namespace, account)| format!("cluster.local/ns/{namespace}/sa/{account}"))
    }

    fn field(&self, wanted: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| *value)
    }

    /// The client, as the nearest proxy says.
    fn client(&self) -> Ipv4Addr {
        let said = self.field("x-forwarded-for").filter(|_| !self.tcp);
        let last = said.and_then(|chain| chain.rsplit(',').next());
        last.and_then(|text| text.parse().ok()).unwrap_or(self.from)
    }
}

/// First what denies, then what allows, and everything where nothing speaks of allowing.
pub(crate) fn allowed(policies: &[Value], asked: &Asked) -> bool {
    let of = |action: &str| -> Vec<&Value> {
        policies.iter().filter(|one| one["spec"]["action"] == action).collect()
    };
    let hit = |policy: &&Value| {
        let rules = policy["spec"]["rules"].as_array();
        let deny = policy["spec"]["action"] == "DENY";
        rules.into_iter().flatten().any(|one| rule(one, deny, asked))
    };
    let allowing = of("ALLOW");
    !of("DENY").iter().any(hit) && (allowing.is_empty() || allowing.iter().any(hit))
}

/// Whether one rule of a policy matches.
pub(crate) fn matches(policies: &[Value], name: &str, number: usize, asked: &Asked) -> bool {
    let own = |one: &&Value| name.strip_prefix("shop/") == one["metadata"]["name"].as_str();
    let policy = policies.iter().find(own).unwrap();
    rule(&policy["spec"]["rules"][number], policy["spec"]["action"] == "DENY", asked)
}

/// What a rule says of requests counts for bytes as "no" when it allows, and is left out when it denies.
fn rule(rule: &Value, deny: bool, asked: &Asked) -> bool {
    if asked.tcp && !deny && speaks_of_requests(rule) {
        return false;
    }
    let sources = rule["from"].as_array();
    let operations = rule["to"].as_array();
    let conditions = rule["when"].as_array();
    sources.is_none_or(|all| all.iter().any(|one| source(&one["source"], asked)))
        && operations.is_none_or(|all| all.iter().any(|one| operation(&one["operation"], asked)))
        && conditions.into_iter().flatten().all(|one| condition(one, asked))
}

fn speaks_of_requests(rule: &Value) -> bool {
    let words = ["hosts", "methods", "paths", "notHosts", "notMethods", "notPaths"];
    let operations = rule["to"].as_array().into_iter().flatten();
    let conditions = rule["when"].as_array().into_iter().flatten();
    let keys: Vec<&str> = conditions.filter_map(|one| one["key"].as_str()).collect();
    operations.map(|one| &one["operation"]).any(|one| words.iter().any(|word| !one[word].is_null()))
        || keys.iter().any(|key| key.starts_with("request."))
}

/// One of the values, and none of those that must not be.
fn both(yes: &Value, no: &Value, holds: impl Fn(&str) -> bool) -> bool {
    let any = |list: &Value| {
        let list: Option<Vec<&str>> =
            list.as_array().map(|all| all.iter().filter_map(Value::as_str).collect());
        list.map(|list| list.into_iter().any(&holds))
    };
    any(yes).unwrap_or(true) && !any(no).unwrap_or(false)
}

fn source(source: &Value, asked: &Asked) -> bool {
    let (namespace, account) = asked.peer.unzip();
    let principal = asked.principal();
    let s = source;
    let of_account = |written: &str| {
        let (place, name) = written.split_once('/').unwrap_or(("shop", written));
        Some(place) == namespace && Some(name) == account
    };
    let known = |wanted: &str, found: Option<&str>| found.is_some_and(|found| value(wanted, found));
    both(&s["principals"], &s["notPrincipals"], |v| known(v, principal.as_deref()))
        && both(&s["namespaces"], &s["notNamespaces"], |v| known(v, namespace))
        && both(&s["serviceAccounts"], &s["notServiceAccounts"], of_account)
        && both(&s["ipBlocks"], &s["notIpBlocks"], |v| in_range(v, asked.from))
        && both(&s["remoteIpBlocks"], &s["notRemoteIpBlocks"], |v| in_range(v, asked.client()))
}

fn operation(operation: &Value, asked: &Asked) -> bool {
    let o = operation;
    let host = asked.host.to_ascii_lowercase();
    let bare = asked.path.split('?').next().unwrap_or_default();
    let of_bytes = asked.tcp;
    both(&o["ports"], &o["notPorts"], |v| v == asked.port().to_string())
        && (of_bytes
            || both(&o["hosts"], &o["notHosts"], |v| value(&v.to_ascii_lowercase(), &host))
                && both(&o["methods"], &o["notMethods"], |v| value(v, asked.method))
                && both(&o["paths"], &o["notPaths"], |v| path(v, bare)))
}

fn condition(condition: &Value, asked: &Asked) -> bool {
    let (yes, no) = (&condition["values"], &condition["notValues"]);
    let (namespace, _) = asked.peer.unzip();
    let known = |wanted: &str, found: Option<&str>| found.is_some_and(|found| value(wanted, found));
    let key = condition["key"].as_str().unwrap();
    if let Some(name) = key.strip_prefix("request.headers[") {
        let found = asked.field(name.trim_end_matches(']'));
        return asked.tcp
            || both(yes, no, |v| found.is_some_and(|found| v == "*" || value(v, found)));
    }
    let server = Ipv4Addr::new(10, 244, 0, 10);
    match key {
        "source.ip" => both(yes, no, |v| in_range(v, asked.from)),
        "remote.ip" => both(yes, no, |v| in_range(v, asked.client())),
        "source.namespace" => both(yes, no, |v| known(v, namespace)),
        "source.principal" => both(yes, no, |v| known(v, asked.principal().as_deref())),
        "destination.ip" => both(yes, no, |v| in_range(v, server)),
        "destination.port" => both(yes, no, |v| v == asked.port().to_string()),
        "connection.sni" => {
            let sni = if asked.peer.is_some() { asked.sni } else { "" };
            both(yes, no, |v| value(v, sni))
        }
        other => panic!("{other}"),
    }
}

/// Whole, by beginning, by end, or anything that is there.
pub(crate) fn value(wanted: &str, found: &str) -> bool {
    match (wanted.strip_prefix('*'), wanted.strip_suffix('*')) {
        (Some(""), _) => !found.is_empty(),
        (Some(end), _) => found.ends_with(end),
        (None, Some(start)) => found.starts_with(start),
        (None, None) => found == wanted,
    }
}

/// A value, or a template whose `{*}` is one segment and whose `{**}` is any rest.
pub(crate) fn path(wanted: &str, found: &str) -> bool {
    if !wanted.contains("{*") {
        return value(wanted, found);
    }
    let (wanted, found): (Vec<&str>, Vec<&str>) =
        (wanted.split('/').collect(), found.split('/').collect());
    let pairs = wanted.iter().zip(&found);
    let same = |(wanted, found): (&&str, &&str)| match *wanted {
        "{**}" => true,
        "{*}" => !found.is_empty(),
        text => text == *found,
    };
    let whole = wanted.len() == found.len();
    let rest = wanted.last() == Some(&"{**}") && found.len() >= wanted.len();
    (whole || rest) && pairs.into_iter().all(same)
}

/// An address, or a range `ADDRESS/LENGTH`.
pub(crate) fn in_range(range: &str, address: Ipv4Addr) -> bool {
    let (start, length) = range.split_once('/').unwrap_or((range, "32"));
    let start: Ipv4Addr = start.parse().unwrap();
    let length: u32 = length.parse().unwrap();
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    u32::from(start) & mask == u32::from(address) & mask
}
