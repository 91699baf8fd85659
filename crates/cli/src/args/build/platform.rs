//! `PLATFORM=VALUE`: what is said for one platform, told apart from what only looks so.

use oci::{Platform, PlatformError};

/// What may stand before the first `=` where no platform does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// A path: `./a=b`, `files/a=b`.
    Path,
    /// The name of an image: `arm32v7/alpine`, `arm64`.
    Name,
    /// A key. It never has a slash, and may be any word: `arm64`.
    Key,
}

/// Splits a value at its first `=`, where a platform stands before it.
///
/// A platform with a slash is one wherever its system and its architecture are known; a slip in it is an error. A key has
/// no slash, so that before one anything with a slash is a platform. A word alone, as in `arm64=FILE`, is one only where
/// a path would be: `./arm64=FILE` is the path.
pub(super) fn split(text: &str, before: Before) -> Result<(Option<Platform>, &str), PlatformError> {
    let Some((left, right)) = text.split_once('=') else { return Ok((None, text)) };
    if !left.contains('/') {
        let platform = if before == Before::Path { left.parse().ok() } else { None };
        return Ok(platform.map_or((None, text), |platform| (Some(platform), right)));
    }
    if before == Before::Key {
        return Ok((Some(left.parse()?), right));
    }
    let first = left.split(['/', '(']).next().unwrap_or_default().to_ascii_lowercase();
    // An architecture comes first in a slip (arm/v7), and in images' names (arm32v7/alpine).
    if !is_system(&first) && (before == Before::Name || !is_architecture(&first)) {
        return Ok((None, text));
    }
    match left.parse::<Platform>() {
        Ok(platform) if is_architecture(&platform.architecture) => Ok((Some(platform), right)),
        Err(
            slip @ (PlatformError::Joined { .. }
            | PlatformError::Unknown { .. }
            | PlatformError::SystemMissing { .. }
            | PlatformError::WindowsVersion { .. }),
        ) => Err(slip),
        // A folder may be called `linux`.
        Ok(_) | Err(_) => Ok((None, text)),
    }
}

fn is_system(word: &str) -> bool {
    word == "macos" || Platform::known_systems().contains(&word)
}

fn is_architecture(word: &str) -> bool {
    Platform::known_architectures().contains(&word) || Platform::aliases().any(|(alias, _)| alias == word)
}

/// How well what is said fits a platform; what fits better counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It is said for every platform.
    General,
    /// It is said for the platform without the version and the features of its system.
    Wide,
    /// It is said for this very platform.
    Exact,
}

/// Tells how well what is said for `said` fits `platform`, if it does at all.
pub(super) fn fit(said: Option<&Platform>, platform: &Platform) -> Option<Fit> {
    let Some(said) = said else { return Some(Fit::General) };
    let (said, platform) = (said.normalized(), platform.normalized());
    if said == platform {
        return Some(Fit::Exact);
    }
    let version = said.os_version.is_none() || said.os_version == platform.os_version;
    let features = said.os_features.is_empty() || said.os_features == platform.os_features;
    let alike = (&said.os, &said.architecture, &said.variant) == (&platform.os, &platform.architecture, &platform.variant);
    (alike && version && features).then_some(Fit::Wide)
}

/// Lists what is said for a platform, what fits better behind what fits less, and otherwise as it was written: whoever
/// takes the last one with a key takes the right one.
pub(super) fn fitting<'a, T>(all: &'a [T], said: impl Fn(&T) -> Option<&Platform>, platform: &Platform) -> Vec<&'a T> {
    let mut fitting: Vec<(Fit, &T)> = all.iter().filter_map(|one| fit(said(one), platform).map(|fit| (fit, one))).collect();
    fitting.sort_by_key(|(fit, _)| *fit);
    fitting.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, before: Before) -> String {
        match split(text, before) {
            Ok((Some(platform), rest)) => format!("{platform} {rest}"),
            Ok((None, rest)) => format!("- {rest}"),
            Err(error) => error.hint().unwrap_or_else(|| error.to_string()),
        }
    }

    #[test]
    fn a_platform_is_told_from_a_path() {
        for (text, read) in [
            ("Dockerfile", "- Dockerfile"),
            ("linux/arm64=F", "linux/arm64 F"),
            ("linux/arm=a=b", "linux/arm/v7 a=b"),
            ("windows(ltsc2022)/amd64=F", "windows/amd64:10.0.20348 F"),
            ("windows/amd64:10.0.20348=F", "windows/amd64:10.0.20348 F"),
            ("macos/arm64=F", "darwin/arm64 F"),
            ("arm64=F", "linux/arm64 F"),
            ("armv7=F", "linux/arm/v7 F"),
            ("./arm64=F", "- ./arm64=F"),
            ("./linux/arm64=F", "- ./linux/arm64=F"),
            ("/linux/arm64=F", "- /linux/arm64=F"),
            ("a=b", "- a=b"),
            ("files/a=b", "- files/a=b"),
            ("linux/files=b", "- linux/files=b"),
            ("linux/a/b/c=F", "- linux/a/b/c=F"),
            ("linux/a b=F", "- linux/a b=F"),
            ("=F", "- =F"),
            ("linux/armv7=F", "did you mean linux/arm/v7"),
            ("linux/amd46=F", "did you mean linux/amd64"),
            ("arm/v7=F", "did you mean linux/arm/v7"),
        ] {
            assert_eq!(parse(text, Before::Path), read, "{text}");
        }
    }

    #[test]
    fn a_platform_is_told_from_an_images_name() {
        for (text, read) in [
            ("linux/arm64=base=x", "linux/arm64 base=x"),
            ("arm64=x", "- arm64=x"),
            ("arm32v7/alpine=x", "- arm32v7/alpine=x"),
            ("windows/servercore=x", "- windows/servercore=x"),
            ("ghcr.io/acme/base:1=x", "- ghcr.io/acme/base:1=x"),
            ("linux/armv7=base=x", "did you mean linux/arm/v7"),
        ] {
            assert_eq!(parse(text, Before::Name), read, "{text}");
        }
    }

    #[test]
    fn before_a_key_only_a_slash_makes_a_platform() {
        for (text, read) in [
            ("arm64=V", "- arm64=V"),
            ("URL=https://a/b", "- URL=https://a/b"),
            ("linux/arm64=K=V", "linux/arm64 K=V"),
            ("linux/newcpu=K", "linux/newcpu K"),
            ("arm/v7=K=V", "did you mean linux/arm/v7"),
        ] {
            assert_eq!(parse(text, Before::Key), read, "{text}");
        }
    }

    #[test]
    fn what_is_said_for_a_version_counts_over_what_is_said_for_all() {
        let all = [Some("windows/amd64:10.0.20348"), None, Some("windows/amd64"), Some("linux/amd64")]
            .map(|text| text.map(|text| text.parse::<Platform>().unwrap()));
        let shown = |platform: &str| -> Vec<String> {
            let found = fitting(&all, Option::as_ref, &platform.parse().unwrap());
            found.iter().map(|one| one.as_ref().map_or("-".to_owned(), ToString::to_string)).collect()
        };
        assert_eq!(shown("windows(ltsc2022)/amd64"), ["-", "windows/amd64", "windows/amd64:10.0.20348"]);
        assert_eq!(shown("windows/amd64"), ["-", "windows/amd64"]);
        assert_eq!(shown("linux/arm64"), ["-"]);
    }
}
