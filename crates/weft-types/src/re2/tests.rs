use super::{check, to_rust};

#[test]
fn patterns_of_re2_are_taken() {
    for pattern in [
        "",
        "a*?b*",
        "[*+]+",
        "\\**",
        "(?i)a",
        "(?P<x>a)(?<y>b)",
        "(?:x)",
        "\\(?x",
        "a\\\\<",
        "\\bx",
        "(x|u)R",
        "a{,2}",
        "a{01}",
        "{",
        "a{2",
        "x{1000}",
        "(x{10}){100}",
        "(x{0}){1000}",
        "^*",
        "a(?i)*",
        "a*(?i)*",
        "(?)",
        "(?i-s:a)",
        "[[a]",
        "[a&&b]",
        "[]a]",
        "[^]a]",
        "[a-]",
        "[-a]",
        "[\\d-z]",
        "[[:word:]]",
        "[[:^alpha:]]",
        "\\pN",
        "\\p{Greek}",
        "\\P{^Lu}",
        "\\p{LC}",
        "\\Qa.b",
        "\\Qa\\E*",
        "\\012",
        "\\123",
        "\\x41",
        "\\x{1F600}",
        "\\x{D800}",
        "\\_",
        "\\A\\z",
        "a||b",
        "()",
        "(|a)",
        "\u{e9}",
        "[\\x{D800}-\\x{E000}]",
    ] {
        assert_eq!(check(pattern), Ok(()), "{pattern}");
    }
}

#[test]
fn what_re2_does_not_know_is_refused_with_the_reason() {
    for (pattern, why) in [
        ("a**", "* repeats a repetition"),
        ("a{2}{3}", "{3} repeats a repetition"),
        ("a*??", "? repeats a repetition"),
        ("*", "* has nothing before it to repeat"),
        ("(|+)", "+ has nothing before it to repeat"),
        ("(?i)?", "? has nothing before it to repeat"),
        ("x{1001}", "{1001} is no number of repetitions"),
        ("x{3,2}", "{3,2} is no number of repetitions"),
        ("(x{500}){3}", "{3} makes more than 1000 repetitions"),
        ("(?x) a", "it does not know (?x) a"),
        ("(?i-)", "it does not know (?i-)"),
        ("(?=a)", "it does not know (?=a)"),
        ("(?P=n)", "it does not know (?P=n)"),
        ("(?P<n>a)(?P<n>b)", "two groups have the name n"),
        ("(?P<a-b>c)", "\"a-b\" is no name of a group"),
        ("(a)\\1", "it does not know \\1"),
        ("a\\<b", ""),
        ("\\u0041", "it does not know \\u"),
        ("\\C", "it does not know \\C"),
        ("\\E", "it does not know \\E"),
        ("\\x{110000}", "it does not know \\x"),
        ("\\x4", "it does not know \\x"),
        ("\\", "it ends in a backslash"),
        ("[a", "a set of characters does not end: `]` is missing"),
        ("[]", "a set of characters does not end: `]` is missing"),
        ("[z-a]", "a range of characters ends before it begins"),
        ("[a-\\d]", "it does not know \\d"),
        ("[\\b]", "it does not know \\b"),
        ("[[:foo:]]", "[:foo:] is no set of characters"),
        ("\\p{Klingon}", "\"Klingon\" is no set of characters"),
        ("(a", "a group does not end: `)` is missing"),
        ("a)", "a `)` closes no group"),
    ] {
        match check(pattern) {
            Ok(()) => assert_eq!(why, "", "{pattern} is taken"),
            Err(fault) => assert_eq!(fault.to_string(), why, "{pattern}"),
        }
    }
}

#[test]
fn translations_say_what_re2_means() {
    for (pattern, rust) in [
        ("^/a[.]b$", "\\A/a[\\x{2E}]b\\z"),
        ("(?i)ab|(?m:^)c", "(?i:a)(?i:b)|(?:(?m:^))(?i:c)"),
        ("(?P<n>\\w+)", "((?:[0-9A-Za-z_])+)"),
        ("(?U)a*b*?", "(?:a)*?(?:b)*"),
        ("[[a&&\\D]", "[\\x{5B}\\x{61}\\x{26}\\x{26}[^0-9]]"),
        ("\\Qa*\\E+", "a(?:\\*)+"),
    ] {
        assert_eq!(to_rust(pattern).as_deref(), Ok(rust), "{pattern}");
    }
}

#[test]
fn a_pattern_without_end_is_refused_in_time() {
    assert!(check(&"(".repeat(100_000)).is_err());
    assert!(check(&format!("{}{}", "(".repeat(2000), ")".repeat(2000))).is_err());
    assert!(check(&"a{1000}".repeat(100_000)).is_err());
    assert!(check(&"a".repeat(100_000)).is_ok());
}
