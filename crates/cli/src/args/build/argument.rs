//! `--build-arg` and `--label`.

use std::collections::BTreeMap;
use std::str::FromStr;

use oci::Platform;

use super::error::WordError;
use super::platform::{Before, fitting, split};

/// One `--build-arg`: `KEY=VALUE`, `KEY`, and either behind `PLATFORM=`.
///
/// A key has no slash, so only what has one before the first `=` is a platform: `arm64=1` is an argument called `arm64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildArgument {
    /// The platform it is for; every one without it.
    pub platform: Option<Platform>,
    /// The name.
    pub key: String,
    /// The value; without it, that of the environment.
    pub value: Option<String>,
}

impl BuildArgument {
    /// Returns the arguments of a build for one platform. Those said for it count over those said for all, and later ones
    /// over earlier ones.
    pub fn for_platform(all: &[Self], platform: &Platform) -> BTreeMap<String, Option<String>> {
        let fitting = fitting(all, |argument| argument.platform.as_ref(), platform);
        fitting.into_iter().map(|argument| (argument.key.clone(), argument.value.clone())).collect()
    }
}

impl FromStr for BuildArgument {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let (platform, rest) = split(text, Before::Key)?;
        let (key, value) = match rest.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (rest, None),
        };
        if key.is_empty() || key.contains('/') {
            return Err(WordError::shape("build argument", text, "[PLATFORM=]KEY=VALUE, or KEY for its value in the environment"));
        }
        Ok(Self { platform, key: key.to_owned(), value })
    }
}

/// One `--label`: `KEY=VALUE`; `KEY` alone has an empty value, as in docker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

impl FromStr for Label {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if key.is_empty() {
            return Err(WordError::shape("label", text, "KEY=VALUE"));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(texts: &[&str], platform: &str) -> Vec<String> {
        let all: Vec<BuildArgument> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let found = BuildArgument::for_platform(&all, &platform.parse().unwrap());
        found.into_iter().map(|(key, value)| format!("{key}={}", value.as_deref().unwrap_or("?"))).collect()
    }

    #[test]
    fn an_argument_has_a_value_or_that_of_the_environment() {
        assert_eq!(arguments(&["A=1", "B", "C=", "D=x=y", "arm64=1"], "linux/amd64"), ["A=1", "B=?", "C=", "D=x=y", "arm64=1"]);
        assert_eq!(arguments(&["A=1", "A=2", "B=1", "B"], "linux/amd64"), ["A=2", "B=?"]);
    }

    #[test]
    fn what_is_said_for_a_platform_counts_wherever_it_stands() {
        let texts = ["linux/arm64=A=arm", "A=all", "linux/arm/v7=B", "linux/arm64=C=https://x/?y=z"];
        assert_eq!(arguments(&texts, "linux/arm64"), ["A=arm", "C=https://x/?y=z"]);
        assert_eq!(arguments(&texts, "linux/arm"), ["A=all", "B=?"]);
        assert_eq!(arguments(&texts, "linux/amd64"), ["A=all"]);
    }

    #[test]
    fn what_is_no_argument_is_refused() {
        for text in ["", "=", "=V", "linux/arm64=", "linux/arm64==V", "linux/arm64", "linux/arm64=a/b=V"] {
            assert!(matches!(text.parse::<BuildArgument>(), Err(WordError::Shape { .. })), "{text}");
        }
        for text in ["linux/armv7=A=1", "./a=1"] {
            assert!(matches!(text.parse::<BuildArgument>(), Err(WordError::Platform(_))), "{text}");
        }
    }

    #[test]
    fn a_label_has_a_key() {
        for (text, key, value) in [("a=b", "a", "b"), ("a.b/c=d=e", "a.b/c", "d=e"), ("a=", "a", ""), ("a", "a", "")] {
            let label: Label = text.parse().unwrap();
            assert_eq!((label.key.as_str(), label.value.as_str()), (key, value), "{text}");
        }
        assert_eq!("=v".parse::<Label>().unwrap_err().to_string(), r#"bad label "=v": expected KEY=VALUE"#);
        assert!("".parse::<Label>().is_err());
    }
}
