//! Which platforms there are, and which of a list's images are for the same one.

use std::collections::HashMap;

use fault::{Fault, Hint, Kind};
use index::{Candidate, Role};
use oci::{Digest, Platform};

/// Systems that run on few architectures; the others are taken to run on any (`go tool dist list`).
const FEW: [(&str, &[&str]); 5] = [
    ("windows", &["386", "amd64", "arm", "arm64"]),
    ("darwin", &["386", "amd64", "arm", "arm64"]),
    ("js", &["wasm"]),
    ("wasip1", &["wasm"]),
    ("wasi", &["wasm"]),
];

/// The levels that architectures come in (containerd, `platforms`; the Go toolchain, `GOAMD64` and its like).
const VARIANTS: [(&str, &[&str]); 6] = [
    ("amd64", &["v1", "v2", "v3", "v4"]),
    ("arm", &["v5", "v6", "v7", "v8"]),
    ("ppc64le", &["power8", "power9", "power10"]),
    ("ppc64", &["power8", "power9", "power10"]),
    ("riscv64", &["rva20u64", "rva22u64", "rva23u64"]),
    ("386", &["sse2", "softfloat"]),
];

/// Tells whether a platform exists, as it is spelt.
pub fn is_real(platform: &Platform) -> bool {
    let (os, architecture) = (platform.os.as_str(), platform.architecture.as_str());
    let few = FEW.iter().find(|(system, _)| *system == os).map(|(_, architectures)| *architectures);
    let pair = match few {
        Some(architectures) => architectures.contains(&architecture),
        None => Platform::known_systems().contains(&os) && Platform::known_architectures().contains(&architecture),
    };
    pair && platform.variant.as_deref().is_none_or(|variant| variant.is_empty() || is_variant(architecture, variant))
}

fn is_variant(architecture: &str, variant: &str) -> bool {
    match architecture {
        // v8, v8.1, v9, v9.5: ARM counts on.
        "arm64" => variant.strip_prefix("v8").or_else(|| variant.strip_prefix("v9")).is_some_and(|rest| {
            rest.is_empty()
                || rest.strip_prefix('.').is_some_and(|minor| minor.len() == 1 && minor.bytes().all(|byte| byte.is_ascii_digit()))
        }),
        "mips" | "mipsle" | "mips64" | "mips64le" => ["hardfloat", "softfloat"].contains(&variant),
        other => VARIANTS.iter().any(|(name, variants)| *name == other && variants.contains(&variant)),
    }
}

/// A platform that no machine has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unable to create platform object for manifest {digest}: manifest entry for image {image} has unsupported os/arch or \
     os/arch/variant combination: {}/{}/{}", platform.os, platform.architecture, platform.variant.as_deref().unwrap_or_default()
)]
pub struct Unsupported {
    /// The digest of the image's manifest.
    pub digest: Digest,
    /// The image, as it was written.
    pub image: String,
    /// The platform, as it was written or as the config has it.
    pub platform: Box<Platform>,
}

impl Fault for Unsupported {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let known = self.platform.normalized();
        if known != *self.platform && is_real(&known) {
            return Some(Hint::new(format!("write it as {known}")));
        }
        let text = match &self.platform.variant {
            Some(variant) => format!("{}/{}/{variant}", self.platform.os, self.platform.architecture),
            None => format!("{}/{}", self.platform.os, self.platform.architecture),
        };
        let meant = match text.parse::<Platform>() {
            Err(problem) => problem.hint(),
            Ok(meant) if is_real(&meant) => Some(format!("write it as {meant}")),
            Ok(_) => None,
        };
        meant.map(Hint::new)
    }
}

/// Two images for one platform, whatever each calls it: `linux/arm64` and `linux/arm64/v8` are one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot include two manifests with the same platform; digest {first} already provides platform {} (this digest: {second})",
    dashed(platform)
)]
pub struct SamePlatform {
    /// The digest of the first.
    pub first: Digest,
    /// What the first calls it.
    pub platform: Box<Platform>,
    /// The digest of the second.
    pub second: Digest,
}

impl Fault for SamePlatform {
    fn kind(&self) -> Kind {
        Kind::Answer
    }
}

/// Refuses a list with two images for one platform, the same image twice included.
///
/// # Errors
/// Names the first two.
pub fn check_distinct<'a>(entries: impl IntoIterator<Item = &'a Candidate>) -> Result<(), SamePlatform> {
    let mut seen: HashMap<Platform, &Candidate> = HashMap::new();
    for entry in entries {
        let Role::Image(own) = &entry.role else { continue };
        if let Some(first) = seen.insert(own.normalized(), entry) {
            let platform = Box::new(first.descriptor.platform.clone().unwrap_or_default());
            return Err(SamePlatform { first: first.descriptor.digest.clone(), platform, second: entry.descriptor.digest.clone() });
        }
    }
    Ok(())
}

fn dashed(platform: &Platform) -> String {
    let (variant, version) = (platform.variant.as_deref().unwrap_or_default(), platform.os_version.as_deref().unwrap_or_default());
    format!("{}-{}-{variant}-{version}-{}", platform.architecture, platform.os, platform.os_features.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/');
        let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        Platform::new(os, architecture, parts.next())
    }

    #[test]
    fn real_platforms_are_taken_and_nonsense_is_not() {
        for real in [
            "linux/amd64",
            "linux/amd64/v2",
            "linux/arm/v5",
            "linux/arm/v8",
            "linux/arm64/v8",
            "linux/arm64/v9",
            "linux/arm64/v8.2",
            "linux/loong64",
            "linux/riscv64",
            "linux/ppc64le/power9",
            "windows/arm64",
            "freebsd/arm64",
            "wasip1/wasm",
        ] {
            assert!(is_real(&platform(real)), "{real}");
        }
        for nonsense in [
            "linux/",
            "/amd64",
            "/",
            "linux/amd46",
            "linux/aarch64",
            "Linux/amd64",
            "linux/amd64/v9",
            "linux/arm/v9",
            "linux/arm64/v7",
            "linux/arm64/v8.x",
            "windows/s390x",
            "beos/amd64",
            "linux/s390x/v1",
        ] {
            assert!(!is_real(&platform(nonsense)), "{nonsense}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_meant() {
        let refused = |text: &str| {
            let problem = Unsupported { digest: Digest::of(b""), image: "app:1".to_owned(), platform: Box::new(platform(text)) };
            problem.hint().map(|hint| hint.to_string()).unwrap_or_default()
        };
        assert_eq!(refused("linux/aarch64"), "write it as linux/arm64");
        assert!(refused("linux/amd46").contains("linux/amd64"), "{}", refused("linux/amd46"));
        assert_eq!(dashed(&platform("linux/arm/v7")), "arm-linux-v7--");
    }
}
