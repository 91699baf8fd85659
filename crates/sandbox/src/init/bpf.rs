//! Seccomp filters of our own, as classic BPF (Linux, Documentation/userspace-api/seccomp_filter.rst).

/// What `struct seccomp_data` has at the places of the number, the machine, and the low half of an argument.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
pub(super) const fn argument(number: u32) -> u32 {
    let high_first = if cfg!(target_endian = "big") { 4 } else { 0 };
    16 + 8 * number + high_first
}

/// `AUDIT_ARCH_*` of this machine, where its calls are known by the names below. Others keep their own calls: the 32-bit ones that
/// a machine also has are the kernel's to answer.
const THIS_MACHINE: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0xc000_003e)
} else if cfg!(target_arch = "aarch64") {
    Some(0xc000_00b7)
} else if cfg!(target_arch = "riscv64") {
    Some(0xc000_00f3)
} else if cfg!(all(target_arch = "powerpc64", target_endian = "little")) {
    Some(0xc000_0015)
} else if cfg!(target_arch = "s390x") {
    Some(0x8000_0016)
} else {
    None
};

/// What the kernel does with a call: it carries it out.
pub(super) const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// Instructions: load a word, jump if it is equal, jump if it has any of these bits, return.
pub(super) const LOAD: u16 = 0x20;
pub(super) const EQUAL: u16 = 0x15;
pub(super) const ANY: u16 = 0x45;
pub(super) const RETURN: u16 = 0x06;

/// A filter that is being written.
pub(super) struct Program(Vec<u8>);

impl Program {
    /// Begins with the number of a call loaded, which is one of this machine: all others are permitted. None where its calls are not
    /// known.
    pub fn of_this_machine() -> Option<Self> {
        let machine = THIS_MACHINE?;
        let mut program = Self(Vec::new());
        program.step(LOAD, 0, 0, MACHINE);
        program.step(EQUAL, 1, 0, machine);
        program.step(RETURN, 0, 0, ALLOW);
        program.step(LOAD, 0, 0, NUMBER);
        Some(program)
    }

    /// Adds an instruction.
    pub fn step(&mut self, code: u16, jump_true: u8, jump_false: u8, value: u32) {
        self.0.extend(code.to_ne_bytes());
        self.0.extend([jump_true, jump_false]);
        self.0.extend(value.to_ne_bytes());
    }

    /// Returns it as the kernel takes it.
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The number of a call, as it is loaded.
pub(super) fn number(call: i64) -> u32 {
    // No call has a number that is negative or that large.
    u32::try_from(call).unwrap_or(u32::MAX)
}
