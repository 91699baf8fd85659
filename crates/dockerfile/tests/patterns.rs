//! Ignore patterns, against the rules and against a second, naive matcher.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use dockerfile::{IncludeList, Inclusion, PatternList, Verdict, clean, parents_pivot, wildcard_match};
use fault::Fault;
use proptest::prelude::*;

fn matches(pattern: &str, path: &str) -> bool {
    PatternList::new([pattern]).unwrap().matches(path)
}

#[test]
fn item_73_patterns() {
    // From the table of moby/patternmatcher's own tests.
    for (pattern, path, expected) in [
        ("**", "file", true),
        ("**", "a/file", true),
        ("**/", "file", true),
        ("**/**", "dir/file", true),
        ("dir/**", "dir/file", true),
        ("dir/**", "dir/dir2/file", true),
        ("dir/**", "dir", false),
        ("**/dir", "dir", true),
        ("**/dir", "dir/file", true),
        ("**/dir2/*", "dir/dir2/file", true),
        ("**/dir2/*", "dir/dir2/dir2/file", true),
        ("**/dir2/**", "dir/dir2/dir2/file", true),
        ("**file", "file", true),
        ("**file", "dir/file", true),
        ("**/file", "dir/dir/file", true),
        ("**/file*", "dir/dir/file.txt", true),
        ("**/file*txt", "dir/dir/file.txt", true),
        ("**/file*.txt*", "dir/dir/file.txt", true),
        ("**/*.txt", "file.txt", true),
        ("**/*.txt", "file.text", false),
        ("**/**/*.txt", "dir/dir/file.txt", true),
        ("a**/*.txt", "a/file.txt", true),
        ("a**/*.txt", "a/dir/dir/file.txt", true),
        ("a/*.txt", "a/file.txt", true),
        ("a/*.txt", "a/dir/file.txt", false),
        ("a/*.txt**", "a/file.txt", true),
        ("a[b-d]e", "ae", false),
        ("a[b-d]e", "ace", true),
        ("a[^b-d]e", "aze", true),
        (".*", ".foo", true),
        (".*", "foo", false),
        ("abc.def", "abcXdef", false),
        ("abc?def", "abcZdef", true),
        ("a\\\\", "a\\", true),
        ("a\\b", "ab", true),
        ("**/foo/bar", "dir/foo/bar", true),
        ("abc/**", "abc/def/ghi", true),
        ("**/.foo", ".foo", true),
        ("**/.foo", "bar.foo", false),
        ("a(b)c/def", "a(b)c/def", true),
        ("*", "a/b", true),
        ("a/../b", "b", true),
        ("b/", "b/c", true),
    ] {
        assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
    }
}

#[test]
fn item_73_files_of_patterns() {
    let list = PatternList::read("\u{feff}# comment\n  /a/b  \n\n # no comment\n!/c\r\n./d/\n").unwrap();
    for (path, expected) in [("a/b", true), ("a/b/c", true), ("a", false), ("# no comment", true), ("c", false), ("d/e", true)] {
        assert_eq!(list.matches(path), expected, "{path}");
    }
    let error = PatternList::read("a\n[\n").unwrap_err();
    assert_eq!((error.to_string(), error.line), ("line 2: syntax error in pattern \"[\"".to_owned(), Some(2)));
    let error = PatternList::read("!\n").unwrap_err();
    assert_eq!(error.to_string(), "line 1: illegal exclusion pattern: \"!\"");
    assert!(error.hint().is_some());
    assert!(PatternList::read("").unwrap().is_empty());
}

#[test]
fn item_73_74_the_last_match_wins_and_folders_are_entered() {
    let list = PatternList::read("*\n!keep\n!src/*/x\nkeep/not\n").unwrap();
    for (path, expected) in [
        ("other", Verdict::Excluded),
        ("keep", Verdict::Included),
        ("keep/a", Verdict::Included),
        ("keep/not", Verdict::Excluded),
        ("src", Verdict::ExcludedButDescend),
        ("src/a", Verdict::ExcludedButDescend),
        ("src/a/x", Verdict::Included),
        ("src/a/y", Verdict::Excluded),
        ("src/a/y/z", Verdict::Excluded),
    ] {
        assert_eq!(list.verdict(path), expected, "{path}");
    }
    assert_eq!(PatternList::new(["!keep", "*"]).unwrap().verdict("keep"), Verdict::Excluded, "order counts");
    assert_eq!(PatternList::new(["*", "!**/x"]).unwrap().verdict("deep"), Verdict::ExcludedButDescend);
}

#[test]
fn item_56_exclude_is_relative_to_what_is_copied() {
    assert!(!matches("*.txt", "d/b.txt") && matches("**/*.txt", "d/b.txt"));
    let list = PatternList::new(["*.txt", "!keep.txt"]).unwrap();
    assert!(list.matches("a.txt") && !list.matches("keep.txt"));
}

#[test]
fn item_55_parents_are_patterns_of_what_is_taken() {
    let decide = |pattern: &str, path: &str| IncludeList::new([pattern]).unwrap().decide(path);
    assert_eq!(decide("a/*/c", "a"), Inclusion::Descend);
    assert_eq!(decide("a/*/c", "a/b"), Inclusion::Descend);
    assert_eq!(decide("a/*/c", "a/b/c"), Inclusion::Included);
    assert_eq!(decide("a/*/c", "a/b/c/d"), Inclusion::Included);
    assert_eq!(decide("a/*/c", "a/b/d"), Inclusion::Nothing);
    assert_eq!(decide("**/x", "any"), Inclusion::Descend);
    assert_eq!(decide("./", "any"), Inclusion::Included);
    assert!(IncludeList::new(["["]).is_err());
    assert_eq!(parents_pivot("a/./b/./c"), ("a".to_owned(), "b/c".to_owned()));
    assert_eq!(parents_pivot("../a/b"), (String::new(), "a/b".to_owned()));
}

#[test]
fn paths_are_cleaned_as_go_does() {
    for (path, expected) in
        [("", "."), ("/", "/"), ("a//b/./c/..", "a/b"), ("../a", "../a"), ("/../a/", "/a"), ("a/..", "."), ("a/../..", "..")]
    {
        assert_eq!(clean(path), expected, "{path}");
    }
}

/// A matcher that tries everything, for patterns of letters, `*`, `?`, and `**` as whole parts.
fn naive(pattern: &str, path: &str) -> bool {
    fn parts(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern, path) {
            ([], []) => true,
            ([], _) => false,
            // At the end it needs something to stand for.
            (["**"], rest) => !rest.is_empty(),
            (["**", after @ ..], rest) => (0..=rest.len()).any(|skipped| parts(after, &rest[skipped..])),
            (_, []) => false,
            ([first, after @ ..], [name, rest @ ..]) => part(&chars(first), &chars(name)) && parts(after, rest),
        }
    }
    fn part(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], name) => name.is_empty(),
            (['*', after @ ..], name) => (0..=name.len()).any(|skipped| part(after, &name[skipped..])),
            (['?', after @ ..], [_, rest @ ..]) => part(after, rest),
            ([letter, after @ ..], [first, rest @ ..]) => letter == first && part(after, rest),
            _ => false,
        }
    }
    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    (1..=path.len()).any(|length| parts(&pattern, &path[..length]))
}

fn naive_list(patterns: &[(bool, String)], path: &str) -> bool {
    patterns.iter().rev().find(|(_, pattern)| naive(pattern, path)).is_some_and(|(negative, _)| !negative)
}

fn pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof![3 => "[ab*?]{1,3}".prop_filter("`**` stands alone", |part| !part.contains("**")), 1 => Just("**".to_owned())];
    // `**` twice in a row is one of patternmatcher's oddities: the second slash is eaten, too.
    proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join("/")).prop_filter("once in a row", |text| !text.contains("**/**"))
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab]{1,3}", 1..5).prop_map(|parts| parts.join("/"))
}

proptest! {
    #[test]
    fn the_matcher_agrees_with_a_naive_one(patterns in proptest::collection::vec((any::<bool>(), pattern()), 0..5), path in path()) {
        let written: Vec<String> = patterns.iter().map(|(negative, text)| format!("{}{text}", if *negative { "!" } else { "" })).collect();
        let list = PatternList::new(written.iter().map(String::as_str)).unwrap();
        prop_assert_eq!(list.matches(&path), naive_list(&patterns, &path), "{:?} {}", written, path);
    }

    #[test]
    fn a_folder_that_holds_something_is_entered(patterns in proptest::collection::vec((any::<bool>(), pattern()), 0..5), path in path()) {
        let written: Vec<String> = patterns.iter().map(|(negative, text)| format!("{}{text}", if *negative { "!" } else { "" })).collect();
        let list = PatternList::new(written.iter().map(String::as_str)).unwrap();
        if !list.matches(&path) {
            for (at, _) in path.match_indices('/') {
                prop_assert_ne!(list.verdict(&path[..at]), Verdict::Excluded, "{:?} {}", written, path);
            }
        }
        let include = IncludeList::new(patterns.iter().map(|(_, text)| text.as_str())).unwrap();
        if include.decide(&path) == Inclusion::Included {
            for (at, _) in path.match_indices('/') {
                prop_assert_ne!(include.decide(&path[..at]), Inclusion::Nothing, "{:?} {}", written, path);
            }
        }
    }

    #[test]
    fn no_pattern_panics(text in any::<String>(), path in any::<String>()) {
        if let Ok(list) = PatternList::read(&text) {
            list.verdict(&path);
        }
        let _ = wildcard_match(&text, &path);
        if let Ok(list) = IncludeList::new([text.as_str()]) {
            list.decide(&path);
        }
        parents_pivot(&text);
    }

    #[test]
    fn wildcards_agree_with_a_naive_matcher(pattern in "[ab*?/]{0,6}", path in "[ab/]{0,6}") {
        // Without `**` as a part, whole paths only.
        fn whole(pattern: &[char], path: &[char]) -> bool {
            match (pattern, path) {
                ([], path) => path.is_empty(),
                (['*', after @ ..], path) => {
                    let reach = path.iter().position(|letter| *letter == '/').unwrap_or(path.len());
                    (0..=reach).any(|skipped| whole(after, &path[skipped..]))
                }
                (['?', after @ ..], [letter, rest @ ..]) => *letter != '/' && whole(after, rest),
                ([letter, after @ ..], [first, rest @ ..]) => letter == first && whole(after, rest),
                _ => false,
            }
        }
        let letters = |text: &str| text.chars().collect::<Vec<char>>();
        prop_assert_eq!(wildcard_match(&pattern, &path), Some(whole(&letters(&pattern), &letters(&path))));
    }
}
