//! Where a call goes, as people write it: `HOST:PORT`, or what they have in their browser.
//! In: a text. Out: its parts. Holds: what a URL says of port, path and TLS counts; what cannot be meant is told.

use crate::Unclear;

/// The parts of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) host: String,
    pub(super) port: u16,
    /// Of a URL that has more than a host.
    pub(super) path: Option<String>,
    /// `https`.
    pub(super) tls: bool,
}

impl Destination {
    pub(super) fn read(to: &str) -> Result<Self, Unclear> {
        let Some((scheme, rest)) = to.split_once("://") else {
            let (host, port) = host_and_port(to, None)?;
            return Ok(Self { host, port, path: None, tls: false });
        };
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => {
                let what = format!("{to:?} begins with neither http:// nor https://");
                return Err(Unclear::new(what, "write https://HOST/PATH, or HOST:PORT"));
            }
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            let what = format!("{to:?} has a name before its host");
            return Err(Unclear::new(what, "leave it out, and say it with -H 'authorization: …'"));
        }
        let (host, port) = host_and_port(authority, Some(if tls { 443 } else { 80 }))?;
        let path = match path {
            "" => None,
            query if query.starts_with('?') => Some(format!("/{query}")),
            path => Some(path.to_owned()),
        };
        Ok(Self { host, port, path, tls })
    }
}

/// Host and port; of an address of version 6 the host stands in brackets.
fn host_and_port(to: &str, usual: Option<u16>) -> Result<(String, u16), Unclear> {
    let wrong = || {
        let fix = "write HOST:PORT, such as web:8080, or https://HOST/PATH";
        Unclear::new(format!("{to:?} is no destination"), fix)
    };
    let bare = !to.contains(':') || to.ends_with(']');
    let (host, port) = match usual.filter(|_| bare) {
        Some(usual) => (to, usual),
        None => {
            let (host, port) = to.rsplit_once(':').ok_or_else(wrong)?;
            (host, port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong)?)
        }
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() { Err(wrong()) } else { Ok((host.to_owned(), port)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_port_path_and_tls() {
        let read = |to: &str| {
            let Destination { host, port, path, tls } = Destination::read(to).unwrap();
            (host, port, path.unwrap_or_default(), tls)
        };
        let expected =
            |host: &str, port: u16, path: &str, tls| (host.to_owned(), port, path.to_owned(), tls);
        assert_eq!(read("web:80"), expected("web", 80, "", false));
        assert_eq!(read("https://a.example"), expected("a.example", 443, "", true));
        assert_eq!(
            read("HTTPS://a.example:8443/x?y=1#z"),
            expected("a.example", 8443, "/x?y=1", true)
        );
        assert_eq!(read("http://a.example?q"), expected("a.example", 80, "/?q", false));
        assert_eq!(read("https://[::1]/"), expected("::1", 443, "/", true));
        assert_eq!(read("https://[::1]:1/"), expected("::1", 1, "/", true));
    }

    #[test]
    fn what_is_no_destination_is_told() {
        for wrong in
            ["web", "web:0", ":80", "ftp://a/", "https:///x", "https://u@a/", "https://a:x/"]
        {
            let told = Destination::read(wrong).unwrap_err();
            assert!(!told.fix.is_empty() && told.what.starts_with('"'), "{wrong}: {told}");
        }
    }
}
