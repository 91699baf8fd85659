//! ELF files (System V ABI, "Object Files"), and what each processor's supplement puts into `e_flags`.

use super::machine::{Architecture, Arm, Float, Machine, Mips, MipsAbi, System};
use super::view::View;
use super::{arm, dynamic};

/// What is told of an ELF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// What it runs on.
    pub machine: Machine,
    /// What it is.
    pub kind: ElfKind,
    /// 32 or 64.
    pub bits: u8,
    /// The order of its bytes.
    pub is_big_endian: bool,
    /// `EI_OSABI` as it stands: 0 for most, 3 for Linux, 9 for FreeBSD.
    pub os_abi: u8,
    /// The path of the dynamic linker, where there is one: the image must have it.
    pub interpreter: Option<Vec<u8>>,
    /// The names of the libraries it is linked to. `None` where that is out of reach; empty for a static program.
    pub needed: Option<Vec<Vec<u8>>>,
}

/// What an ELF file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElfKind {
    /// An object that is still to be linked, or a module of the kernel.
    Relocatable,
    /// A program at a fixed place.
    Executable,
    /// A library, or a program that runs at any place: that one has an interpreter.
    Shared,
    /// The memory of a program that has died.
    Core,
    /// Something else.
    Other,
}

pub(super) const ARM: u16 = 40;
/// EF_MIPS_ARCH, by its number; the last is what has no number here.
pub(super) const MIPS_ISAS: [&str; 12] =
    ["mips1", "mips2", "mips3", "mips4", "mips5", "mips32", "mips64", "mips32r2", "mips64r2", "mips32r6", "mips64r6", "mips"];

/// The header, and where the tables are.
#[derive(Clone, Copy)]
pub(super) struct Header<'a> {
    pub(super) view: View<'a>,
    pub(super) is_64: bool,
    pub(super) machine: u16,
    pub(super) flags: u32,
    pub(super) programs: (u64, usize, usize),
    pub(super) sections: (u64, usize, usize),
}

impl<'a> Header<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        if !bytes.starts_with(b"\x7fELF") {
            return None;
        }
        let is_64 = match bytes.get(4)? {
            1 => false,
            2 => true,
            _ => return None,
        };
        let view = match bytes.get(5)? {
            1 => View::new(bytes, false),
            2 => View::new(bytes, true),
            _ => return None,
        };
        let word = |narrow, wide| if is_64 { view.u64(wide) } else { view.u32(narrow).map(u64::from) };
        let half = |narrow, wide| view.u16(if is_64 { wide } else { narrow }).map(usize::from);
        Some(Self {
            view,
            is_64,
            machine: view.u16(18)?,
            flags: view.u32(if is_64 { 48 } else { 36 })?,
            programs: (word(28, 32)?, half(42, 54)?, half(44, 56)?),
            sections: (word(32, 40)?, half(46, 58)?, half(48, 60)?),
        })
    }

    /// A number of 32 or 64 bits, by the class of the file.
    pub(super) fn word(&self, at: usize) -> Option<u64> {
        if self.is_64 { self.view.u64(at) } else { self.view.u32(at).map(u64::from) }
    }
}

pub(super) fn parse(bytes: &[u8]) -> Option<Elf> {
    let header = Header::of(bytes)?;
    let os_abi = *bytes.get(7)?;
    let kind = match header.view.u16(16)? {
        1 => ElfKind::Relocatable,
        2 => ElfKind::Executable,
        3 => ElfKind::Shared,
        4 => ElfKind::Core,
        _ => ElfKind::Other,
    };
    let system = match os_abi {
        2 => System::NetBsd,
        6 => System::Solaris,
        9 => System::FreeBsd,
        12 => System::OpenBsd,
        _ => System::Unmarked,
    };
    let linked = dynamic::read(&header);
    let machine = Machine { architecture: architecture(&header, linked.level), system };
    Some(Elf {
        machine,
        kind,
        bits: if header.is_64 { 64 } else { 32 },
        is_big_endian: header.view.is_big_endian,
        os_abi,
        interpreter: linked.interpreter,
        needed: linked.needed,
    })
}

fn architecture(header: &Header<'_>, level: Option<u8>) -> Architecture {
    let (flags, is_64) = (header.flags, header.is_64);
    let is_big_endian = header.view.is_big_endian;
    let bits = if is_64 { 64 } else { 32 };
    match header.machine {
        3 | 6 => Architecture::I386,
        62 if is_64 => Architecture::Amd64 { level },
        62 => Architecture::X32,
        ARM => Architecture::Arm(arm_code(header)),
        183 => Architecture::Arm64 { is_big_endian },
        8 | 10 => Architecture::Mips(Mips { is_big_endian, abi: mips_abi(flags, is_64), isa: mips_isa(flags) }),
        20 => Architecture::Ppc { is_big_endian },
        21 => {
            let abi = (flags & 3) as u8;
            Architecture::Ppc64 { is_big_endian, abi: (abi != 0).then_some(abi) }
        }
        22 if is_64 => Architecture::S390x,
        22 => Architecture::S390,
        243 => {
            let float = match (flags >> 1) & 3 {
                0 => Float::Soft,
                1 => Float::Single,
                2 => Float::Double,
                _ => Float::Quad,
            };
            Architecture::Riscv { bits, float, is_compressed: flags & 1 != 0 }
        }
        258 => {
            let float = match flags & 7 {
                1 => Some(Float::Soft),
                2 => Some(Float::Single),
                3 => Some(Float::Double),
                _ => None,
            };
            Architecture::Loong { bits, float }
        }
        number => Architecture::Other { number },
    }
}

/// EF_ARM_ABI_FLOAT_HARD and _SOFT say how floats are handed over; the attributes know more, where they are in reach.
fn arm_code(header: &Header<'_>) -> Arm {
    let told = arm::attributes(header).or_else(|| arm::go_build(header.view.bytes)).unwrap_or_default();
    let float = match header.flags & 0x600 {
        0x400 => Some(Float::Double),
        0x200 => Some(Float::Soft),
        _ => told.float,
    };
    Arm { version: told.version, float, is_big_endian: header.view.is_big_endian }
}

const fn mips_abi(flags: u32, is_64: bool) -> MipsAbi {
    match (is_64, flags & 0x20 != 0) {
        (true, _) => MipsAbi::N64,
        (false, true) => MipsAbi::N32,
        (false, false) => MipsAbi::O32,
    }
}

fn mips_isa(flags: u32) -> &'static str {
    let [.., unknown] = MIPS_ISAS;
    usize::try_from(flags >> 28).ok().and_then(|at| MIPS_ISAS.get(at)).copied().unwrap_or(unknown)
}
