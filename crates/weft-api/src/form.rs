//! Forms of texts: names, hosts, durations and the like.
//!
//! In: a text. Out: whether it has the form. Holds: the pattern for API servers and the code say the same; a test compares them.
//! Why code and not the pattern: a room of words carries no engine for patterns.

/// The form of a text: a pattern for API servers, and the same as code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The name of a header field, as Istio allows it.
    HeaderName,
    /// The name of a header field, as HTTP allows it.
    FieldName,
    /// An API group, or nothing for the core group.
    ApiGroup,
    /// The kind of an object.
    KindName,
    /// A SHA-256 in hexadecimal, or nothing.
    Sha256,
    /// Labels with dots between them.
    Subdomain,
    /// Labels with dots between them, perhaps after `*.`.
    Hostname,
    /// One label: the name of a namespace.
    Label,
    /// A domain and a path: who acts on an object.
    DomainPath,
    /// Up to four numbers of at most five digits with `h`, `m`, `s` or `ms`.
    ShortDuration,
    /// A number of minutes or seconds, perhaps with more behind it.
    Interval,
    /// What kind of address a gateway has.
    AddressType,
    /// What a listener speaks.
    Protocol,
    /// Where a page of a browser is from.
    Origin,
    /// A URI with a scheme and an authority.
    AbsoluteUri,
    /// What may stand in the path of a URL.
    PathText,
}

impl Form {
    /// As a regular expression.
    #[must_use]
    pub const fn pattern(self) -> &'static str {
        match self {
            Self::HeaderName => "^[-_A-Za-z0-9]+$",
            Self::FieldName => r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$",
            Self::ApiGroup => {
                r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
            }
            Self::KindName => "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
            Self::Sha256 => "^$|^[a-f0-9]{64}$",
            Self::Subdomain => r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            Self::Hostname => {
                r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
            }
            Self::Label => "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            Self::DomainPath => {
                r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$"
            }
            Self::ShortDuration => "^([0-9]{1,5}(h|m|s|ms)){1,4}$",
            Self::Interval => "^[0-9]+(m|s)",
            Self::AddressType => {
                r"^(Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+)$"
            }
            Self::Protocol => {
                r"^([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9]+)$"
            }
            Self::Origin => {
                r"^(\*|https?://(\*|(\*\.)?([a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+)(:[0-9]{1,5})?)$"
            }
            Self::AbsoluteUri => "^[^:/?#]+://",
            Self::PathText => "^([-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$",
        }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::HeaderName => "letters, digits, - and _",
            Self::FieldName => "the name of a header field, such as x-user",
            Self::ApiGroup => "an API group such as gateway.networking.k8s.io",
            Self::KindName => "a kind such as Gateway",
            Self::Sha256 => "64 hexadecimal digits in lower case",
            Self::Subdomain => "a name of a-z, 0-9, - and dots, such as web.example.com",
            Self::Hostname => "a host such as web.example.com or *.example.com, in lower case",
            Self::Label => "a name of a-z, 0-9 and -",
            Self::DomainPath => "DOMAIN/PATH such as istio.io/gateway-controller",
            Self::ShortDuration => "a duration such as 10s, 1m30s or 250ms, without fractions",
            Self::Interval => "a number of minutes or seconds, such as 1m or 30s",
            Self::AddressType => "IPAddress, Hostname, or DOMAIN/PATH",
            Self::Protocol => "HTTP, HTTPS, TLS, TCP or UDP",
            Self::Origin => "SCHEME://HOST or SCHEME://HOST:PORT with http or https, or *",
            Self::AbsoluteUri => "a URI such as spiffe://cluster.local/ns/shop/sa/web",
            Self::PathText => "letters, digits, -._~!$&'()*+,;=:@/ and %XX",
        }
    }

    /// Whether a text has this form.
    #[must_use]
    pub fn fits(self, text: &str) -> bool {
        match self {
            Self::HeaderName => each(text, |b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
            Self::FieldName => {
                each(text, |b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
            }
            Self::ApiGroup => text.is_empty() || subdomain(text),
            Self::KindName => text.starts_with(|c: char| c.is_ascii_alphabetic()) && word(text),
            Self::Sha256 => text.is_empty() || text.len() == 64 && each(text, is_hex),
            Self::Subdomain => subdomain(text),
            Self::Hostname => subdomain(text.strip_prefix("*.").unwrap_or(text)),
            Self::Label => label(text),
            Self::DomainPath => domain_path(text),
            Self::ShortDuration => short_duration(text),
            Self::Interval => {
                let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
                unit.len() < text.len() && unit.starts_with(['m', 's'])
            }
            Self::AddressType => {
                matches!(text, "Hostname" | "IPAddress" | "NamedAddress") || domain_path(text)
            }
            Self::Protocol => word(text) || protocol(text),
            Self::Origin => text == "*" || origin(text),
            Self::AbsoluteUri => absolute_uri(text),
            Self::PathText => path_text(text),
        }
    }
}

fn each(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')
}

fn framed(text: &str, inner: impl Fn(u8) -> bool, edge: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    bytes.iter().all(|b| inner(*b)) && ends.iter().all(|end| end.is_some_and(|b| edge(*b)))
}

fn label(text: &str) -> bool {
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    framed(text, |b| lower(b) || b == b'-', lower)
}

fn word(text: &str) -> bool {
    framed(text, |b| b.is_ascii_alphanumeric() || b == b'-', |b| b.is_ascii_alphanumeric())
}

fn subdomain(text: &str) -> bool {
    text.split('.').all(label)
}

fn domain_path(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b);
    text.split_once('/').is_some_and(|(domain, path)| subdomain(domain) && each(path, allowed))
}

fn protocol(text: &str) -> bool {
    let Some((domain, name)) = text.split_once('/') else { return false };
    subdomain(domain) && each(name, |b| b.is_ascii_alphanumeric())
}

fn short_duration(text: &str) -> bool {
    let (mut rest, mut parts) = (text, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (_, unit) = rest.split_at(digits);
        let after = ["ms", "h", "m", "s"].iter().find_map(|name| unit.strip_prefix(name));
        let Some(after) = after.filter(|_| (1..=5).contains(&digits)) else { return false };
        (rest, parts) = (after, parts + 1);
    }
    (1..=4).contains(&parts)
}

fn origin(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let Some(rest) = rest else { return false };
    let (host, port) = rest.split_once(':').unwrap_or((rest, "1"));
    let part = |part: &str| each(part, |b| b.is_ascii_alphanumeric() || b == b'-');
    let named = host.strip_prefix("*.").unwrap_or(host).split('.').all(part);
    (host == "*" || named) && port.len() <= 5 && each(port, |b| b.is_ascii_digit())
}

fn absolute_uri(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !scheme.is_empty() && !scheme.contains([':', '/', '?', '#']))
}

fn path_text(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@".contains(&b);
    let (first, escapes) = match text.split_once('%') {
        Some((first, rest)) => (first, rest.split('%').collect()),
        None => (text, Vec::new()),
    };
    let escaped = |part: &&str| {
        let (digits, rest) = part.as_bytes().split_at(part.len().min(2));
        digits.len() == 2
            && digits.iter().all(u8::is_ascii_hexdigit)
            && rest.iter().all(|b| plain(*b))
    };
    !text.is_empty() && first.bytes().all(plain) && escapes.iter().all(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMS: [Form; 16] = [
        Form::HeaderName,
        Form::FieldName,
        Form::ApiGroup,
        Form::KindName,
        Form::Sha256,
        Form::Subdomain,
        Form::Hostname,
        Form::Label,
        Form::DomainPath,
        Form::ShortDuration,
        Form::Interval,
        Form::AddressType,
        Form::Protocol,
        Form::Origin,
        Form::AbsoluteUri,
        Form::PathText,
    ];
    const TEXTS: &[&str] = &[
        "",
        "a",
        "A",
        "a.b",
        "a..b",
        "-a",
        "a-",
        "a-b.c",
        "Gateway",
        "1a",
        "x_y",
        "é",
        "*.a.b",
        "*a",
        "*",
        "a/b",
        "a.b/c/d~",
        "a/",
        "/a",
        "a/é",
        "1s",
        "1h2m3s4ms",
        "1h2m3s4ms5s",
        "123456s",
        "1.5s",
        "s",
        "10",
        "10us",
        "IPAddress",
        "Hostname",
        "HTTP",
        "http-",
        "a.b/Proto",
        "a.b/pro-to",
        "http://a",
        "https://*.a.b:80",
        "https://*",
        "http://a:",
        "http://a:123456",
        "ftp://a",
        "http://a.*",
        "http://",
        "spiffe://a/b",
        "://a",
        "a:b://c",
        "/a%2f",
        "/a%2",
        "/a%zz",
        "/a b",
        "/a?b",
        "%41",
        "a`|~!#$&'*+^",
        "http://a/b",
        "x{",
        "http://a:8a",
    ];

    #[test]
    fn a_form_and_its_pattern_say_the_same() {
        let digest = "0123456789abcdef".repeat(4);
        for form in FORMS {
            let pattern = regex::Regex::new(form.pattern()).unwrap();
            for text in TEXTS.iter().copied().chain([digest.as_str()]) {
                assert_eq!(form.fits(text), pattern.is_match(text), "{form:?} {text:?}");
            }
        }
    }

    #[test]
    fn what_a_form_says_in_words_names_texts_that_fit() {
        for (form, text) in [
            (Form::FieldName, "x-user"),
            (Form::DomainPath, "istio.io/gateway-controller"),
            (Form::ShortDuration, "1m30s"),
            (Form::AbsoluteUri, "spiffe://cluster.local/ns/shop/sa/web"),
        ] {
            assert!(form.fits(text) && form.words().contains(text), "{form:?}");
        }
    }
}
