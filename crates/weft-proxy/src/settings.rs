//! What the environment says about this proxy, read once.
//!
//! In: the environment's variables as a map. Out: [`Settings`].
//! Holds: a variable that cannot be read is an error that names it.
//! Never: reading the environment by itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use proxy_engine::{ExplainTo, TellDenials};
use serde_json::{Map, Value};

/// What a pod's proxy is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Beside an application.
    Sidecar,
    /// A gateway.
    Router,
}

impl Role {
    /// As it stands in the node id.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sidecar => "sidecar",
            Self::Router => "router",
        }
    }
}

/// Settings of one proxy.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Its role.
    pub(crate) role: Role,
    /// `POD_NAME`.
    pub(crate) pod: String,
    /// `POD_NAMESPACE`.
    pub(crate) namespace: String,
    /// `INSTANCE_IP`.
    pub(crate) ip: IpAddr,
    /// `SERVICE_ACCOUNT`.
    pub(crate) service_account: String,
    /// `TRUST_DOMAIN`.
    pub(crate) trust_domain: String,
    /// `HOST:PORT` of discovery.
    pub(crate) discovery: String,
    /// `HOST:PORT` of the certificate authority.
    pub(crate) authority: String,
    /// Wished lifetime of certificates.
    pub(crate) secret_ttl: Option<Duration>,
    /// Worker threads.
    pub(crate) concurrency: usize,
    /// How long a drain may take.
    pub(crate) drain: Duration,
    /// Time that connections of a removed listener have left, when somebody said so.
    pub(crate) listener_drain: Option<Duration>,
    /// Who hears why rules did not let a call pass.
    pub(crate) denials: TellDenials,
    /// Clients that may ask what was decided about their requests.
    pub(crate) explain_to: ExplainTo,
    /// Node metadata for the control plane.
    pub(crate) metadata: Map<String, Value>,
}

/// Entry of `proxyMetadata` that says who hears why rules did not let a call pass.
const TELL_DENIALS: &str = "WEFT_TELL_DENIALS";
/// Entry of `proxyMetadata` that names who may ask what was decided.
const EXPLAIN_TO: &str = "WEFT_EXPLAIN_TO";
const DISCOVERY: &str = "istiod.istio-system.svc:15012";

impl Settings {
    /// Reads the settings out of `env`.
    pub(crate) fn read(role: Role, env: &BTreeMap<String, String>) -> Result<Self> {
        let text = |name: &str, default: &str| {
            env.get(name).filter(|v| !v.is_empty()).cloned().unwrap_or_else(|| default.to_owned())
        };
        let config = proxy_config(env)?;
        let discovery = config.get("discoveryAddress").and_then(Value::as_str).unwrap_or(DISCOVERY);
        let ip = text("INSTANCE_IP", "127.0.0.1");
        let drain = config.get("terminationDrainDuration").and_then(Value::as_str).unwrap_or("5s");
        let mut settings = Self {
            role,
            pod: text("POD_NAME", "proxy"),
            namespace: text("POD_NAMESPACE", "default"),
            ip: ip.parse().with_context(|| format!("INSTANCE_IP: {ip:?} is not an address"))?,
            service_account: text("SERVICE_ACCOUNT", "default"),
            trust_domain: text("TRUST_DOMAIN", "cluster.local"),
            discovery: discovery.to_owned(),
            authority: text("CA_ADDR", discovery),
            secret_ttl: env.get("SECRET_TTL").map(|v| duration("SECRET_TTL", v)).transpose()?,
            concurrency: concurrency(&config),
            drain: duration("PROXY_CONFIG.terminationDrainDuration", drain)?,
            listener_drain: config
                .get("drainDuration")
                .and_then(Value::as_str)
                .map(|text| duration("PROXY_CONFIG.drainDuration", text))
                .transpose()?,
            denials: denials(&config)?,
            explain_to: ExplainTo::read(entry(&config, EXPLAIN_TO)),
            metadata: Map::new(),
        };
        settings.metadata = settings.metadata(env, &config)?;
        Ok(settings)
    }

    /// The node id: `sidecar~IP~POD.NS~NS.svc.cluster.local`.
    pub(crate) fn node_id(&self) -> String {
        let Self { role, ip, pod, namespace, .. } = self;
        format!("{}~{ip}~{pod}.{namespace}~{namespace}.svc.cluster.local", role.name())
    }

    /// One of the pod's labels.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.metadata.get("LABELS")?.get(name)?.as_str()
    }

    /// Whether the proxy answers its pod's name questions.
    pub(crate) fn captures_names(&self) -> bool {
        let wish = self.meta("DNS_CAPTURE").unwrap_or_default();
        self.role == Role::Sidecar && (wish.eq_ignore_ascii_case("true") || wish == "1")
    }

    /// One metadata text.
    pub(crate) fn meta(&self, name: &str) -> Option<&str> {
        self.metadata.get(name)?.as_str()
    }

    fn metadata(
        &self,
        env: &BTreeMap<String, String>,
        config: &Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        let mut metadata = Map::new();
        for (name, value) in env {
            if let Some(key) = name.strip_prefix("ISTIO_METAJSON_") {
                let value =
                    serde_json::from_str(value).with_context(|| format!("{name}: not JSON"))?;
                metadata.insert(key.to_owned(), value);
            } else if let Some(key) = name.strip_prefix("ISTIO_META_") {
                metadata.insert(key.to_owned(), Value::String(value.clone()));
            }
        }
        metadata.insert("NAME".into(), self.pod.clone().into());
        metadata.insert("NAMESPACE".into(), self.namespace.clone().into());
        metadata.insert("SERVICE_ACCOUNT".into(), self.service_account.clone().into());
        metadata.insert("INSTANCE_IPS".into(), self.ip.to_string().into());
        metadata.insert("PROXY_CONFIG".into(), Value::Object(config.clone()));
        metadata.entry("DATAPLANE").or_insert_with(|| "weft".into());
        metadata.entry("CLUSTER_ID").or_insert_with(|| "Kubernetes".into());
        metadata.entry("MESH_ID").or_insert_with(|| self.trust_domain.clone().into());
        metadata.entry("WORKLOAD_NAME").or_insert_with(|| self.pod.clone().into());
        Ok(metadata)
    }
}

fn proxy_config(env: &BTreeMap<String, String>) -> Result<Map<String, Value>> {
    let Some(text) = env.get("PROXY_CONFIG").filter(|text| !text.trim().is_empty()) else {
        return Ok(Map::new());
    };
    match serde_json::from_str(text).context("PROXY_CONFIG: not JSON")? {
        Value::Object(config) => Ok(config),
        _ => bail!("PROXY_CONFIG: not a JSON object"),
    }
}

/// An entry of `proxyMetadata`.
fn entry<'a>(config: &'a Map<String, Value>, name: &str) -> &'a str {
    let entry = config.get("proxyMetadata").and_then(|all| all.get(name));
    entry.and_then(Value::as_str).unwrap_or_default()
}

/// `log`, `body`, or both with a comma between them; nobody hears it unless that is said.
fn denials(config: &Map<String, Value>) -> Result<TellDenials> {
    let mut tell = TellDenials::default();
    for word in
        entry(config, TELL_DENIALS).split(',').map(str::trim).filter(|word| !word.is_empty())
    {
        match word {
            "log" => tell.log = true,
            "body" => tell.body = true,
            other => bail!(
                "PROXY_CONFIG.proxyMetadata.{TELL_DENIALS}: {other:?} is not known; say log, body, or log,body"
            ),
        }
    }
    Ok(tell)
}

/// Two workers unless told otherwise, as Istio's default; 0 means one per core there, two here.
fn concurrency(config: &Map<String, Value>) -> usize {
    let wished = config.get("concurrency").and_then(Value::as_u64).unwrap_or(0);
    usize::try_from(wished).ok().filter(|n| *n > 0).unwrap_or(2).min(64)
}

/// Reads a Go duration such as `1h30m`, `20s` or `500ms`.
pub(crate) fn duration(name: &str, text: &str) -> Result<Duration> {
    let bad = || format!("{name}: {text:?} is not a duration such as 20s or 1h30m");
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        bail!(bad());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').with_context(bad)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: f64 = number.parse().ok().with_context(bad)?;
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => bail!(bad()),
        };
        let more = Duration::try_from_secs_f64(number * seconds).ok();
        total = more.and_then(|more| total.checked_add(more)).with_context(bad)?;
        rest = tail;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_go_s() {
        assert_eq!(duration("X", "1h30m").unwrap(), Duration::from_secs(5400));
        assert_eq!(duration("X", "0.5s").unwrap(), Duration::from_millis(500));
        let endless = "18000000000000000000s18000000000000000000s";
        for bad in ["", "5", "s", "5y", "-1s", endless] {
            assert!(duration("SECRET_TTL", bad).unwrap_err().to_string().contains("SECRET_TTL"));
        }
    }

    #[test]
    fn denials_are_told_to_nobody_unless_somebody_is_named() {
        let read = |wish: Value| {
            let config = serde_json::json!({"proxyMetadata": {"WEFT_TELL_DENIALS": wish}});
            denials(config.as_object().unwrap())
        };
        assert_eq!(denials(&Map::new()).unwrap(), TellDenials::default());
        assert_eq!(read("".into()).unwrap(), TellDenials::default());
        assert_eq!(read("log".into()).unwrap(), TellDenials { log: true, body: false });
        assert_eq!(read("body, log".into()).unwrap(), TellDenials { log: true, body: true });
        let told = read("bodies".into()).unwrap_err().to_string();
        assert!(told.contains("WEFT_TELL_DENIALS: \"bodies\""), "{told}");
    }

    #[test]
    fn the_environment_becomes_node_and_metadata() {
        let env = [
            ("POD_NAME", "p-1"),
            ("POD_NAMESPACE", "payments"),
            ("INSTANCE_IP", "10.244.0.7"),
            (
                "PROXY_CONFIG",
                r#"{"discoveryAddress":"10.0.0.1:15012","concurrency":1,"drainDuration":"7s"}"#,
            ),
            ("ISTIO_META_WORKLOAD_NAME", "payment-service-v1"),
            ("ISTIO_METAJSON_LABELS", r#"{"app":"payment-service"}"#),
        ];
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let settings = Settings::read(Role::Sidecar, &env).unwrap();
        assert_eq!(
            settings.node_id(),
            "sidecar~10.244.0.7~p-1.payments~payments.svc.cluster.local"
        );
        assert_eq!((settings.concurrency, settings.discovery.as_str()), (1, "10.0.0.1:15012"));
        assert_eq!(settings.listener_drain, Some(Duration::from_secs(7)));
        assert_eq!(settings.authority, settings.discovery);
        assert_eq!(settings.label("app"), Some("payment-service"));
        assert_eq!(settings.meta("WORKLOAD_NAME"), Some("payment-service-v1"));
    }
}
