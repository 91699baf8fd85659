//! Platforms: what they are called, how they are typed, and which image a host would take.
//!
//! One normaliser ([`Platform::normalized`]) serves parsing, comparing and matching. Nothing here reads the
//! environment, `/proc` or a clock: a host is always handed in. Start at `parse.rs` for what people type, at
//! `matching.rs` for what a host runs.

mod alias;
mod error;
mod matching;
mod parse;
mod set;
mod windows;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::nullable;
pub use error::PlatformError;
pub use matching::Matcher;
pub use set::PlatformSet;

/// Holds a platform as it stands in a descriptor or a config.
///
/// Reading is tolerant, since real indexes hold entries without `os` or `architecture`: missing and `null` read as
/// empty, and unknown fields survive in `extra`. Equality is exact; see [`same_as`](Platform::same_as) for "the same
/// platform by another name".
///
/// ```
/// use oci::Platform;
///
/// let platform: Platform = serde_json::from_str(r#"{"os":"linux","architecture":"arm","variant":"v7"}"#).unwrap();
/// assert_eq!(platform, Platform::new("linux", "arm", Some("v7")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The CPU architecture in Go's words: `amd64`, `arm64`, `386`.
    #[serde(default, deserialize_with = "nullable")]
    pub architecture: String,
    /// The operating system in Go's words: `linux`, `windows`, `darwin`.
    #[serde(default, deserialize_with = "nullable")]
    pub os: String,
    /// The version of the operating system; only Windows uses it.
    #[serde(rename = "os.version", default, deserialize_with = "empty_as_none", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// What the image needs from the operating system, such as `win32k`.
    #[serde(rename = "os.features", default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The level of the architecture: `v7` of `arm`, `v3` of `amd64`.
    #[serde(default, deserialize_with = "empty_as_none", skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Fields this crate does not know, in the order they were read.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Platform {
    /// Makes a platform from its three parts, as they are: nothing is normalised.
    ///
    /// ```
    /// # use oci::Platform;
    /// assert_eq!(Platform::new("linux", "arm", Some("v6")).to_string(), "linux/arm/v6");
    /// ```
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Platform {
        Platform { architecture: architecture.to_owned(), os: os.to_owned(), variant: variant.map(str::to_owned), ..Platform::default() }
    }

    /// Translates Rust's names for a system and an architecture, or a target triple's, to the image world's.
    ///
    /// `arm` becomes `arm/v7`, the level that containerd assumes too. `powerpc64` and `mips` say nothing of the byte
    /// order and mean the big-endian one; write `powerpc64le` or `mipsel` for the other.
    ///
    /// ```
    /// # use oci::Platform;
    /// assert_eq!(Platform::of_rust("linux", "x86_64").to_string(), "linux/amd64");
    /// assert_eq!(Platform::of_rust("macos", "aarch64").to_string(), "darwin/arm64");
    /// ```
    pub fn of_rust(os: &str, architecture: &str) -> Platform {
        let os = if os.is_empty() { "unknown" } else { os };
        let architecture = match architecture {
            "" => "unknown",
            "powerpc" => "ppc",
            "powerpc64" => "ppc64",
            "powerpc64le" => "ppc64le",
            "wasm32" | "wasm64" => "wasm",
            other => other,
        };
        let (architecture, variant) = alias::typed(architecture, None);
        Platform::new(os, architecture, variant.as_deref()).normalized()
    }

    /// Returns the platform that this binary was compiled for; macOS stays `darwin` and Windows `windows`.
    ///
    /// It reads constants of the compiler, never the machine, so it knows no CPU level and no Windows build.
    ///
    /// ```
    /// # use oci::Platform;
    /// assert!(!Platform::host().is_unknown());
    /// ```
    pub fn host() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "powerpc64" if cfg!(target_endian = "little") => "powerpc64le",
            "mips" if cfg!(target_endian = "little") => "mipsle",
            "mips64" if cfg!(target_endian = "little") => "mips64le",
            other => other,
        };
        Platform::of_rust(std::env::consts::OS, architecture)
    }

    /// Parses what a person types, with `host` filling the gaps, and returns the normalised platform.
    ///
    /// A bare operating system takes the host's architecture, and `local` is the host itself. A bare architecture is
    /// `linux` on every host. There containerd differs: it takes the operating system it runs on, so `arm64` means
    /// `darwin/arm64` on a Mac, which no image has.
    ///
    /// ```
    /// # use oci::Platform;
    /// let mac = Platform::new("darwin", "arm64", None);
    /// assert_eq!(Platform::parse_for("amd64", &mac)?.to_string(), "linux/amd64");
    /// assert_eq!(Platform::parse_for("linux", &mac)?.to_string(), "linux/arm64");
    /// assert_eq!(Platform::parse_for("local", &mac)?.to_string(), "darwin/arm64");
    /// # Ok::<(), oci::PlatformError>(())
    /// ```
    pub fn parse_for(text: &str, host: &Platform) -> Result<Platform, PlatformError> {
        parse::platform(text, host)
    }

    /// Lists every alias with the platform it means as a bare word.
    ///
    /// ```
    /// # use oci::Platform;
    /// let (_, platform) = Platform::aliases().find(|(word, _)| *word == "armhf").unwrap();
    /// assert_eq!(platform.to_string(), "linux/arm/v7");
    /// ```
    pub fn aliases() -> impl Iterator<Item = (&'static str, Platform)> {
        alias::all()
    }

    /// Lists the operating systems that are known by name, the common ones first.
    ///
    /// ```
    /// assert!(oci::Platform::known_systems().contains(&"linux"));
    /// ```
    pub fn known_systems() -> &'static [&'static str] {
        alias::SYSTEMS
    }

    /// Lists the architectures that are known by name, the common ones first.
    ///
    /// ```
    /// assert!(oci::Platform::known_architectures().contains(&"riscv64"));
    /// ```
    pub fn known_architectures() -> &'static [&'static str] {
        alias::ARCHITECTURES
    }

    /// Lists the names that stand for a Windows version, oldest first.
    ///
    /// ```
    /// assert!(oci::Platform::windows_releases().contains(&("ltsc2022", "10.0.20348")));
    /// ```
    pub fn windows_releases() -> &'static [(&'static str, &'static str)] {
        windows::RELEASES
    }

    /// Returns the one form that all spellings of a platform share, without the unknown fields.
    ///
    /// These are containerd's rules: lower case, `x86_64` is `amd64`, `arm` is `arm/v7`, `arm64/v8` is `arm64`,
    /// `macos` is `darwin`, features sorted and without repeats. The longer list of aliases that
    /// [`parse_for`](Platform::parse_for) reads does not apply: no client reads `i686` in a config as `386`.
    /// An empty `os` stays empty, for only a [`Matcher`] knows the host that containerd would put there.
    ///
    /// ```
    /// # use oci::Platform;
    /// let stored = Platform::new("Linux", "aarch64", Some("v8"));
    /// assert_eq!(stored.normalized(), Platform::new("linux", "arm64", None));
    /// ```
    pub fn normalized(&self) -> Platform {
        let (architecture, variant) = alias::stored(&self.architecture, self.variant.as_deref());
        let mut os_features = self.os_features.clone();
        os_features.sort_unstable();
        os_features.dedup();
        Platform {
            architecture,
            os: alias::system(&self.os),
            os_version: self.os_version.clone().filter(|version| !version.is_empty()),
            os_features,
            variant,
            extra: serde_json::Map::new(),
        }
    }

    /// Tells whether this is `unknown/unknown`, which BuildKit writes for attestations.
    ///
    /// ```
    /// # use oci::Platform;
    /// assert!(Platform::new("unknown", "unknown", None).is_unknown());
    /// ```
    pub fn is_unknown(&self) -> bool {
        self.os.eq_ignore_ascii_case("unknown") && self.architecture.eq_ignore_ascii_case("unknown")
    }

    /// Tells whether both are the same platform once normalised.
    ///
    /// ```
    /// # use oci::Platform;
    /// let stored = Platform::new("linux", "arm", None);
    /// assert!(stored.same_as(&Platform::new("linux", "arm", Some("v7"))));
    /// assert!(!stored.same_as(&Platform::new("linux", "arm", Some("v6"))));
    /// ```
    pub fn same_as(&self, other: &Platform) -> bool {
        self.normalized() == other.normalized()
    }

    /// Tells whether this platform, as the name of one, means `other`.
    ///
    /// What is not written may be anything: `windows/amd64` means every version of it. A version
    /// that is written means itself and what is more precise.
    ///
    /// ```
    /// # use oci::Platform;
    /// let stored: Platform = "windows/amd64:10.0.20348.2340".parse()?;
    /// assert!("windows/amd64".parse::<Platform>()?.covers(&stored));
    /// assert!("windows(ltsc2022)/amd64".parse::<Platform>()?.covers(&stored));
    /// assert!(!"windows(ltsc2025)/amd64".parse::<Platform>()?.covers(&stored));
    /// # Ok::<(), oci::PlatformError>(())
    /// ```
    pub fn covers(&self, other: &Platform) -> bool {
        let (name, other) = (self.normalized(), other.normalized());
        let version = match (&name.os_version, &other.os_version) {
            (None, _) => true,
            (Some(wanted), Some(found)) => found == wanted || found.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with('.')),
            (Some(_), None) => false,
        };
        let features = name.os_features.iter().all(|feature| other.os_features.contains(feature));
        version && features && (name.os, name.architecture, name.variant) == (other.os, other.architecture, other.variant)
    }
}

/// Parses what a person types, on the platform that this binary was compiled for.
impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Platform, PlatformError> {
        Platform::parse_for(text, &Platform::host())
    }
}

/// Prints the platform as it is; what [`FromStr`] returned prints to text that reads back as the same.
///
/// The version follows a colon, as crane and mquery print it; with features both stand in brackets, as containerd
/// prints them. A missing part prints as `unknown`, and a wholly empty platform is one `unknown`.
impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.os.is_empty() && self.architecture.is_empty() {
            return formatter.write_str("unknown");
        }
        formatter.write_str(or_unknown(&self.os))?;
        let version = self.os_version.as_deref().map(parse::encode).unwrap_or_default();
        if !self.os_features.is_empty() {
            write!(formatter, "({version}")?;
            for feature in &self.os_features {
                write!(formatter, "+{}", parse::encode(feature))?;
            }
            formatter.write_str(")")?;
        }
        write!(formatter, "/{}", or_unknown(&self.architecture))?;
        if let Some(variant) = self.variant.as_deref().filter(|variant| !variant.is_empty()) {
            write!(formatter, "/{variant}")?;
        }
        if self.os_features.is_empty() && !version.is_empty() {
            write!(formatter, ":{version}")?;
        }
        Ok(())
    }
}

fn or_unknown(part: &str) -> &str {
    if part.is_empty() { "unknown" } else { part }
}

fn empty_as_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}
