//! Which platforms a host takes, against what containerd/platforms 1.0.0-rc.4 does, measured by running the library.

// A test may panic; that is how it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oci::{Matcher, Platform};
use proptest::prelude::*;

fn linux_amd64() -> Platform {
    Platform::new("linux", "amd64", None)
}

/// What was offered to every host: the platforms of `linux` in this order.
const CANDIDATES: &[&str] = &[
    "amd64",
    "amd64/v1",
    "amd64/v2",
    "amd64/v3",
    "386",
    "arm",
    "arm/v5",
    "arm/v6",
    "arm/v7",
    "arm/v8",
    "arm64",
    "arm64/v8",
    "arm64/v8.1",
    "arm64/v8.5",
    "arm64/v9",
    "arm64/v9.2",
    "arm64/zzz",
    "ppc64le",
    "ppc64le/power9",
    "riscv64",
    "riscv64/rva23u64",
];

/// Host, `Only` and `OnlyStrict`; best first, where `=` joins those that tie and so stay as listed.
const HOSTS: &[(&str, &str, &str)] = &[
    ("linux/amd64", "amd64 > amd64/v1 > 386", "amd64 = amd64/v1"),
    ("linux/amd64/v2", "amd64/v2 > amd64 > amd64/v1 > 386", "amd64/v2"),
    ("linux/amd64/v3", "amd64/v3 > amd64/v2 > amd64 > amd64/v1 > 386", "amd64/v3"),
    ("linux/386", "386", "386"),
    ("linux/arm", "arm > arm/v7 > arm/v6 > arm/v5", "arm = arm/v7"),
    ("linux/arm/v5", "arm/v5", "arm/v5"),
    ("linux/arm/v6", "arm/v6 > arm/v5", "arm/v6"),
    ("linux/arm/v7", "arm > arm/v7 > arm/v6 > arm/v5", "arm = arm/v7"),
    ("linux/arm/v8", "arm/v8 > arm > arm/v7 > arm/v6 > arm/v5", "arm/v8"),
    ("linux/arm64", "arm64 > arm64/v8 > arm/v8 > arm > arm/v7 > arm/v6 > arm/v5", "arm64 = arm64/v8"),
    ("linux/arm64/v8", "arm64 > arm64/v8 > arm/v8 > arm > arm/v7 > arm/v6 > arm/v5", "arm64 = arm64/v8"),
    ("linux/arm64/v8.5", "arm64/v8.5 > arm64/v8.1 > arm64 > arm64/v8 > arm/v8 > arm > arm/v7 > arm/v6 > arm/v5", "arm64/v8.5"),
    ("linux/arm64/v9", "arm64/v9 > arm64/v8.5 > arm64/v8.1 > arm64 > arm64/v8 > arm/v8 > arm > arm/v7 > arm/v6 > arm/v5", "arm64/v9"),
    (
        "linux/arm64/v9.2",
        "arm64/v9.2 > arm64/v9 > arm64/v8.5 > arm64/v8.1 > arm64 > arm64/v8 > arm/v8 > arm > arm/v7 > arm/v6 > arm/v5",
        "arm64/v9.2",
    ),
    ("linux/arm64/zzz", "", "arm64/zzz"),
    ("linux/ppc64le", "ppc64le", "ppc64le"),
    ("linux/ppc64le/power9", "ppc64le/power9", "ppc64le/power9"),
    ("linux/riscv64", "riscv64", "riscv64"),
    ("linux/riscv64/rva23u64", "riscv64/rva23u64", "riscv64/rva23u64"),
    ("linux/s390x", "", ""),
];

/// Cuts the text as it is: the parser would normalise it.
fn stored(text: &str) -> Platform {
    let mut parts = text.split('/');
    let (os, architecture) = (parts.next().unwrap(), parts.next().unwrap());
    Platform::new(os, architecture, parts.next())
}

#[test]
fn hosts_rank_candidates_as_containerd_does() {
    assert_eq!(HOSTS.len(), 20);
    let candidates: Vec<Platform> = CANDIDATES.iter().map(|text| stored(&format!("linux/{text}"))).collect();
    for (host, only, strict) in HOSTS {
        for (matcher, expected) in [(Matcher::only(&stored(host)), only), (Matcher::strict(&stored(host)), strict)] {
            let order = matcher.order(&candidates);
            let got: Vec<&str> = order.iter().map(|position| CANDIDATES[*position]).collect();
            let expected: Vec<&str> = expected.split([' ', '>', '=']).filter(|word| !word.is_empty()).collect();
            assert_eq!(got, expected, "{host}");
            assert_eq!(matcher.best(candidates.iter()), order.first().copied(), "{host}");
            for (position, candidate) in candidates.iter().enumerate() {
                assert_eq!(matcher.matches(candidate), order.contains(&position), "{host} {candidate}");
            }
        }
    }
}

#[test]
fn equal_candidates_stay_as_listed() {
    let host = Matcher::only(&stored("linux/arm64"));
    assert_eq!(host.best([stored("linux/arm64/v8"), stored("linux/arm64")].iter()), Some(0));
    assert_eq!(host.best([stored("linux/arm64"), stored("linux/arm64/v8")].iter()), Some(0));
}

#[test]
fn newer_arm64_hosts_stop_at_v8_9() {
    let names = |host: &str| Matcher::only(&stored(host)).accepted().iter().map(Platform::to_string).collect::<Vec<_>>().join(" ");
    assert!(names("linux/arm64/v9.1").starts_with("linux/arm64/v9.1 linux/arm64/v9 linux/arm64/v8.6 linux/arm64/v8.5"));
    assert!(names("linux/arm64/v9.6").contains("linux/arm64/v9 linux/arm64/v8.9 "));
    assert_eq!(names("linux/arm64/9.1"), "");
}

#[test]
fn an_absurd_level_costs_nothing() {
    for host in ["linux/amd64/v4000000000", "linux/arm/v4000000000"] {
        let accepted = Matcher::only(&stored(host)).accepted().len();
        assert!((1..=2).contains(&accepted), "{host}: {accepted}");
    }
    assert_eq!(Matcher::only(&stored("linux/amd64/v255")).accepted().len(), 256);
}

#[test]
fn an_entry_without_a_system_is_taken_for_the_hosts() {
    let host = Matcher::only(&linux_amd64());
    assert!(host.matches(&Platform::new("", "amd64", None)));
    assert!(!host.matches(&Platform::default()));
    assert!(!host.matches(&stored("unknown/unknown")));
    assert!(!host.matches(&stored("windows/amd64")));
}

fn with(text: &str, version: &str, features: &[&str]) -> Platform {
    let os_features = features.iter().map(|feature| (*feature).to_owned()).collect();
    Platform { os_version: Some(version.to_owned()).filter(|version| !version.is_empty()), os_features, ..stored(text) }
}

#[test]
fn more_features_win_if_the_host_has_them() {
    let candidates = [with("linux/amd64", "", &[]), with("linux/amd64", "", &["b", "a"]), with("linux/amd64", "", &["a"])];
    let order = |features: &[&str]| Matcher::only(&with("linux/amd64", "", features)).order(&candidates);
    assert_eq!(order(&["a", "b", "c"]), [1, 2, 0]);
    assert_eq!(order(&["a"]), [2, 0]);
    assert_eq!(order(&[]), [0]);
}

/// Host version, the image versions it runs. The fifth is the rule of rc.5: rc.4 gives that host 26100 alone.
const WINDOWS_HOSTS: &[(&str, &[&str])] = &[
    ("10.0.17763", &["", "10.0.17763.5458"]),
    ("10.0.20348.1", &["", "10.0.20348.2340"]),
    ("10.0.22621", &["", "10.0.20348.2340"]),
    ("10.0.26100", &["", "10.0.20348.2340", "10.0.25398.1", "10.0.26100.1"]),
    ("10.0.26200", &["", "10.0.20348.2340", "10.0.25398.1", "10.0.26100.1"]),
    ("", &["", "10.0.14393.1", "10.0.17763.5458", "10.0.20348.2340", "10.0.25398.1", "10.0.26100.1", "bogus"]),
];

#[test]
fn windows_hosts_run_their_generation() {
    let images = WINDOWS_HOSTS.last().unwrap().1;
    for (host, runs) in WINDOWS_HOSTS {
        let matcher = Matcher::only(&with("windows/amd64", host, &[]));
        let got: Vec<&str> = images.iter().copied().filter(|image| matcher.matches(&with("windows/amd64", image, &["win32k"]))).collect();
        assert_eq!(got, *runs, "host {host:?}");
    }
    assert!(!Matcher::only(&with("windows/amd64", "6.1.26100", &[])).matches(&with("windows/amd64", "10.0.26100", &[])));
}

#[test]
fn windows_takes_the_highest_version_and_linux_ignores_it() {
    let versions = ["", "10.0.20348.999", "10.0.20348.2340", "10.0.26100.1"];
    let listed = |text: &str| versions.map(|version| with(text, version, &[]));
    assert_eq!(Matcher::only(&with("windows/amd64", "10.0.26100", &[])).order(&listed("windows/amd64")), [3, 2, 1, 0]);
    assert_eq!(Matcher::only(&with("windows/amd64", "10.0.20348", &[])).order(&listed("windows/amd64")), [2, 1, 0]);
    assert_eq!(Matcher::only(&linux_amd64()).order(&listed("linux/amd64")), [0, 1, 2, 3]);
}

proptest! {
    #[test]
    fn order_is_a_permutation_of_the_matches(seed in proptest::collection::vec(0..CANDIDATES.len(), 0..12), host in 0..HOSTS.len()) {
        let candidates: Vec<Platform> = seed.iter().map(|choice| stored(&format!("linux/{}", CANDIDATES[*choice]))).collect();
        let matcher = Matcher::only(&stored(HOSTS[host].0));
        let mut order = matcher.order(&candidates);
        prop_assert_eq!(matcher.best(candidates.iter()), order.first().copied());
        order.sort_unstable();
        let matching: Vec<usize> = (0..candidates.len()).filter(|position| matcher.matches(&candidates[*position])).collect();
        prop_assert_eq!(order, matching);
    }
}
