//! The ELF file around a probe's instructions (System V ABI, "Object Files").

use crate::Machine;
use crate::elf::{Class, LOAD, Order};

/// Where it is loaded: above what any system keeps free for null pointers, and on the largest page of any of them.
const BASE: u64 = 0x40_0000;
const PAGE: u64 = 0x1_0000;
/// Asks for a stack that is not executable, as every compiler does. Without it, guarded systems see a program that wants one.
const STACK: u32 = 0x6474_e551;
const READ_EXECUTE: u32 = 5;
const READ_WRITE: u32 = 6;

/// Returns an ELF file of one loaded piece: the headers and the code behind them.
pub(super) fn of(machine: Machine, code: &[u8]) -> Vec<u8> {
    let (header, entry) = match machine.class() {
        Class::Bits32 => (52, 32),
        Class::Bits64 => (64, 56),
    };
    let start = u64::from(header) + 2 * u64::from(entry);
    let size = start + code.len() as u64;
    let mut file = Writer { bytes: Vec::new(), machine };

    file.bytes.extend_from_slice(&machine.magic());
    file.word(1);
    file.address(BASE + start);
    file.address(header.into());
    file.address(0);
    file.word(flags(machine));
    for half in [header, entry, 2, 0, 0, 0] {
        file.half(half);
    }
    file.program_header(LOAD, READ_EXECUTE, BASE, size, PAGE);
    file.program_header(STACK, READ_WRITE, 0, 0, 16);
    file.bytes.extend_from_slice(code);
    file.bytes
}

/// What each machine's supplement to the ABI puts into `e_flags` for the simplest of programs.
const fn flags(machine: Machine) -> u32 {
    match machine {
        Machine::Arm => 0x0500_0000,      // EF_ARM_EABI_VER5: Linux takes another for a program of the old calls
        Machine::Ppc64le => 2,            // ELF version 2
        Machine::Mips64le => 0x8000_0000, // EF_MIPS_ARCH_64R2
        Machine::Loong64 => 0x43,         // EF_LOONGARCH_ABI_DOUBLE_FLOAT, objects of version 1
        _ => 0,
    }
}

/// Writes numbers in the machine's order and width.
struct Writer {
    bytes: Vec<u8>,
    machine: Machine,
}

impl Writer {
    fn put<const N: usize>(&mut self, mut little: [u8; N]) {
        if self.machine.order() == Order::Big {
            little.reverse();
        }
        self.bytes.extend_from_slice(&little);
    }

    fn half(&mut self, number: u16) {
        self.put(number.to_le_bytes());
    }

    fn word(&mut self, number: u32) {
        self.put(number.to_le_bytes());
    }

    fn address(&mut self, number: u64) {
        match self.machine.class() {
            Class::Bits64 => self.put(number.to_le_bytes()),
            // All of them are below 2^32: they are made here.
            Class::Bits32 => self.word(u32::try_from(number).unwrap_or(u32::MAX)),
        }
    }

    fn program_header(&mut self, kind: u32, access: u32, address: u64, size: u64, alignment: u64) {
        let is_wide = self.machine.class() == Class::Bits64;
        self.word(kind);
        if is_wide {
            self.word(access);
        }
        for number in [0, address, address, size, size] {
            self.address(number);
        }
        if !is_wide {
            self.word(access);
        }
        self.address(alignment);
    }
}
