//! Tokens of a request: where they stand.
//!
//! In: places, a request. Out: texts that may be tokens; nothing is believed of them.
//! Holds: whatever stands at a place counts, also the second of a name. Why more than Envoy, which takes the first parameter and
//! the first cookie of a name: an application may read the other.

use proxy_config::RequestFacts;
use proxy_config::facts::parameters;
use proxy_config::tokens::Place;

/// A text at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown<'a> {
    pub(super) place: &'a Place,
    pub(super) text: String,
}

/// All of them, in the order of places and then of the request.
pub(super) fn shown<'a>(places: &'a [Place], request: &dyn RequestFacts) -> Vec<Shown<'a>> {
    let at = |place: &'a Place| {
        let texts = texts(place, request);
        texts.into_iter().map(move |text| Shown { place, text })
    };
    places.iter().flat_map(at).collect()
}

fn texts(place: &Place, request: &dyn RequestFacts) -> Vec<String> {
    match place {
        Place::Header { name, prefix } => {
            let values = request.values(name);
            values.iter().filter_map(|value| behind(value, prefix)).map(str::to_owned).collect()
        }
        Place::Param(wanted) => {
            let found = parameters(request.query()).filter(|(name, _)| *name == **wanted);
            found.map(|(_, value)| value.into_owned()).collect()
        }
        Place::Cookie(wanted) => {
            let lines = request.values("cookie");
            let crumbs = lines.iter().flat_map(|line| line.split([';', ',']));
            let pairs = crumbs.filter_map(|crumb| crumb.split_once('='));
            let found = pairs.filter(|(name, _)| name.trim() == &**wanted);
            found.map(|(_, value)| value.trim().trim_matches('"').to_owned()).collect()
        }
    }
}

/// What stands behind a prefix, which may itself stand behind other words; nothing where there is no prefix. A prefix with nothing
/// that could be a token behind it is no token, but not a missing one.
fn behind<'v>(value: &'v str, prefix: &str) -> Option<&'v str> {
    if prefix.is_empty() {
        return Some(value);
    }
    let (_, rest) = value.split_once(prefix)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    Some(rest.find(plain).and_then(|at| rest.get(at..)).unwrap_or(value))
}

/// A path and query without the parameters of a name; the others stay as they were written.
#[must_use]
pub fn without_parameter(path: &str, wanted: &str) -> String {
    let (rest, fragment) = path.split_once('#').map_or((path, None), |(a, b)| (a, Some(b)));
    let Some((bare, query)) = rest.split_once('?') else { return path.to_owned() };
    let named = |pair: &str| parameters(pair).any(|(name, _)| name == wanted);
    let kept: Vec<&str> = query.split('&').filter(|pair| !named(pair)).collect();
    let mut out = bare.to_owned();
    if !kept.is_empty() {
        out.push('?');
        out.push_str(&kept.join("&"));
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}
