//! URLs as rules see them: absolute, or an absolute path.

use std::net::Ipv6Addr;

/// A URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Url {
    pub(crate) scheme: String,
    /// Name and port.
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: String,
}

impl cel::objects::Opaque for Url {
    fn runtime_type_name(&self) -> &str {
        "kubernetes.URL"
    }
}

impl Url {
    /// The name without port and brackets.
    pub(crate) fn hostname(&self) -> &str {
        if let Some(inner) = self.host.strip_prefix('[') {
            return inner.split(']').next().unwrap_or_default();
        }
        self.host.rsplit_once(':').map_or(&self.host, |(name, _)| name)
    }

    /// The port, or empty.
    pub(crate) fn port(&self) -> &str {
        match self.host.rsplit_once(':') {
            Some((_, port)) if !port.contains(']') => port,
            _ => "",
        }
    }

    /// Keys and values of the query, decoded, in order.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        split.map(|(key, value)| (decoded(key), decoded(value))).collect()
    }
}

/// Reads a URL; why it is none.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    let bad = |why: &str| Err(format!("{text:?} is not a URL: {why}"));
    if text.is_empty() || text.chars().any(char::is_control) {
        return bad("it is empty or has control characters");
    }
    let (scheme, rest) = scheme(text);
    if scheme.is_empty() && !rest.starts_with('/') {
        return bad("it has no scheme and is no absolute path");
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, path) = match rest.strip_prefix("//").filter(|_| !scheme.is_empty()) {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (user, host) = host.rsplit_once('@').unwrap_or(("", host));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !is_host(host) || !user.chars().all(plain) {
        return bad("its host cannot be read");
    }
    if !is_escaped_well(path) {
        return bad("a % must be followed by two hexadecimal digits");
    }
    let (scheme, path) = (scheme.to_ascii_lowercase(), path.to_owned());
    Ok(Url { scheme, host: host.to_owned(), path, query: query.to_owned() })
}

fn scheme(text: &str) -> (&str, &str) {
    let Some((scheme, rest)) = text.split_once(':') else { return ("", text) };
    let fits = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let good = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(fits);
    if good { (scheme, rest) } else { ("", text) }
}

fn is_host(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    if let Some(inner) = host.strip_prefix('[') {
        let Some((address, port)) = inner.split_once(']') else { return false };
        let address = address.split("%25").next().unwrap_or_default();
        return address.parse::<Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let fits = |c: char| c.is_alphanumeric() || !c.is_ascii() || "-_.~!$&'()*+,;=<>\"%".contains(c);
    is_port(port) && name.chars().all(fits) && is_escaped_well(name)
}

fn is_escaped_well(text: &str) -> bool {
    let hex = |part: &str| part.get(..2).is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
    text.split('%').skip(1).all(hex)
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        let code = hex.filter(|_| *first == b'%').and_then(|h| u8::from_str_radix(h, 16).ok());
        bytes.push(code.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn urls_are_taken_apart() {
        let url = parse("https://user@a.example:8443/x%20y?k=a+b&k=c").unwrap();
        assert_eq!(
            (url.scheme.as_str(), url.hostname(), url.port()),
            ("https", "a.example", "8443")
        );
        assert_eq!(url.pairs(), [("k".into(), "a b".into()), ("k".into(), "c".into())]);
        assert_eq!(parse("http://[::1]:80/").unwrap().hostname(), "::1");
        assert_eq!(parse("localhost:5000/x").unwrap().scheme, "localhost");
        for bad in
            ["", "a", "a b", "http://[::1", "http://a:b/", "http://a b/", "http://#x@", "/%zz"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
