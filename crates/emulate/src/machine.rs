//! The machines that images are made for, and what each is called by whom.

use std::fmt;

use oci::Platform;

use crate::elf::{Class, Order};

/// An instruction set, with its width and its order of bytes: what a program is made for.
///
/// Levels of it, such as `v7` of `arm`, are a [`Probe`](crate::Probe)'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// 64-bit x86.
    Amd64,
    /// 32-bit x86.
    I386,
    /// 32-bit ARM, little-endian.
    Arm,
    /// 64-bit ARM, little-endian.
    Arm64,
    /// 64-bit POWER, little-endian.
    Ppc64le,
    /// 64-bit IBM Z.
    S390x,
    /// 64-bit RISC-V.
    Riscv64,
    /// 64-bit MIPS, little-endian.
    Mips64le,
    /// 64-bit LoongArch.
    Loong64,
}

impl Machine {
    /// All machines, the common ones first.
    pub const ALL: [Self; 9] =
        [Self::Amd64, Self::Arm64, Self::Arm, Self::I386, Self::Riscv64, Self::Ppc64le, Self::S390x, Self::Mips64le, Self::Loong64];

    /// Returns the machine of a Linux platform; `None` for other systems, and for machines that are not known here.
    pub fn of(platform: &Platform) -> Option<Self> {
        let platform = platform.normalized();
        let named = |machine: &Self| machine.architecture() == platform.architecture;
        (platform.os == "linux").then(|| Self::ALL.into_iter().find(named)).flatten()
    }

    /// Returns the machine that this program was made for.
    pub fn here() -> Option<Self> {
        Self::of(&Platform::host())
    }

    /// Returns the word for it in a platform.
    pub const fn architecture(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::I386 => "386",
            Self::Arm => "arm",
            Self::Arm64 => "arm64",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
            Self::Riscv64 => "riscv64",
            Self::Mips64le => "mips64le",
            Self::Loong64 => "loong64",
        }
    }

    /// Returns QEMU's word for it, as in `qemu-aarch64`.
    pub const fn qemu(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::I386 => "i386",
            Self::Arm64 => "aarch64",
            Self::Mips64le => "mips64el",
            Self::Loong64 => "loongarch64",
            Self::Arm | Self::Ppc64le | Self::S390x | Self::Riscv64 => self.architecture(),
        }
    }

    /// Returns the names of files that are emulators for it, the likeliest to be usable first.
    ///
    /// Debian and Fedora say `-static` where the plain name may be linked to libraries, which no other root has. BuildKit ships
    /// `buildkit-qemu-ARCH` beside itself.
    pub fn emulator_names(self) -> [String; 3] {
        let word = self.qemu();
        [format!("qemu-{word}-static"), format!("qemu-{word}"), format!("buildkit-qemu-{word}")]
    }

    /// Returns the machine that a file of this name is an emulator for.
    pub fn of_emulator(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|machine| machine.emulator_names().iter().any(|known| known.as_bytes() == name))
    }

    /// Returns the name under which its handlers are registered.
    pub fn handler_name(self) -> String {
        format!("polyarch-{self}")
    }

    /// Tells whether this machine's processors are known to run programs of the other. Whether this one does, a
    /// [`Probe`](crate::Probe) tells: the kernel may be made without, and many 64-bit ARMs have dropped it.
    pub const fn may_run(self, other: Self) -> bool {
        self as u8 == other as u8 || matches!((self, other), (Self::Amd64, Self::I386) | (Self::Arm64, Self::Arm))
    }

    /// Returns how many bits its addresses have.
    pub(crate) const fn class(self) -> Class {
        if matches!(self, Self::I386 | Self::Arm) { Class::Bits32 } else { Class::Bits64 }
    }

    pub(crate) const fn order(self) -> Order {
        if matches!(self, Self::S390x) { Order::Big } else { Order::Little }
    }

    /// Returns its number in ELF files (System V ABI, `e_machine`; linux/elf-em.h).
    pub(crate) const fn number(self) -> u16 {
        match self {
            Self::Amd64 => 62,
            Self::I386 => 3,
            Self::Arm => 40,
            Self::Arm64 => 183,
            Self::Ppc64le => 21,
            Self::S390x => 22,
            Self::Riscv64 => 243,
            Self::Mips64le => 8,
            Self::Loong64 => 258,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.architecture())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_is_found_by_its_own_word() {
        for machine in Machine::ALL {
            assert_eq!(Machine::of(&Platform::new("linux", machine.architecture(), None)), Some(machine));
        }
        assert_eq!(Machine::of(&Platform::new("linux", "aarch64", Some("v8"))), Some(Machine::Arm64));
        assert_eq!(Machine::of(&Platform::new("linux", "arm", Some("v5"))), Some(Machine::Arm));
        assert_eq!(Machine::of(&Platform::new("windows", "amd64", None)), None);
        assert_eq!(Machine::of(&Platform::new("linux", "mips64", None)), None);
    }

    #[test]
    fn names_are_those_of_debian_and_of_buildkit() {
        assert_eq!(Machine::Arm64.emulator_names(), ["qemu-aarch64-static", "qemu-aarch64", "buildkit-qemu-aarch64"]);
        for machine in Machine::ALL {
            assert!(machine.emulator_names().iter().all(|name| Machine::of_emulator(name.as_bytes()) == Some(machine)));
        }
        for name in ["qemu-arm64", "qemu-", "qemu-system-aarch64", "qemu-aarch64_be-static", "aarch64"] {
            assert_eq!(Machine::of_emulator(name.as_bytes()), None);
        }
    }

    #[test]
    fn only_two_machines_run_another_ones_programs() {
        let pairs = Machine::ALL.iter().flat_map(|one| Machine::ALL.iter().map(move |other| (*one, *other)));
        let others: Vec<_> = pairs.filter(|(one, other)| one != other && one.may_run(*other)).collect();
        assert_eq!(others, [(Machine::Amd64, Machine::I386), (Machine::Arm64, Machine::Arm)]);
    }
}
