//! Text and field matchers.
//! In: Envoy's matchers. Out: ours. Holds: a pattern matches whole texts, as Envoy's do.

use proxy_config::matcher::StringMatcher;
use proxy_config::pieces::Pieces;
use proxy_config::route::{HeaderMatch, HeaderValueMatch, QueryMatch};
use regex::{Regex, RegexBuilder};
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::r#type::matcher::v3 as wire;
use weft_types::re2;

use crate::Lowered;
use crate::known::{Rejected, only};

/// Largest compiled pattern, in bytes.
const LARGEST: usize = 32 << 20;
/// Deepest nesting, which is what RE2's syntax allows and our groups around its pieces.
const DEEPEST: u32 = 2_100;

/// Compiles a pattern of RE2 for searching.
pub(crate) fn search(pattern: &str) -> Lowered<Regex> {
    compile(pattern, |pattern| pattern)
}

/// Compiles a pattern of RE2 for whole texts.
pub(crate) fn whole(pattern: &str) -> Lowered<Regex> {
    compile(pattern, |pattern| format!("^(?:{pattern})$"))
}

fn compile(pattern: &str, around: fn(String) -> String) -> Lowered<Regex> {
    let refuse = |error: &dyn std::fmt::Display| {
        Rejected::new("regex", format!("{pattern:?} is no RE2 pattern: {error}"))
    };
    let translated = re2::to_rust(pattern).map_err(|fault| refuse(&fault))?;
    let mut builder = RegexBuilder::new(&around(translated));
    builder.size_limit(LARGEST).nest_limit(DEEPEST);
    builder.build().map_err(|error| refuse(&error))
}

fn pattern_of(pattern: &str) -> Lowered<StringMatcher> {
    Pieces::of(pattern)
        .map(StringMatcher::Pieces)
        .map_or_else(|| whole(pattern).map(StringMatcher::Regex), Ok)
}

pub(crate) fn text(matcher: &wire::StringMatcher) -> Lowered<StringMatcher> {
    use wire::string_matcher::MatchPattern as Pattern;
    let found = match matcher.match_pattern.as_ref() {
        Some(Pattern::Exact(text)) => StringMatcher::Exact(text.as_str().into()),
        Some(Pattern::Prefix(text)) => StringMatcher::Prefix(text.as_str().into()),
        Some(Pattern::Suffix(text)) => StringMatcher::Suffix(text.as_str().into()),
        Some(Pattern::Contains(text)) => StringMatcher::Contains(text.as_str().into()),
        Some(Pattern::SafeRegex(pattern)) => {
            return pattern_of(&pattern.regex);
        }
        Some(Pattern::Custom(_)) | None => {
            return Err(Rejected::new(
                "match_pattern",
                "is missing or of a kind that is not known",
            ));
        }
    };
    Ok(if matcher.ignore_case { StringMatcher::IgnoreCase(Box::new(found)) } else { found })
}

pub(crate) fn header(matcher: &route::HeaderMatcher) -> Lowered<HeaderMatch> {
    use route::header_matcher::HeaderMatchSpecifier as Specifier;
    let lowered = |value: Lowered<HeaderValueMatch>| value.map_err(|e| e.within(&matcher.name));
    #[expect(deprecated, reason = "older control planes still send these forms")]
    let value = match matcher.header_match_specifier.as_ref() {
        None | Some(Specifier::PresentMatch(true)) => HeaderValueMatch::Present,
        Some(Specifier::PresentMatch(false)) => HeaderValueMatch::Absent,
        Some(Specifier::StringMatch(inner)) => lowered(text(inner).map(HeaderValueMatch::Text))?,
        Some(Specifier::RangeMatch(range)) => HeaderValueMatch::Range(range.start, range.end),
        Some(Specifier::ExactMatch(t)) => {
            HeaderValueMatch::Text(StringMatcher::Exact(t.as_str().into()))
        }
        Some(Specifier::PrefixMatch(t)) => {
            HeaderValueMatch::Text(StringMatcher::Prefix(t.as_str().into()))
        }
        Some(Specifier::SuffixMatch(t)) => {
            HeaderValueMatch::Text(StringMatcher::Suffix(t.as_str().into()))
        }
        Some(Specifier::ContainsMatch(t)) => {
            HeaderValueMatch::Text(StringMatcher::Contains(t.as_str().into()))
        }
        Some(Specifier::SafeRegexMatch(pattern)) => {
            lowered(pattern_of(&pattern.regex).map(HeaderValueMatch::Text))?
        }
    };
    Ok(HeaderMatch {
        name: matcher.name.to_ascii_lowercase().into(),
        value,
        invert: matcher.invert_match,
        missing_is_empty: matcher.treat_missing_header_as_empty,
    })
}

pub(crate) fn query(matcher: &route::QueryParameterMatcher) -> Lowered<QueryMatch> {
    use route::query_parameter_matcher::QueryParameterMatchSpecifier as Specifier;
    let value = match matcher.query_parameter_match_specifier.as_ref() {
        Some(Specifier::StringMatch(inner)) => {
            Some(text(inner).map_err(|e| e.within(&matcher.name))?)
        }
        Some(Specifier::PresentMatch(true)) | None => None,
        Some(Specifier::PresentMatch(false)) => {
            return Err(Rejected::new("present_match", "false is not supported"));
        }
    };
    Ok(QueryMatch { name: matcher.name.as_str().into(), value })
}

/// A path matcher.
pub(crate) fn path(matcher: &wire::PathMatcher) -> Lowered<StringMatcher> {
    only!(matcher, rule)?;
    match matcher.rule.as_ref() {
        Some(wire::path_matcher::Rule::Path(inner)) => text(inner),
        None => Err(Rejected::new("rule", "is missing")),
    }
}
