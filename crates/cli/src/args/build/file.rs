//! `-f`: which Dockerfile is for which platform.

use std::path::PathBuf;
use std::str::FromStr;

use dockerfile::{Address, nearest_name};
use oci::Platform;

use super::error::WordError;
use super::platform::{Before, fit, split};

/// What a pattern may hold in braces.
const PLACEHOLDERS: [&str; 4] = ["os", "arch", "variant", "platform"];

/// One `-f`: `FILE`, `URL`, `PATTERN`, `-` or `PLATFORM=FILE`.
///
/// What stands before the first `=` is a platform where its system and its architecture are known names, as in
/// `linux/arm64=FILE`, or where it is such a name alone, as in `arm64=FILE`. `./arm64=FILE` is a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFlag {
    /// The platform it is for; every one without it.
    pub platform: Option<Platform>,
    /// The path, with placeholders.
    pattern: String,
}

impl FileFlag {
    /// Tells whether it is read from the standard input.
    pub fn is_stdin(&self) -> bool {
        self.pattern == "-"
    }
}

impl FromStr for FileFlag {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let (platform, pattern) = split(text, Before::Path)?;
        if pattern.is_empty() {
            return Err(WordError::shape("file", text, "FILE, PLATFORM=FILE or - for the standard input"));
        }
        if let Some(Address::Git(_)) = Address::parse(pattern)? {
            let expected = "a file, or the address of one: CONTEXT may be a repository";
            return Err(WordError::shape("file", &dockerfile::shown_address(pattern), expected));
        }
        if let Some(word) = placeholders(pattern).find(|word| !PLACEHOLDERS.contains(word)) {
            let nearest = nearest_name(word, PLACEHOLDERS);
            return Err(WordError::Placeholder { text: oci::without_password(text).into_owned(), word: word.to_owned(), nearest });
        }
        Ok(Self { platform, pattern: pattern.to_owned() })
    }
}

/// Lists the words in braces. Braces around anything but letters are part of the path.
fn placeholders(pattern: &str) -> impl Iterator<Item = &str> {
    pattern
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(word, _)| word)
        .filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// Where the Dockerfile of a platform is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileSource {
    /// Where it usually is: `Dockerfile` or `dockerfile` in the context.
    Usual,
    /// The standard input.
    Stdin,
    /// A file.
    Path(PathBuf),
    /// A file behind a URL.
    Url(String),
}

/// Every `-f` of a build, of which no two are for the same platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(Vec<FileFlag>);

impl Files {
    /// Takes the values of the flag.
    ///
    /// # Errors
    /// [`WordError::TwoFiles`] where two are for one platform, or two for every platform.
    pub fn new(flags: &[FileFlag]) -> Result<Self, WordError> {
        let mut files: Vec<FileFlag> = Vec::new();
        for flag in flags {
            if let Some(first) = files.iter().find(|file| file.platform == flag.platform) {
                return Err(WordError::TwoFiles {
                    platform: flag.platform.clone().map(Box::new),
                    first: oci::without_password(&first.pattern).into_owned(),
                    second: oci::without_password(&flag.pattern).into_owned(),
                });
            }
            files.push(flag.clone());
        }
        Ok(Self(files))
    }

    /// Returns where the Dockerfile of a platform is: the file that is named for it, else the one for every platform.
    ///
    /// In its path `{os}`, `{arch}` and `{variant}` are the parts of the platform, and `{platform}` is all of them with
    /// dashes: `linux`, `arm`, `v7` and `linux-arm-v7`. `{variant}` is empty where there is none, so `Dockerfile.{arch}{variant}`
    /// is `Dockerfile.amd64` and `Dockerfile.armv7`. The version of Windows is in none of them.
    pub fn for_platform(&self, platform: &Platform) -> FileSource {
        let fitting = self.0.iter().filter_map(|file| fit(file.platform.as_ref(), platform).map(|fit| (fit, file)));
        match fitting.max_by_key(|(fit, _)| *fit) {
            None => FileSource::Usual,
            Some((_, file)) if file.is_stdin() => FileSource::Stdin,
            Some((_, file)) => {
                let filled = filled(&file.pattern, &platform.normalized());
                match Address::parse(&filled) {
                    Ok(Some(_)) => FileSource::Url(filled),
                    Ok(None) | Err(_) => FileSource::Path(PathBuf::from(filled)),
                }
            }
        }
    }
}

fn filled(pattern: &str, platform: &Platform) -> String {
    let variant = platform.variant.as_deref().unwrap_or_default();
    let mut whole = format!("{}-{}", platform.os, platform.architecture);
    if !variant.is_empty() {
        whole.push('-');
        whole.push_str(variant);
    }
    pattern
        .replace("{os}", &platform.os)
        .replace("{arch}", &platform.architecture)
        .replace("{variant}", variant)
        .replace("{platform}", &whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(flags: &[&str]) -> Result<Files, WordError> {
        let flags: Vec<FileFlag> = flags.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        Files::new(&flags)
    }

    fn chosen(flags: &[&str], platform: &str) -> FileSource {
        files(flags).unwrap().for_platform(&platform.parse().unwrap())
    }

    fn path(text: &str) -> FileSource {
        FileSource::Path(text.into())
    }

    #[test]
    fn the_file_of_a_platform_counts_over_the_one_for_all() {
        let flags = ["Dockerfile", "linux/arm=Dockerfile.arm", "windows/amd64=-", "windows(ltsc2019)/amd64=old"];
        assert_eq!(chosen(&flags, "linux/arm/v7"), path("Dockerfile.arm"));
        assert_eq!(chosen(&flags, "linux/arm/v6"), path("Dockerfile"));
        assert_eq!(chosen(&flags, "linux/amd64"), path("Dockerfile"));
        assert_eq!(chosen(&flags, "windows(ltsc2022)/amd64"), FileSource::Stdin);
        assert_eq!(chosen(&flags, "windows(ltsc2019)/amd64"), path("old"));
        assert_eq!(chosen(&flags[1..], "linux/amd64"), FileSource::Usual);
        assert_eq!(chosen(&["-"], "linux/amd64"), FileSource::Stdin);
    }

    #[test]
    fn a_pattern_is_filled_with_the_parts_of_the_platform() {
        for (pattern, platform, filled) in [
            ("{os}/{arch}/Dockerfile", "linux/arm64", "linux/arm64/Dockerfile"),
            ("Dockerfile.{arch}{variant}", "linux/arm/v7", "Dockerfile.armv7"),
            ("Dockerfile.{arch}{variant}", "linux/amd64", "Dockerfile.amd64"),
            ("Dockerfile.{platform}", "linux/arm/v7", "Dockerfile.linux-arm-v7"),
            ("Dockerfile.{platform}", "linux/aarch64", "Dockerfile.linux-arm64"),
            ("Dockerfile.{platform}", "windows(ltsc2022)/amd64", "Dockerfile.windows-amd64"),
            ("arm64=Dockerfile.{arch}", "linux/arm64", "Dockerfile.arm64"),
            ("{1}/{}/{a-b}/{", "linux/arm64", "{1}/{}/{a-b}/{"),
            ("./a=b", "linux/arm64", "./a=b"),
        ] {
            assert_eq!(chosen(&[pattern], platform), path(filled), "{pattern}");
        }
    }

    #[test]
    fn a_file_may_be_behind_a_url() {
        let url = |text: &str| FileSource::Url(text.to_owned());
        assert_eq!(chosen(&["https://host/Dockerfile"], "linux/amd64"), url("https://host/Dockerfile"));
        assert_eq!(chosen(&["arm64=https://host/Dockerfile.{arch}"], "linux/arm64"), url("https://host/Dockerfile.arm64"));
    }

    #[test]
    fn what_stands_for_nothing_is_an_error() {
        for (text, hint) in [
            ("Dockerfile.{archs}", Some("did you mean {arch}")),
            ("a/{cpu}/{os}", None),
            ("linux/armv7={os}", Some("did you mean linux/arm/v7")),
        ] {
            let error = text.parse::<FileFlag>().unwrap_err();
            assert_eq!(fault::Fault::hint(&error).map(|hint| hint.to_string()).as_deref(), hint, "{text}: {error}");
        }
        assert!(matches!("linux/arm64=".parse::<FileFlag>(), Err(WordError::Shape { .. })));
        assert!(matches!("https://host/a.git".parse::<FileFlag>(), Err(WordError::Shape { .. })));
        assert!(matches!("ftp://host/Dockerfile".parse::<FileFlag>(), Err(WordError::Address(_))));
    }

    #[test]
    fn two_files_for_one_platform_are_an_error() {
        let said = |flags: &[&str]| files(flags).unwrap_err().to_string();
        assert_eq!(said(&["a", "b"]), r#"two files for every platform: expected one of "a" and "b""#);
        assert_eq!(said(&["linux/arm64=a", "c", "linux/aarch64=b"]), r#"two files for linux/arm64: expected one of "a" and "b""#);
    }
}
