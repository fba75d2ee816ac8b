//! A call that somebody asks about.
//!
//! In: words, or JSON of the same words. Out: [`Call`]. Holds: a word that is not known is told of, not ignored.

use std::net::IpAddr;

use serde_json::{Map, Value};
use weft_types::similar;

use crate::Unclear;

mod claims;
mod destination;

use destination::Destination;

/// Where a call begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// The application of a pod or workload, captured by its proxy: name, namespace.
    From(String, String),
    /// A port of a gateway: name of the Gateway or of the workload, namespace.
    Gateway(String, String),
    /// A port of a pod, from outside of it: name, namespace.
    Inbound(String, String),
}

impl Origin {
    /// The application of a workload, as `NAME.NAMESPACE`.
    ///
    /// # Errors
    /// When the name or the namespace is empty.
    pub fn from(written: &str) -> Result<Self, Unclear> {
        with_namespace(written).map(|(name, namespace)| Self::From(name, namespace))
    }

    /// A gateway, as `NAME.NAMESPACE`.
    ///
    /// # Errors
    /// When the name or the namespace is empty.
    pub fn gateway(written: &str) -> Result<Self, Unclear> {
        with_namespace(written).map(|(name, namespace)| Self::Gateway(name, namespace))
    }

    /// A port of a pod, as `NAME.NAMESPACE`.
    ///
    /// # Errors
    /// When the name or the namespace is empty.
    pub fn inbound(written: &str) -> Result<Self, Unclear> {
        with_namespace(written).map(|(name, namespace)| Self::Inbound(name, namespace))
    }
}

/// What the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spoken {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2.
    Http2,
    /// Bytes of something else.
    Tcp,
}

/// How the client protects the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// Not at all.
    #[default]
    Plaintext,
    /// TLS of its own, without a certificate of the mesh.
    Tls,
    /// TLS with a certificate of the mesh, as another proxy does.
    Mtls,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Where it begins.
    pub origin: Origin,
    /// Host that is called, as the client writes it.
    pub host: String,
    /// Port that is called.
    pub port: u16,
    /// `GET` unless said.
    pub method: String,
    /// `/` unless said.
    pub path: String,
    /// Fields by lower-case name.
    pub fields: Vec<(String, String)>,
    /// What the client speaks.
    pub spoken: Spoken,
    /// How it is protected.
    pub security: Security,
    /// Server name; the host unless said.
    pub sni: Option<String>,
    /// Address that the client connects to; what the host stands for unless said.
    pub ip: Option<IpAddr>,
    /// Address of the client.
    pub source_ip: Option<IpAddr>,
    /// Identity of the client: `namespace/account`, or a SPIFFE identity.
    pub principal: Option<String>,
    /// Claims that a token of the user is supposed to have, without one.
    pub claims: Map<String, Value>,
    /// When, in seconds since 1970. Until somebody says, every token that ends has ended.
    pub at: Option<u64>,
    /// What who is asked about the call (CUSTOM) is supposed to answer.
    pub custom: Option<bool>,
    /// Nothing protects the connection on its way to the server either: what a caller without a proxy would get.
    pub plaintext: bool,
}

impl Call {
    /// A `GET` to `HOST:PORT`, in plain text and for `/`, or to a URL, whose path and TLS count.
    ///
    /// # Errors
    /// When `to` is neither.
    pub fn new(origin: Origin, to: &str) -> Result<Self, Unclear> {
        let Destination { host, port, path, tls } = Destination::read(to)?;
        Ok(Self {
            origin,
            host,
            port,
            method: "GET".to_owned(),
            path: path.unwrap_or_else(|| "/".to_owned()),
            fields: Vec::new(),
            spoken: Spoken::default(),
            security: if tls { Security::Tls } else { Security::default() },
            sni: None,
            ip: None,
            source_ip: None,
            principal: None,
            claims: Map::new(),
            at: None,
            custom: None,
            plaintext: false,
        })
    }

    /// Reads one call of a file of calls.
    ///
    /// # Errors
    /// When a word is not known, has another form than it should, or the origin or the destination is missing.
    pub fn read(written: &Value) -> Result<Self, Unclear> {
        let fields = written.as_object().ok_or_else(|| {
            Unclear::new("a call is no JSON object", "write {\"from\": …, \"to\": …}")
        })?;
        known(fields)?;
        let mut call = Self::new(origin(fields)?, &text(fields, "to")?.unwrap_or_default())?;
        if let Some(method) = text(fields, "method")? {
            call.method = method;
        }
        if let Some(path) = text(fields, "path")? {
            call.ask(path)?;
        }
        for name in ["headers", "header", "H"] {
            if let Some(written) = fields.get(name) {
                headers(written, &mut call)?;
            }
        }
        call.spoken = match (truth(fields, "http2")?, truth(fields, "tcp")?) {
            (_, true) => Spoken::Tcp,
            (true, false) => Spoken::Http2,
            (false, false) => Spoken::Http1,
        };
        call.security = match (truth(fields, "mtls")?, truth(fields, "tls")?) {
            (true, _) => Security::Mtls,
            (false, true) => Security::Tls,
            (false, false) => call.security,
        };
        call.sni = text(fields, "sni")?;
        call.ip = address(fields, "ip")?;
        call.source_ip = address(fields, "source_ip")?;
        call.principal = text(fields, "principal")?;
        if let Some(token) = text(fields, "jwt")? {
            call.add_token(&token);
        }
        match fields.get("claims") {
            None | Some(Value::Null) => {}
            Some(Value::Object(claims)) => call.claims = claims.clone(),
            Some(_) => return Err(other_form("claims", "{\"name\": \"value\"}")),
        }
        call.at = match fields.get("at") {
            None | Some(Value::Null) => None,
            Some(at) => Some(at.as_u64().ok_or_else(|| other_form("at", "seconds since 1970"))?),
        };
        if let Some(answer) = text(fields, "custom")? {
            call.suppose_custom(&answer)?;
        }
        call.go_plain(truth(fields, "plaintext")?)?;
        Ok(call)
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// When the destination has one already, and another one.
    pub fn ask(&mut self, path: String) -> Result<(), Unclear> {
        if !["/", path.as_str()].contains(&self.path.as_str()) {
            let what = format!("the path is {path}, and {} in the destination", self.path);
            return Err(Unclear::new(what, "say it once"));
        }
        self.path = path;
        Ok(())
    }

    /// Says whether nothing protects the connection on its way to the server.
    ///
    /// # Errors
    /// When the destination says that TLS does.
    pub fn go_plain(&mut self, plaintext: bool) -> Result<(), Unclear> {
        if plaintext && self.security != Security::Plaintext {
            let what = "a call cannot be in plaintext and use TLS";
            return Err(Unclear::new(what, "write http:// or HOST:PORT, or leave plaintext out"));
        }
        self.plaintext = plaintext;
        Ok(())
    }

    /// Shows a user's token, as RFC 6750 has it.
    pub fn add_token(&mut self, token: &str) {
        self.fields.push(("authorization".to_owned(), format!("Bearer {}", token.trim())));
    }

    /// Name in the client's TLS hello.
    pub(crate) fn server_name(&self) -> Option<&str> {
        let own = || Some(self.host.as_str()).filter(|host| host.parse::<IpAddr>().is_err());
        match self.security {
            Security::Plaintext => None,
            Security::Tls | Security::Mtls => self.sni.as_deref().or_else(own),
        }
    }
}

const WORDS: [&str; 23] = [
    "from",
    "gateway",
    "inbound",
    "to",
    "method",
    "path",
    "headers",
    "header",
    "H",
    "http2",
    "tcp",
    "plaintext",
    "tls",
    "mtls",
    "sni",
    "ip",
    "source_ip",
    "source-ip",
    "principal",
    "jwt",
    "claims",
    "at",
    "custom",
];

fn known(fields: &Map<String, Value>) -> Result<(), Unclear> {
    let Some(word) = fields.keys().find(|word| !WORDS.contains(&word.as_str())) else {
        return Ok(());
    };
    let fix = match similar(word, WORDS) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("use {}", WORDS.join(", ")),
    };
    Err(Unclear::new(format!("a call has no {word:?}"), fix))
}

fn origin(fields: &Map<String, Value>) -> Result<Origin, Unclear> {
    match (text(fields, "from")?, text(fields, "gateway")?, text(fields, "inbound")?) {
        (Some(name), None, None) => Origin::from(&name),
        (None, Some(name), None) => Origin::gateway(&name),
        (None, None, Some(name)) => Origin::inbound(&name),
        _ => Err(Unclear::new(
            "a call needs one beginning",
            "say from, gateway or inbound, and only one of them",
        )),
    }
}

/// `NAME.NAMESPACE`; without a namespace, `default`.
fn with_namespace(written: &str) -> Result<(String, String), Unclear> {
    let (name, namespace) = written.rsplit_once('.').unwrap_or((written, "default"));
    if name.is_empty() || namespace.is_empty() {
        let what = format!("{written:?} is no name of a workload");
        return Err(Unclear::new(what, "write NAME.NAMESPACE"));
    }
    Ok((name.to_owned(), namespace.to_owned()))
}

fn other_form(name: &str, wanted: &str) -> Unclear {
    Unclear::new(format!("{name} has another form"), format!("write {wanted}"))
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Unclear> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(other_form(name, "a text")),
    }
}

fn truth(fields: &Map<String, Value>, name: &str) -> Result<bool, Unclear> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(truth)) => Ok(*truth),
        Some(_) => Err(other_form(name, "true or false")),
    }
}

fn address(fields: &Map<String, Value>, name: &str) -> Result<Option<IpAddr>, Unclear> {
    let written = match text(fields, name)? {
        Some(text) => Some(text),
        None => text(fields, &name.replace('_', "-"))?,
    };
    let read = |text: String| text.parse().map_err(|_error| other_form(name, "an IP address"));
    written.map(read).transpose()
}

fn headers(written: &Value, call: &mut Call) -> Result<(), Unclear> {
    let wrong = || other_form("headers", "{\"name\": \"value\"} or [\"name: value\"]");
    match written {
        Value::Object(fields) => {
            for (name, value) in fields {
                let value = value.as_str().ok_or_else(wrong)?;
                call.fields.push((name.to_ascii_lowercase(), value.to_owned()));
            }
            Ok(())
        }
        Value::Array(lines) => {
            lines.iter().try_for_each(|line| call.add_field(line.as_str().ok_or_else(wrong)?))
        }
        Value::String(line) => call.add_field(line),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests;
