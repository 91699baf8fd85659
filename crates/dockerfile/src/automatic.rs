//! The arguments that every build has: the platforms, in the words of the tools that a Dockerfile calls.

use std::borrow::Cow;

use oci::Platform;

use crate::expand::Environment;

/// The automatic arguments with their values, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutomaticArguments(Vec<(String, String)>);

impl AutomaticArguments {
    /// Returns all of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

impl Environment for AutomaticArguments {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.as_slice().value(name)
    }
}

/// What a platform is called elsewhere. What has no name there is empty.
struct Names {
    os: &'static str,
    architecture: &'static str,
    /// Empty: any.
    variant: &'static str,
    /// `uname -m`
    machine: &'static str,
    /// `dpkg --print-architecture`
    debian: &'static str,
    /// `rustc --print target-list`
    rust: &'static str,
    /// The prefix of the GNU tools.
    gnu: &'static str,
}

const fn names(
    platform: (&'static str, &'static str, &'static str),
    machine: &'static str,
    debian: &'static str,
    rust: &'static str,
    gnu: &'static str,
) -> Names {
    Names { os: platform.0, architecture: platform.1, variant: platform.2, machine, debian, rust, gnu }
}

/// Sources: `uname -m` from the kernel's `UTS_MACHINE` (and `arch/arm/mm/proc-*.S`), Debian's names and tuples from
/// dpkg's `cputable` and `tupletable`, Rust's from the "Platform Support" page, the prefixes from Debian's cross
/// compilers. Debian's `armhf` needs an ARMv7, so an ARMv6 is `armel` there, with the soft-float triples to match. On
/// Windows the triples are those of MinGW, which build on Linux.
const TABLE: &[Names] = &[
    names(("linux", "amd64", ""), "x86_64", "amd64", "x86_64-unknown-linux-gnu", "x86_64-linux-gnu"),
    names(("linux", "arm64", ""), "aarch64", "arm64", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu"),
    names(("linux", "arm", "v8"), "armv8l", "armhf", "armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf"),
    names(("linux", "arm", "v7"), "armv7l", "armhf", "armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf"),
    names(("linux", "arm", "v6"), "armv6l", "armel", "arm-unknown-linux-gnueabi", "arm-linux-gnueabi"),
    names(("linux", "arm", "v5"), "armv5tel", "armel", "armv5te-unknown-linux-gnueabi", "arm-linux-gnueabi"),
    names(("linux", "386", ""), "i686", "i386", "i686-unknown-linux-gnu", "i686-linux-gnu"),
    names(("linux", "ppc64le", ""), "ppc64le", "ppc64el", "powerpc64le-unknown-linux-gnu", "powerpc64le-linux-gnu"),
    names(("linux", "ppc64", ""), "ppc64", "ppc64", "powerpc64-unknown-linux-gnu", "powerpc64-linux-gnu"),
    names(("linux", "s390x", ""), "s390x", "s390x", "s390x-unknown-linux-gnu", "s390x-linux-gnu"),
    names(("linux", "riscv64", ""), "riscv64", "riscv64", "riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu"),
    names(("linux", "loong64", ""), "loongarch64", "loong64", "loongarch64-unknown-linux-gnu", "loongarch64-linux-gnu"),
    names(("linux", "mips64le", ""), "mips64", "mips64el", "mips64el-unknown-linux-gnuabi64", "mips64el-linux-gnuabi64"),
    names(("linux", "mips64", ""), "mips64", "mips64", "mips64-unknown-linux-gnuabi64", "mips64-linux-gnuabi64"),
    names(("windows", "amd64", ""), "x86_64", "", "x86_64-pc-windows-gnu", "x86_64-w64-mingw32"),
    names(("windows", "arm64", ""), "aarch64", "", "aarch64-pc-windows-gnullvm", "aarch64-w64-mingw32"),
    names(("windows", "386", ""), "i686", "", "i686-pc-windows-gnu", "i686-w64-mingw32"),
    names(("darwin", "amd64", ""), "x86_64", "", "x86_64-apple-darwin", "x86_64-apple-darwin"),
    names(("darwin", "arm64", ""), "arm64", "", "aarch64-apple-darwin", "aarch64-apple-darwin"),
    names(("freebsd", "amd64", ""), "amd64", "", "x86_64-unknown-freebsd", "x86_64-unknown-freebsd"),
    names(("freebsd", "arm64", ""), "arm64", "", "aarch64-unknown-freebsd", "aarch64-unknown-freebsd"),
];

/// Returns the automatic arguments of a build for a target stage, which is `default` without a name.
///
/// They are BuildKit's eleven (`BUILDPLATFORM`, `BUILDOS`, `BUILDOSVERSION`, `BUILDARCH`, `BUILDVARIANT`, the same with
/// `TARGET`, and `TARGETSTAGE`), and polyarch's own beside them: `TARGETUNAME`, `TARGETDEBARCH`, `TARGETRUST`,
/// `TARGETGNU`, and the same with `BUILD`. A name that does not exist for a platform is empty.
///
/// ```
/// use dockerfile::{Environment, automatic_arguments};
/// use oci::Platform;
///
/// let arguments = automatic_arguments(&Platform::new("linux", "amd64", None), &Platform::new("linux", "arm", Some("v7")), None);
/// assert_eq!(arguments.value("TARGETPLATFORM").as_deref(), Some("linux/arm/v7"));
/// assert_eq!(arguments.value("TARGETDEBARCH").as_deref(), Some("armhf"));
/// assert_eq!(arguments.value("BUILDGNU").as_deref(), Some("x86_64-linux-gnu"));
/// assert_eq!(arguments.value("TARGETSTAGE").as_deref(), Some("default"));
/// ```
pub fn automatic_arguments(build: &Platform, target: &Platform, stage: Option<&str>) -> AutomaticArguments {
    let mut pairs = Vec::new();
    for (prefix, platform) in [("BUILD", build), ("TARGET", target)] {
        let platform = platform.normalized();
        let variant = platform.variant.clone().unwrap_or_default();
        let mut add = |name: &str, value: &str| pairs.push((format!("{prefix}{name}"), value.to_owned()));
        let slash = if variant.is_empty() { "" } else { "/" };
        add("PLATFORM", &format!("{}/{}{slash}{variant}", platform.os, platform.architecture));
        add("OS", &platform.os);
        add("OSVERSION", platform.os_version.as_deref().unwrap_or_default());
        add("ARCH", &platform.architecture);
        add("VARIANT", &variant);
        let fits = |names: &&Names| {
            names.os == platform.os && names.architecture == platform.architecture && (names.variant.is_empty() || names.variant == variant)
        };
        let found = TABLE.iter().find(fits);
        add("UNAME", found.map_or("", |names| names.machine));
        add("DEBARCH", found.map_or("", |names| names.debian));
        add("RUST", found.map_or("", |names| names.rust));
        add("GNU", found.map_or("", |names| names.gnu));
    }
    pairs.push(("TARGETSTAGE".to_owned(), stage.unwrap_or("default").to_owned()));
    AutomaticArguments(pairs)
}
