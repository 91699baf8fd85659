//! Machines, in the words that people and their tools have for them.

use std::fmt;

/// What a program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    /// The processor, with what programs must agree on.
    pub architecture: Architecture,
    /// The operating system.
    pub system: System,
}

/// An operating system, as far as a file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum System {
    /// Linux, or another system that marks its programs with nothing.
    Unmarked,
    /// Windows.
    Windows,
    /// macOS and its relatives.
    Darwin,
    /// FreeBSD.
    FreeBsd,
    /// NetBSD.
    NetBsd,
    /// OpenBSD.
    OpenBsd,
    /// Solaris and illumos.
    Solaris,
    /// The firmware: what starts an operating system.
    Firmware,
    /// All of them: a module of WebAssembly, an assembly of .NET.
    Any,
}

/// A processor, as far as programs must agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Architecture {
    /// 32-bit x86.
    I386,
    /// 64-bit x86, with the level that the file says it needs: 2 for `x86-64-v2`.
    Amd64 {
        /// 1 to 4, where it is told.
        level: Option<u8>,
    },
    /// 64-bit x86 with 32-bit pointers.
    X32,
    /// 32-bit ARM.
    Arm(Arm),
    /// 64-bit ARM.
    Arm64 {
        /// Big-endian, which no image is.
        is_big_endian: bool,
    },
    /// MIPS of any size.
    Mips(Mips),
    /// 32-bit PowerPC.
    Ppc {
        /// The byte order.
        is_big_endian: bool,
    },
    /// 64-bit PowerPC.
    Ppc64 {
        /// The byte order: `ppc64` is big-endian, `ppc64le` is not.
        is_big_endian: bool,
        /// 1 or 2 for ELFv1 or ELFv2, where it is told.
        abi: Option<u8>,
    },
    /// 31-bit S/390.
    S390,
    /// 64-bit S/390.
    S390x,
    /// RISC-V.
    Riscv {
        /// 32 or 64.
        bits: u8,
        /// How floating-point numbers are handed over.
        float: Float,
        /// Whether there are compressed instructions.
        is_compressed: bool,
    },
    /// LoongArch.
    Loong {
        /// 32 or 64.
        bits: u8,
        /// How floating-point numbers are handed over, where it is told.
        float: Option<Float>,
    },
    /// WebAssembly.
    Wasm,
    /// None in particular: an assembly of .NET ("AnyCPU").
    Any,
    /// One that no image is for, by its number in the file.
    Other {
        /// `e_machine` of an ELF file, `Machine` of a PE file, the low half of `cputype` of a Mach-O file.
        number: u16,
    },
}

/// What is known of 32-bit ARM code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arm {
    /// 4 to 8, where it is told: in `.ARM.attributes`, or in what Go writes of a build.
    pub version: Option<u8>,
    /// Hard or soft float, where it is told. [`Float::Double`] is hard.
    pub float: Option<Float>,
    /// Big-endian, which no image is.
    pub is_big_endian: bool,
}

/// How floating-point numbers are handed over between functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Float {
    /// In integer registers.
    Soft,
    /// In registers of 32 bits.
    Single,
    /// In registers of 64 bits: what every distribution uses.
    Double,
    /// In registers of 128 bits.
    Quad,
}

/// What is known of MIPS code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mips {
    /// The byte order: `mips` and `mips64` are big-endian, `mipsle` and `mips64le` are not.
    pub is_big_endian: bool,
    /// The calling convention.
    pub abi: MipsAbi,
    /// The set of instructions, such as `mips32r2`.
    pub isa: &'static str,
}

/// A calling convention of MIPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MipsAbi {
    /// 32-bit.
    O32,
    /// 64-bit registers with 32-bit pointers.
    N32,
    /// 64-bit.
    N64,
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let little = |is_big_endian: &bool| if *is_big_endian { "" } else { "le" };
        match self {
            Self::I386 => formatter.write_str("i386"),
            Self::Amd64 { level: Some(level @ 2..) } => write!(formatter, "x86-64-v{level}"),
            Self::Amd64 { .. } => formatter.write_str("x86-64"),
            Self::X32 => formatter.write_str("x32"),
            Self::Arm(arm) => {
                formatter.write_str(if arm.is_big_endian { "big-endian arm" } else { "arm" })?;
                arm.version.map_or(Ok(()), |version| write!(formatter, " v{version}"))
            }
            Self::Arm64 { is_big_endian: false } => formatter.write_str("aarch64"),
            Self::Arm64 { is_big_endian: true } => formatter.write_str("big-endian aarch64"),
            Self::Mips(mips) => {
                let (bits, abi) = match mips.abi {
                    MipsAbi::O32 => ("", ""),
                    MipsAbi::N32 => ("64", " n32"),
                    MipsAbi::N64 => ("64", ""),
                };
                write!(formatter, "mips{bits}{}{abi}", little(&mips.is_big_endian))
            }
            Self::Ppc { is_big_endian } => write!(formatter, "ppc{}", little(is_big_endian)),
            Self::Ppc64 { is_big_endian, .. } => write!(formatter, "ppc64{}", little(is_big_endian)),
            Self::S390 => formatter.write_str("s390"),
            Self::S390x => formatter.write_str("s390x"),
            Self::Riscv { bits, .. } => write!(formatter, "riscv{bits}"),
            Self::Loong { bits, .. } => write!(formatter, "loongarch{bits}"),
            Self::Wasm => formatter.write_str("wasm"),
            Self::Any => formatter.write_str("any machine"),
            Self::Other { number } => write!(formatter, "machine number {number}"),
        }
    }
}

/// `x86-64`, `aarch64`, `arm v7`; with the system before it where that is marked: `windows x86-64`.
impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = match self.system {
            System::Unmarked | System::Any => "",
            System::Windows => "windows ",
            System::Darwin => "darwin ",
            System::FreeBsd => "freebsd ",
            System::NetBsd => "netbsd ",
            System::OpenBsd => "openbsd ",
            System::Solaris => "solaris ",
            System::Firmware => "firmware ",
        };
        write!(formatter, "{system}{}", self.architecture)
    }
}
