//! Platforms against what containerd/platforms 1.0.0-rc.4 says of them, measured on linux/amd64 by running the library.

// A test may panic; that is how it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use Ours::{Reads, Refuses, Same};
use oci::{Matcher, Platform, PlatformError, PlatformSet};
use proptest::prelude::*;

/// How polyarch treats a specifier, compared to containerd.
enum Ours {
    /// The same platform, or an error like containerd's.
    Same,
    /// Where containerd refuses it, or prints it another way.
    Reads(&'static str),
    /// Where containerd passes it in silence; with what was meant.
    Refuses(&'static str),
}

/// Specifier, what containerd makes of it once normalised (`None` is an error), and where polyarch differs on purpose.
const SPECIFIERS: &[(&str, Option<&str>, Ours)] = &[
    ("amd64", Some("linux/amd64"), Same),
    ("x86_64", Some("linux/amd64"), Same),
    ("x86-64", Some("linux/amd64"), Same),
    ("X86_64", Some("linux/amd64"), Same),
    ("linux/amd64", Some("linux/amd64"), Same),
    ("linux/amd64/v1", Some("linux/amd64"), Same),
    ("linux/amd64/v2", Some("linux/amd64/v2"), Same),
    ("linux/amd64/v4", Some("linux/amd64/v4"), Same),
    ("386", Some("linux/386"), Same),
    ("i386", Some("linux/386"), Same),
    ("i686", None, Reads("linux/386")),
    ("x86", None, Reads("linux/386")),
    ("linux/i386/x", Some("linux/386"), Same),
    ("arm", Some("linux/arm/v7"), Same),
    ("linux/arm", Some("linux/arm/v7"), Same),
    ("linux/arm/v7", Some("linux/arm/v7"), Same),
    ("linux/arm/7", Some("linux/arm/v7"), Same),
    ("linux/arm/v6", Some("linux/arm/v6"), Same),
    ("linux/arm/6", Some("linux/arm/v6"), Same),
    ("linux/arm/v5", Some("linux/arm/v5"), Same),
    ("linux/arm/5", Some("linux/arm/v5"), Same),
    ("linux/arm/8", Some("linux/arm/v8"), Same),
    ("linux/arm/v8", Some("linux/arm/v8"), Same),
    ("armhf", Some("linux/arm/v7"), Same),
    ("linux/armhf", Some("linux/arm/v7"), Same),
    ("armel", Some("linux/arm/v6"), Same),
    ("linux/armel", Some("linux/arm/v6"), Same),
    ("linux/armel/v5", Some("linux/arm/v6"), Same),
    ("armv7", None, Reads("linux/arm/v7")),
    ("armv7l", None, Reads("linux/arm/v7")),
    ("linux/armv7", Some("linux/armv7"), Refuses("linux/arm/v7")),
    ("arm64", Some("linux/arm64"), Same),
    ("aarch64", Some("linux/arm64"), Same),
    ("linux/arm64", Some("linux/arm64"), Same),
    ("linux/arm64/v8", Some("linux/arm64"), Same),
    ("linux/arm64/8", Some("linux/arm64"), Same),
    ("linux/arm64/v8.0", Some("linux/arm64"), Same),
    ("linux/arm64/v8.2", Some("linux/arm64/v8.2"), Same),
    ("linux/arm64/9", Some("linux/arm64/v9"), Same),
    ("linux/arm64/v9", Some("linux/arm64/v9"), Same),
    ("linux/arm64/v9.0", Some("linux/arm64/v9"), Same),
    ("linux/arm64/9.1", Some("linux/arm64/9.1"), Same),
    ("linux/aarch64", Some("linux/arm64"), Same),
    ("arm64v8", None, Reads("linux/arm64")),
    ("ppc64le", Some("linux/ppc64le"), Same),
    ("ppc64el", None, Reads("linux/ppc64le")),
    ("s390x", Some("linux/s390x"), Same),
    ("riscv64", Some("linux/riscv64"), Same),
    ("riscv", Some("linux/riscv"), Same),
    ("mips64le", Some("linux/mips64le"), Same),
    ("mips64el", None, Reads("linux/mips64le")),
    ("mips64", Some("linux/mips64"), Same),
    ("mipsel", None, Reads("linux/mipsle")),
    ("mipsle", Some("linux/mipsle"), Same),
    ("loong64", Some("linux/loong64"), Same),
    ("loongarch64", None, Reads("linux/loong64")),
    ("wasm", Some("linux/wasm"), Same),
    ("wasip1", None, Same),
    ("wasi/wasm", Some("wasi/wasm"), Same),
    ("macos", Some("darwin/amd64"), Same),
    ("darwin", Some("darwin/amd64"), Same),
    ("macos/arm64", Some("darwin/arm64"), Same),
    ("windows/amd64", Some("windows/amd64"), Same),
    ("windows(10.0.17763)/amd64", Some("windows(10.0.17763)/amd64"), Reads("windows/amd64:10.0.17763")),
    ("windows(10.0.17763+win32k)/amd64", Some("windows(10.0.17763+win32k)/amd64"), Same),
    ("linux(+foo+bar)/amd64", Some("linux(+bar+foo)/amd64"), Same),
    ("LINUX/AMD64", Some("linux/amd64"), Same),
    ("linux", Some("linux/amd64"), Same),
    ("local", None, Reads("linux/amd64")),
    ("linux/*", None, Same),
    ("unknown", None, Same),
    ("unknown/unknown", Some("unknown/unknown"), Same),
    ("linux/arm/v7/x", None, Same),
    ("linux/", None, Same),
    ("/amd64", None, Same),
    ("linux/amd64,linux/arm64", None, Same),
];

fn linux_amd64() -> Platform {
    Platform::new("linux", "amd64", None)
}

fn read(text: &str) -> Result<String, PlatformError> {
    Platform::parse_for(text, &linux_amd64()).map(|platform| platform.to_string())
}

fn hint(text: &str) -> Option<String> {
    read(text).expect_err(text).hint()
}

/// Cuts the text as it is: the parser would normalise it.
fn stored(text: &str) -> Platform {
    let mut parts = text.split('/');
    let (os, architecture) = (parts.next().unwrap(), parts.next().unwrap());
    Platform::new(os, architecture, parts.next())
}

fn with(text: &str, version: &str, features: &[&str]) -> Platform {
    let os_features = features.iter().map(|feature| (*feature).to_owned()).collect();
    Platform { os_version: Some(version.to_owned()).filter(|version| !version.is_empty()), os_features, ..stored(text) }
}

#[test]
fn specifiers_read_as_in_containerd_or_better() {
    assert_eq!(SPECIFIERS.len(), 76);
    for (text, containerd, ours) in SPECIFIERS {
        match ours {
            Same => assert_eq!(read(text).ok().as_deref(), *containerd, "{text}"),
            Reads(expected) => {
                assert_eq!(read(text).as_deref(), Ok(*expected), "{text}");
                assert_ne!(Some(*expected), *containerd, "{text} is no difference any more");
            }
            Refuses(meant) => {
                assert_eq!(hint(text), Some(format!("did you mean {meant}")), "{text}");
                assert!(containerd.is_some(), "{text} is no difference any more");
            }
        }
    }
}

#[test]
fn windows_versions_are_read_in_every_spelling() {
    for (text, expected) in [
        ("windows/amd64:10.0.20348", "windows/amd64:10.0.20348"),
        ("windows/amd64:10.0.20348.2340", "windows/amd64:10.0.20348.2340"),
        ("windows(10.0.20348)/amd64", "windows/amd64:10.0.20348"),
        ("windows(ltsc2016)/amd64", "windows/amd64:10.0.14393"),
        ("windows(ltsc2019)/amd64", "windows/amd64:10.0.17763"),
        ("windows(1809)/amd64", "windows/amd64:10.0.17763"),
        ("Windows(LTSC2022)/AMD64", "windows/amd64:10.0.20348"),
        ("windows/amd64:ltsc2022", "windows/amd64:10.0.20348"),
        ("windows/amd64:ltsc2025", "windows/amd64:10.0.26100"),
        ("windows(20h2)/amd64", "windows/amd64:10.0.19042"),
        ("windows/arm64/v9:ltsc2025", "windows/arm64/v9:10.0.26100"),
        ("windows:ltsc2022", "windows/amd64:10.0.20348"),
        ("windows(ltsc2022)", "windows/amd64:10.0.20348"),
        ("windows(ltsc2019+win32k)/amd64", "windows(10.0.17763+win32k)/amd64"),
        ("windows(+win32k)/amd64:ltsc2019", "windows(10.0.17763+win32k)/amd64"),
        ("windows()/amd64", "windows/amd64"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn wrong_windows_versions_are_refused() {
    for (text, meant) in [
        ("windows/amd64:2022", Some("windows/amd64:10.0.20348")),
        ("windows(17763+win32k)/amd64", Some("windows(10.0.17763+win32k)/amd64")),
        ("windows/amd64:10.0", None),
        ("windows/amd64:10.0.20348.1.1", None),
        ("windows/amd64:ltsc2021", None),
    ] {
        assert!(matches!(read(text), Err(PlatformError::WindowsVersion { .. })), "{text}");
        assert_eq!(hint(text), meant.map(|meant| format!("did you mean {meant}")), "{text}");
    }
}

#[test]
fn slips_are_refused_with_what_was_meant() {
    for (text, meant) in [
        ("linux/amd46", "linux/amd64"),
        ("linux/arm46", "linux/arm64"),
        ("linux/arm46/v9", "linux/arm64/v9"),
        ("lniux/amd64", "linux/amd64"),
        ("lniux/amd46", "linux/amd64"),
        ("linux/x86_46", "linux/amd64"),
        ("linux/amd", "linux/amd64"),
        ("linux/s309x", "linux/s390x"),
        ("linux/armv5", "linux/arm/v5"),
        ("linux/armv6", "linux/arm/v6"),
        ("linux/armv7l", "linux/arm/v7"),
        ("linux/ARMv7", "linux/arm/v7"),
        ("linux/arm32v7", "linux/arm/v7"),
        ("linux/arm64v8", "linux/arm64"),
        ("linux/armv8", "linux/arm64"),
        ("linux/armv7/v7", "linux/arm/v7"),
        ("linux(+foo)/armv7", "linux(+foo)/arm/v7"),
        ("arm/v7", "linux/arm/v7"),
        ("arm64/v8", "linux/arm64"),
        ("amd64/linux", "linux/amd64"),
        ("amd64:10.0.20348", "windows/amd64:10.0.20348"),
        ("osx/arm64", "darwin/arm64"),
        ("win/amd64:ltsc2022", "windows/amd64:ltsc2022"),
        ("windws(ltsc2022)", "windows(ltsc2022)"),
        ("amd46", "linux/amd64"),
        ("amd", "linux/amd64"),
        ("linus", "linux"),
        ("mac", "darwin"),
    ] {
        assert_eq!(hint(text), Some(format!("did you mean {meant}")), "{text}");
        assert!(read(meant).is_ok(), "the hint for {text} must be readable");
    }
}

#[test]
fn unknown_names_pass_in_full_but_not_alone() {
    for text in ["wasi/wasm", "linux/foo", "linux/riscv32", "linux/arc", "linux/hppa", "haiku/amd64", "plan10x/zz"] {
        assert_eq!(read(text).as_deref(), Ok(text));
    }
    for text in ["wasip1", "unknown", "foo", "riscv32"] {
        assert_eq!(hint(text), None, "{text}");
    }
}

#[test]
fn errors_say_what_was_given_and_what_was_expected() {
    let message = |text: &str| read(text).expect_err(text).to_string();
    for (text, expected) in [
        ("", r#"cannot read platform "": expected os[/architecture[/variant]], got nothing"#),
        ("linux/arm/v7/x", r#"cannot read platform "linux/arm/v7/x": expected os[/architecture[/variant]], got 4 parts"#),
        ("linux/*", r#"cannot read platform "linux/*": expected one platform, got a wildcard"#),
        ("a,b", r#"cannot read platform "a,b": expected one platform, got a list"#),
        ("foo", r#"cannot read platform "foo": expected a known operating system or architecture, got "foo""#),
        ("arm/v7", r#"cannot read platform "arm/v7": expected an operating system first, got "arm""#),
        ("linux/", r#"cannot read platform "linux/": expected letters, digits, ".", "_" or "-", got """#),
    ] {
        assert_eq!(message(text), expected);
    }
    assert!(message("linux/X!").ends_with(r#"got "X!""#), "the part is shown as typed");
    for text in [
        " linux",
        "linux/amd64 ",
        "/amd64",
        "/",
        "linux//v7",
        "linux/..",
        "./amd64",
        "linux(/amd64",
        "linux)/amd64",
        "linux(a)b/amd64",
        "linux(+)/amd64",
        "linux(%)/amd64",
        "linux(%zz)/amd64",
        "linux(%ff)/amd64",
        "linux/amd64:",
        "linux/amd64:a:b",
        "linux(1)/amd64:2",
        "linux/\u{e9}",
    ] {
        assert!(matches!(read(text), Err(PlatformError::BadComponent { .. })), "{text}: {:?}", read(text));
    }
}

#[test]
fn escapes_are_read_and_written() {
    assert_eq!(read("linux(a%2Bb%20c)/amd64").as_deref(), Ok("linux/amd64:a%2Bb%20c"));
    let platform = Platform::parse_for("linux(+z%2fy+a%25)/amd64", &linux_amd64()).unwrap();
    assert_eq!(platform.os_features, ["a%", "z/y"]);
    assert_eq!(platform.to_string(), "linux(+a%25+z%2Fy)/amd64");
}

#[test]
fn aliases_read_as_what_they_list() {
    for (word, platform) in Platform::aliases() {
        assert_eq!(Platform::parse_for(word, &linux_amd64()), Ok(platform), "{word}");
    }
}

#[test]
fn a_bare_system_takes_the_hosts_architecture() {
    let host = Platform::new("linux", "arm", Some("v6"));
    assert_eq!(Platform::parse_for("linux", &host).unwrap().to_string(), "linux/arm/v6");
    assert_eq!(Platform::parse_for("LOCAL", &host).unwrap().to_string(), "linux/arm/v6");
    assert_eq!(Platform::parse_for("armv8", &host).unwrap().to_string(), "linux/arm64");
    assert_eq!("linux".parse::<Platform>().unwrap().architecture, Platform::host().architecture);
}

#[test]
fn rust_names_become_platforms() {
    for (os, architecture, expected) in [
        ("linux", "x86_64", "linux/amd64"),
        ("linux", "x86", "linux/386"),
        ("linux", "i686", "linux/386"),
        ("linux", "arm", "linux/arm/v7"),
        ("linux", "aarch64", "linux/arm64"),
        ("linux", "powerpc64le", "linux/ppc64le"),
        ("linux", "powerpc64", "linux/ppc64"),
        ("linux", "loongarch64", "linux/loong64"),
        ("linux", "s390x", "linux/s390x"),
        ("linux", "riscv64", "linux/riscv64"),
        ("macos", "aarch64", "darwin/arm64"),
        ("windows", "x86_64", "windows/amd64"),
        ("wasi", "wasm32", "wasi/wasm"),
        ("", "", "unknown/unknown"),
    ] {
        assert_eq!(Platform::of_rust(os, architecture).to_string(), expected);
    }
}

#[test]
fn json_keeps_order_and_unknown_fields() {
    let json = r#"{"architecture":"arm64","os":"windows","os.version":"10.0.26100.1","os.features":["win32k"],"variant":"v8","features":["sse4"],"x":null}"#;
    let platform: Platform = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&platform).unwrap(), json);
    assert_eq!(platform.extra.len(), 2);
    assert!(platform.normalized().extra.is_empty());
    assert!(platform.same_as(&with("windows/aarch64", "10.0.26100.1", &["win32k", "win32k"])));
}

#[test]
fn json_without_fields_reads_as_empty() {
    for json in ["{}", r#"{"os":null,"architecture":null,"os.features":null,"variant":null}"#, r#"{"os":"","variant":"","os.version":""}"#]
    {
        let platform: Platform = serde_json::from_str(json).unwrap();
        assert_eq!(platform, Platform::default(), "{json}");
        assert_eq!(platform.to_string(), "unknown");
    }
    assert_eq!(Platform::new("linux", "", None).to_string(), "linux/unknown");
    assert_eq!(Platform::new("", "amd64", None).to_string(), "unknown/amd64");
    assert_eq!(Platform::new("Linux", "x86_64", Some("V2")).to_string(), "Linux/x86_64/V2");
}

#[test]
fn a_set_keeps_order_and_drops_repeats() {
    let set = PlatformSet::parse_for(["linux/arm64,amd64", "x86_64", "linux/arm/v7, armhf"], &linux_amd64()).unwrap();
    assert_eq!(set.to_string(), "linux/arm64,linux/amd64,linux/arm/v7");
    assert!(set.contains(&stored("linux/arm")));
    assert!(!set.contains(&stored("linux/386")));
    assert_eq!(set.iter().cloned().collect::<PlatformSet>(), set);
    for text in ["", "linux/amd64,", ",", "a,,b"] {
        assert!(PlatformSet::parse_for([text], &linux_amd64()).is_err(), "{text:?}");
    }
    assert!(PlatformSet::parse_for(Vec::<String>::new(), &linux_amd64()).unwrap().is_empty());
    let versions: PlatformSet = "windows/amd64:ltsc2019,windows/amd64:ltsc2022,windows(1809)/amd64".parse().unwrap();
    assert_eq!(versions.len(), 2);
}

/// Text near the grammar, so that most of it gets past the first check.
fn near_grammar() -> impl Strategy<Value = String> {
    let words = "(linux|Windows|macos|darwin|wasi|local|[a-z]{1,5}|[A-Za-z0-9_-]{1,6})";
    let architectures = "(amd64|x86_64|arm|armhf|armel|arm64|aarch64|i386|i686|mipsel|[A-Za-z0-9._-]{1,8})";
    let options = "(\\((ltsc2022|[0-9]{1,2}[.][0-9][.][0-9]{1,5}|[a-z%0-9.]{0,6})?([+][A-Za-z%0-9.]{1,5}){0,2}\\))?";
    let variants = "(/(v[0-9]([.][0-9])?|[0-9]|[A-Za-z0-9._-]{1,4}))?";
    let versions = "(:(ltsc2019|10[.]0[.][0-9]{1,5}([.][0-9]{1,4})?|[a-z%0-9.]{0,6}))?";
    proptest::string::string_regex(&format!("{words}{options}(/{architectures}{variants})?{versions}")).unwrap()
}

proptest! {
    #[test]
    fn what_was_read_prints_to_what_reads_the_same(text in near_grammar()) {
        if let Ok(platform) = text.parse::<Platform>() {
            prop_assert_eq!(&platform.normalized(), &platform);
            prop_assert_eq!(platform.to_string().parse::<Platform>(), Ok(platform));
        }
    }

    #[test]
    fn nothing_panics(text in any::<String>(), slashed in "[a-z0-9%+()/:.,*_ \u{e9}-]{0,24}") {
        for text in [text, slashed] {
            if let Err(error) = text.parse::<Platform>() {
                prop_assert!(!error.to_string().is_empty());
                let _ = error.hint();
            }
            let _ = text.parse::<PlatformSet>();
            let stored = Platform::new(&text, &text, Some(&text));
            prop_assert_eq!(stored.normalized().normalized(), stored.normalized());
            let _ = Matcher::only(&stored).matches(&stored);
            let windows = Platform { os_version: Some(text), ..Platform::new("windows", "amd64", None) };
            let _ = Matcher::only(&windows).matches(&windows);
        }
    }

    #[test]
    fn a_hint_can_be_typed(text in near_grammar()) {
        if let Err(error @ (PlatformError::Unknown { .. } | PlatformError::Joined { .. })) = text.parse::<Platform>()
            && let Some(hint) = error.hint()
        {
            let meant = hint.trim_start_matches("did you mean ");
            let again = meant.parse::<Platform>();
            // A bad Windows version after a slip is told next.
            prop_assert!(matches!(again, Ok(_) | Err(PlatformError::WindowsVersion { .. })), "{} -> {}: {:?}", text, meant, again);
        }
    }
}
