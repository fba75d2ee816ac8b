//! Paths in one form, so that routes and policies see what the server will.
//!
//! In: a path with query. Out: the same path normalised, or a refusal.
//! Holds: normalising twice changes nothing; the query is never touched; the result begins with `/`.
//! Source of the semantics: Envoy's `normalize_path`, `merge_slashes`, `path_with_escaped_slashes_action`; RFC 3986. Where
//! it differs: dots with a path parameter (`..;a`) are refused.

use std::borrow::Cow;

use proxy_config::http::EscapedSlashes;

/// What became of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Normal<'a> {
    /// Go on with this one.
    Path(Cow<'a, str>),
    /// Send the client to this one.
    Redirect(String),
    /// Answer 400.
    Refused,
}

/// How paths are normalised.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Resolve `.` and `..`, decode unreserved characters, escape what no URL has, `\` counts as `/`, refuse `%00` and `..;`.
    pub normalize: bool,
    /// `//` counts as `/`.
    pub merge_slashes: bool,
    /// `%2F` and `%5C`.
    pub escaped_slashes: EscapedSlashes,
}

/// Normalises.
#[must_use]
pub fn normalize(path: &str, options: Options) -> Normal<'_> {
    if !path.starts_with('/') || is_plain(path) {
        return Normal::Path(Cow::Borrowed(path));
    }
    // A client keeps the fragment to itself; a server that takes it for part of the path sees another one than we.
    if path.contains('#') {
        return Normal::Refused;
    }
    let end = path.find('?').unwrap_or(path.len());
    let (bare, rest) = path.split_at(end);
    if options.normalize && bare.contains("%00") {
        return Normal::Refused;
    }
    let (bare, unescaped) = match escaped(bare, options.escaped_slashes) {
        Some(found) => found,
        None => return Normal::Refused,
    };
    let mut fresh = bare;
    if options.normalize {
        let plain = escape(&decode_unreserved(&fresh.replace('\\', "/")));
        // Servers with path parameters take `..;a` for `..`; to others it is a name.
        if plain.split('/').any(parameterised_dots) {
            return Normal::Refused;
        }
        fresh = Cow::Owned(resolve(&plain));
    }
    if options.merge_slashes && fresh.contains("//") {
        fresh = Cow::Owned(merge(&fresh));
    }
    if unescaped && options.escaped_slashes == EscapedSlashes::UnescapeAndRedirect {
        return Normal::Redirect(format!("{fresh}{rest}"));
    }
    if fresh == path[..end] {
        return Normal::Path(Cow::Borrowed(path));
    }
    Normal::Path(Cow::Owned(format!("{fresh}{rest}")))
}

fn parameterised_dots(segment: &str) -> bool {
    segment.split_once(';').is_some_and(|(name, _)| [".", ".."].contains(&name))
}

/// Has nothing that any option would change or refuse: so it is with most paths, and one look at their bytes is enough.
fn is_plain(path: &str) -> bool {
    let mut last = 0;
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'?' => return !path.as_bytes()[at..].contains(&b'#'),
            b'%' | b'\\' | b'#' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                return false;
            }
            b'/' | b'.' if last == b'/' => return false,
            _ => last = byte,
        }
    }
    true
}

/// The path with escaped slashes treated, and whether there were any; `None` when they are refused.
fn escaped(path: &str, action: EscapedSlashes) -> Option<(Cow<'_, str>, bool)> {
    let has = path
        .as_bytes()
        .windows(3)
        .any(|w| matches!(w, [b'%', b'2', b'f' | b'F'] | [b'%', b'5', b'c' | b'C']));
    match action {
        _ if !has => Some((Cow::Borrowed(path), false)),
        EscapedSlashes::Keep => Some((Cow::Borrowed(path), true)),
        EscapedSlashes::Reject => None,
        EscapedSlashes::UnescapeAndRedirect | EscapedSlashes::UnescapeAndForward => {
            let slashes = path.replace("%2f", "/").replace("%2F", "/");
            Some((Cow::Owned(slashes.replace("%5c", "\\").replace("%5C", "\\")), true))
        }
    }
}

fn decode_unreserved(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(char::from(byte));
                rest = &rest[at + 3..];
            }
            _ => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

/// Characters that no URL has as they are, in the one form that they have in all of them.
fn escape(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            '"' => out.push_str("%22"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '^' => out.push_str("%5E"),
            '`' => out.push_str("%60"),
            '{' => out.push_str("%7B"),
            '|' => out.push_str("%7C"),
            '}' => out.push_str("%7D"),
            other => out.push(other),
        }
    }
    out
}

fn resolve(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop();
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn merge(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Options = Options {
        normalize: true,
        merge_slashes: true,
        escaped_slashes: EscapedSlashes::UnescapeAndForward,
    };

    #[track_caller]
    fn check(path: &str, options: Options, expected: &str) {
        assert_eq!(normalize(path, options), Normal::Path(Cow::Borrowed(expected)), "{path}");
    }

    #[test]
    fn games_with_slashes_and_dots_end_in_one_form() {
        let normal = Options { normalize: true, ..Options::default() };
        check("/a/./b/../c?x=/../y", normal, "/a/c?x=/../y");
        check("/../../etc", normal, "/etc");
        check("/{a}|^`\"<>?{", normal, "/%7Ba%7D%7C%5E%60%22%3C%3E?{");
        for odd in ["/a#b", "/a?b#c", "/a%00", "/a/..;/b", "/a/%2e.;x=y", "/.;", "/a\\..;"] {
            assert_eq!(normalize(odd, normal), Normal::Refused, "{odd}");
        }
        check("/a/..", normal, "/");
        check("/a;b/..c;/;?..;", normal, "/a;b/..c;/;?..;");
        check("/a\\b", normal, "/a/b");
        check("/%61dmin/%2e%2e/x", normal, "/x");
        check("/a%2fb", normal, "/a%2fb");
        check("/a//b", normal, "/a//b");
        check("//a%2F%2e./admin", ALL, "/admin");
        check("/a/%5C../admin", ALL, "/a/admin");
        let reject = Options { escaped_slashes: EscapedSlashes::Reject, ..normal };
        assert_eq!(normalize("/a%2fb", reject), Normal::Refused);
    }

    proptest! {
        #[test]
        fn a_plain_path_is_one_that_nothing_changes(path in "/[a-c./%2e\"?#{\\\\]{0,12}") {
            let (bare, rest) = path.split_at(path.find('?').unwrap_or(path.len()));
            let same = merge(&resolve(&escape(&decode_unreserved(bare)))) == bare;
            prop_assert!(!is_plain(&path) || same && !bare.contains(['%', '\\']) && !rest.contains('#'));
        }

        #[test]
        fn normalising_twice_changes_nothing(path in "/[a-c./%2eE5cf{\\\\]{0,24}") {
            let Normal::Path(once) = normalize(&path, ALL) else { return Ok(()) };
            let Normal::Path(twice) = normalize(&once, ALL) else { return Ok(()) };
            prop_assert!(once.starts_with('/'));
            prop_assert!(!once.contains("/../") && !once.ends_with("/..") && !once.contains("//"));
            prop_assert_eq!(&once, &twice);
        }
    }
}
