//! Machines, and the architectures of the programs that run on them without help.

use crate::calls::CALLS;

/// The bit that marks a call of x32 (Linux, arch/x86/include/uapi/asm/unistd.h, `__X32_SYSCALL_BIT`).
pub(crate) const X32_BIT: u32 = 0x4000_0000;

/// A machine that processes are started on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// x86-64, which also runs programs of x86 and x32.
    X86_64,
    /// AArch64, which also runs programs of 32-bit ARM.
    Aarch64,
}

impl Host {
    /// Returns the machine that this program was made for; `None` where no filter is known for it.
    pub const fn here() -> Option<Self> {
        if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
            Some(Self::X86_64)
        } else if cfg!(all(target_arch = "aarch64", target_endian = "little")) {
            Some(Self::Aarch64)
        } else {
            None
        }
    }

    /// Returns the architectures of the programs that it runs, its own first.
    pub const fn architectures(self) -> &'static [Architecture] {
        match self {
            Self::X86_64 => &[Architecture::X86_64, Architecture::X86, Architecture::X32],
            Self::Aarch64 => &[Architecture::Aarch64, Architecture::Arm],
        }
    }
}

/// What numbers a program calls the kernel by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// x86-64.
    X86_64,
    /// 32-bit x86.
    X86,
    /// x86-64 with pointers of 32 bits: to the kernel, x86-64 with a bit in the number.
    X32,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM.
    Arm,
}

impl Architecture {
    /// Returns what the kernel calls it where a filter asks (linux/audit.h, `AUDIT_ARCH_*`): the number in ELF files, with a bit
    /// each for little-endian and 64 bits.
    pub const fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xC000_003E,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xC000_00B7,
            Self::Arm => 0x4000_0028,
        }
    }

    const fn column(self) -> usize {
        match self {
            Self::X86_64 => 0,
            Self::X86 => 1,
            Self::X32 => 2,
            Self::Aarch64 => 3,
            Self::Arm => 4,
        }
    }

    /// Returns what is added to every number of the table.
    pub(crate) const fn mark(self) -> u32 {
        if matches!(self, Self::X32) { X32_BIT } else { 0 }
    }

    /// Lists its calls: names, and the numbers that a filter sees.
    pub fn calls(self) -> impl Iterator<Item = (&'static str, u32)> {
        let number = move |numbers: &[u32; 5]| numbers.get(self.column()).copied().filter(|number| *number != crate::calls::NO);
        CALLS.iter().filter_map(move |(name, numbers)| Some((*name, number(numbers)? | self.mark())))
    }
}
