//! Path templates: `{*}` stands for one segment, `{**}` for any rest, also none.
//! In: a template, a path. Out: whether it matches. Source of the semantics: Istio's AuthorizationPolicy `paths`.

pub(super) fn matches(template: &str, path: &str) -> bool {
    let wanted: Vec<&str> = template.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    segments(&wanted, &given)
}

fn segments(wanted: &[&str], given: &[&str]) -> bool {
    match (wanted.split_first(), given.split_first()) {
        (None, None) => true,
        (Some((&"{**}", rest)), _) => (0..=given.len()).any(|n| segments(rest, &given[n..])),
        (Some((&"{*}", rest)), Some((segment, others))) => {
            !segment.is_empty() && segments(rest, others)
        }
        (Some((text, rest)), Some((segment, others))) => text == segment && segments(rest, others),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_segment_or_any_rest() {
        let cases = [
            ("/a/{*}/c", "/a/b/c", true),
            ("/a/{*}/c", "/a/b/b/c", false),
            ("/a/{*}", "/a/", false),
            ("/a/{**}", "/a/b/c", true),
            ("/a/{**}/z", "/a/b/c/z", true),
            ("/a/{**}/z", "/a/b/c", false),
            ("/a", "/a", true),
        ];
        for (template, path, expected) in cases {
            assert_eq!(matches(template, path), expected, "{template} {path}");
        }
    }
}
