//! Whether a program belongs into an image for a platform.

use oci::Platform;

use super::machine::{Architecture, Arm, Float, Machine, MipsAbi, System};

/// The answer to whether a file runs on a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It runs there, or nothing speaks against it.
    Fits,
    /// It is for the same architecture, and for a higher level of it: `arm v7` in linux/arm/v6.
    HigherLevel {
        /// What the file is for.
        found: Machine,
        /// The platform.
        wanted: Platform,
    },
    /// It is for another machine or another system.
    Foreign {
        /// What the file is for.
        found: Machine,
    },
    /// It is no program.
    NoProgram,
}

impl Verdict {
    /// The better of two is the lower.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Fits => 0,
            Self::HigherLevel { .. } => 1,
            Self::Foreign { .. } => 2,
            Self::NoProgram => 3,
        }
    }
}

/// Tells whether a machine's code belongs into an image for a platform.
///
/// - 386 and x32 are foreign in linux/amd64: a kernel may run them, an image must not count on it. Windows always can, so
///   there 386 fits amd64.
/// - 32-bit ARM is foreign in linux/arm64.
/// - ARM v6 fits linux/arm/v7; v7 in linux/arm/v6 is a higher level. Hard float needs v6.
/// - The order of bytes matters everywhere; calling conventions only where they are another architecture's.
/// - What a file does not tell speaks against nothing.
pub fn fits(machine: &Machine, platform: &Platform) -> Verdict {
    let platform = platform.clone().normalized();
    if machine.system == System::Firmware {
        return Verdict::NoProgram;
    }
    if !runs_on(machine.system, &platform.os) || !is_of(machine, &platform) {
        return Verdict::Foreign { found: *machine };
    }
    let wanted = platform.variant.as_deref().and_then(|variant| variant.strip_prefix('v')).and_then(|level| level.parse::<u8>().ok());
    let (has, is_needed) = match machine.architecture {
        // An arm without a variant is v7, for containerd and for us.
        Architecture::Arm(arm) => (wanted.unwrap_or(7), arm_level(&arm)),
        Architecture::Amd64 { level } => (wanted.unwrap_or(1), level.unwrap_or(1)),
        _ => return Verdict::Fits,
    };
    if is_needed <= has { Verdict::Fits } else { Verdict::HigherLevel { found: *machine, wanted: platform } }
}

/// The lowest level the code runs on.
fn arm_level(arm: &Arm) -> u8 {
    let least = if matches!(arm.float, Some(Float::Single | Float::Double | Float::Quad)) { 6 } else { 0 };
    arm.version.unwrap_or(least).max(least)
}

fn runs_on(system: System, os: &str) -> bool {
    match system {
        // What nobody marked is foreign only where programs have another format.
        System::Unmarked => !matches!(os, "windows" | "darwin" | "ios"),
        System::Windows => os == "windows",
        System::Darwin => matches!(os, "darwin" | "ios"),
        System::FreeBsd => os == "freebsd",
        System::NetBsd => os == "netbsd",
        System::OpenBsd => os == "openbsd",
        System::Solaris => matches!(os, "solaris" | "illumos"),
        System::Firmware => false,
        System::Any => true,
    }
}

fn is_of(machine: &Machine, platform: &Platform) -> bool {
    let name = platform.architecture.as_str();
    match machine.architecture {
        Architecture::I386 => name == "386" || (name == "amd64" && platform.os == "windows"),
        Architecture::Amd64 { .. } => name == "amd64",
        Architecture::Arm(arm) => name == if arm.is_big_endian { "armbe" } else { "arm" },
        Architecture::Arm64 { is_big_endian } => name == if is_big_endian { "arm64be" } else { "arm64" },
        Architecture::Mips(mips) => match (mips.abi, mips.is_big_endian) {
            (MipsAbi::O32, true) => name == "mips",
            (MipsAbi::O32, false) => name == "mipsle",
            (MipsAbi::N32, true) => name == "mips64p32",
            (MipsAbi::N32, false) => name == "mips64p32le",
            (MipsAbi::N64, true) => name == "mips64",
            (MipsAbi::N64, false) => name == "mips64le",
        },
        Architecture::Ppc { is_big_endian } => is_big_endian && name == "ppc",
        Architecture::Ppc64 { is_big_endian, .. } => name == if is_big_endian { "ppc64" } else { "ppc64le" },
        Architecture::S390 => name == "s390",
        Architecture::S390x => name == "s390x",
        Architecture::Riscv { bits, .. } => name == if bits == 64 { "riscv64" } else { "riscv" },
        Architecture::Loong { bits, .. } => bits == 64 && name == "loong64",
        Architecture::Wasm => name == "wasm",
        Architecture::Any => true,
        Architecture::X32 | Architecture::Other { .. } => false,
    }
}
