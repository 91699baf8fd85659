//! Instructions of classic BPF, as far as a filter of calls needs them (linux/filter.h, linux/bpf_common.h).

/// One instruction: `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// How many instructions are skipped where its condition holds.
    pub holds: u8,
    /// How many are skipped where it does not.
    pub fails: u8,
    /// Its number: what is compared, loaded or returned.
    pub value: u32,
}

/// `BPF_LD | BPF_W | BPF_ABS`: takes four bytes of what is asked about.
pub(crate) const LOAD: u16 = 0x20;
/// `BPF_JMP | BPF_JA`: skips, however many.
pub(crate) const JUMP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ`: is it that number?
pub(crate) const IS: u16 = 0x15;
/// `BPF_JMP | BPF_JGT`: is it more?
pub(crate) const IS_MORE: u16 = 0x25;
/// `BPF_JMP | BPF_JGE`: is it not less?
pub(crate) const IS_NOT_LESS: u16 = 0x35;
/// `BPF_JMP | BPF_JSET`: is any of these bits set?
pub(crate) const HAS_ANY: u16 = 0x45;
/// `BPF_RET`: the answer.
pub(crate) const ANSWER: u16 = 0x06;

impl Instruction {
    pub(crate) const fn plain(code: u16, value: u32) -> Self {
        Self { code, holds: 0, fails: 0, value }
    }

    pub(crate) const fn question(code: u16, value: u32, holds: u8, fails: u8) -> Self {
        Self { code, holds, fails, value }
    }

    /// Returns it as the kernel of this machine reads it.
    pub(crate) const fn to_bytes(self) -> [u8; 8] {
        let ([a, b], [c, d, e, f]) = (self.code.to_ne_bytes(), self.value.to_ne_bytes());
        [a, b, self.holds, self.fails, c, d, e, f]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_structure_of_this_machine() {
        let bytes = Instruction { code: IS, holds: 3, fails: 4, value: 0x0102_0304 }.to_bytes();
        let expected = if cfg!(target_endian = "little") { [0x15, 0, 3, 4, 4, 3, 2, 1] } else { [0, 0x15, 3, 4, 1, 2, 3, 4] };
        assert_eq!(bytes, expected);
    }
}
