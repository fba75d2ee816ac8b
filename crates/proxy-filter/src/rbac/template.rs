//! Path templates: `{*}` stands for one segment, `{**}` for one or more, which may be empty: `/a/{**}` takes `/a/`, but not `/a`.
//! In: a template, a path. Out: whether it matches. Source of the semantics: Istio's AuthorizationPolicy `paths`.

pub(super) fn matches(template: &str, path: &str) -> bool {
    let wanted: Vec<&str> = template.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    segments(&wanted, &given)
}

/// Walks both once; at a mismatch the last `{**}` takes one segment more. An earlier one need never grow again, so that
/// a path costs at most segments times segments, however many `{**}` a template has.
fn segments(wanted: &[&str], given: &[&str]) -> bool {
    let (mut at, mut path) = (0, 0);
    let mut rest: Option<(usize, usize)> = None;
    loop {
        match (wanted.get(at), given.get(path)) {
            (Some(&"{**}"), Some(_)) => {
                (at, path) = (at + 1, path + 1);
                rest = Some((at, path));
            }
            (None, None) => return true,
            (Some(_), None) => return false,
            (Some(text), Some(segment)) if one(text, segment) => (at, path) = (at + 1, path + 1),
            (_, Some(_)) => {
                let Some((after, from)) = rest else { return false };
                (at, path) = (after, from + 1);
                rest = Some((at, path));
            }
        }
    }
}

fn one(text: &str, segment: &str) -> bool {
    if text == "{*}" { !segment.is_empty() } else { text == segment }
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
            ("/a/{**}", "/a/", true),
            ("/a/{**}", "/a", false),
            ("/a/{**}/z", "/a/z", false),
            ("/a/{**}/", "/a//", true),
            ("/a/{**}/", "/a/b", false),
            ("/{**}/x/{**}/y", "/1/x/2/x/3/y", true),
            ("/{**}/x/{**}/y", "/1/x/2/x/3/z", false),
            ("/{**}/x/{*}/y", "/x/1/z/x/2/y", true),
        ];
        for (template, path, expected) in cases {
            assert_eq!(matches(template, path), expected, "{template} {path}");
        }
    }

    #[test]
    fn many_rests_cost_no_more_than_a_walk() {
        let template = "/{**}/a".repeat(40) + "/b";
        let path = "/a".repeat(4000);
        assert!(!matches(&template, &path));
        assert!(matches(&template, &(path + "/b")));
    }
}
