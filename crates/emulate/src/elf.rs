//! What the header of an ELF file says of the machine it is for, and whether it needs a loader (System V ABI, "Object Files").

use std::io::{self, Read, Seek, SeekFrom};

use crate::Machine;

/// How wide addresses are, by the number in `EI_CLASS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Bits32 = 1,
    Bits64 = 2,
}

/// The order of bytes, by the number in `EI_DATA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little = 1,
    Big = 2,
}

/// A program at a fixed place, and one that runs at any.
pub(crate) const EXECUTABLE: u16 = 2;
pub(crate) const SHARED: u16 = 3;
/// A program header: what is loaded, and the path of the loader that the program asks for.
pub(crate) const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;

/// More program headers than any honest program has.
const MOST_PROGRAM_HEADERS: u16 = 128;

/// What is told of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The number of the machine it is for, and its machine where that is known here.
    pub(crate) number: u16,
    pub(crate) machine: Option<Machine>,
    /// Whether it runs without a loader, so that its file is all that it needs.
    pub(crate) is_static: bool,
}

/// Reads what a file is; `None` if it is no ELF program.
///
/// # Errors
/// Only where the file cannot be read.
pub(crate) fn read(file: &mut (impl Read + Seek)) -> io::Result<Option<Program>> {
    let mut start = Vec::new();
    file.by_ref().take(64).read_to_end(&mut start)?;
    let Some(header) = Header::of(&start) else { return Ok(None) };
    let (Some(table), Some(programs)) = (header.table_size(), header.programs) else { return Ok(None) };
    file.seek(SeekFrom::Start(programs))?;
    let mut bytes = Vec::new();
    file.by_ref().take(table as u64).read_to_end(&mut bytes)?;
    Ok(header.with(&bytes))
}

/// The fields of the header that matter here.
#[derive(Clone, Copy, Debug)]
struct Header {
    class: Class,
    order: Order,
    number: u16,
    /// Where the program headers are, how long each is, and how many.
    programs: Option<u64>,
    size: u16,
    count: u16,
}

impl Header {
    /// Reads the header of a program; `None` for what is none.
    fn of(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"\x7fELF")?;
        let class = match rest.first()? {
            1 => Class::Bits32,
            2 => Class::Bits64,
            _ => return None,
        };
        let order = match rest.get(1)? {
            1 => Order::Little,
            2 => Order::Big,
            _ => return None,
        };
        let half = |at| half(bytes, at, order);
        let (programs, size, count) = match class {
            Class::Bits32 => (word(bytes, 28, order).map(u64::from), half(42)?, half(44)?),
            Class::Bits64 => (double(bytes, 32, order), half(54)?, half(56)?),
        };
        matches!(half(16)?, EXECUTABLE | SHARED).then_some(Self { class, order, number: half(18)?, programs, size, count })
    }

    fn table_size(&self) -> Option<usize> {
        let least = if self.class == Class::Bits64 { 56 } else { 32 };
        (self.count > 0 && self.count <= MOST_PROGRAM_HEADERS && self.size >= least)
            .then(|| usize::from(self.size) * usize::from(self.count))
    }

    /// Adds what the program headers say.
    fn with(&self, table: &[u8]) -> Option<Program> {
        let mut kinds = Vec::new();
        for number in 0..usize::from(self.count) {
            kinds.push(word(table, number * usize::from(self.size), self.order)?);
        }
        let is_same = |machine: &Machine| (machine.class(), machine.order(), machine.number()) == (self.class, self.order, self.number);
        kinds.contains(&LOAD).then(|| Program {
            number: self.number,
            machine: Machine::ALL.into_iter().find(is_same),
            is_static: !kinds.contains(&INTERPRETER),
        })
    }
}

fn half(bytes: &[u8], at: usize, order: Order) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(if order == Order::Big { u16::from_be_bytes(*bytes) } else { u16::from_le_bytes(*bytes) })
}

fn word(bytes: &[u8], at: usize, order: Order) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(if order == Order::Big { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) })
}

fn double(bytes: &[u8], at: usize, order: Order) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(if order == Order::Big { u64::from_be_bytes(*bytes) } else { u64::from_le_bytes(*bytes) })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::Probe;

    fn read_bytes(bytes: &[u8]) -> Option<Program> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        read(&mut file).unwrap()
    }

    #[test]
    fn reads_the_machine_that_a_probe_is_made_for() {
        for machine in Machine::ALL {
            let found = read_bytes(&Probe::least(machine).program()).unwrap();
            assert_eq!((found.machine, found.number, found.is_static), (Some(machine), machine.number(), true));
        }
    }

    #[test]
    fn a_program_with_a_loader_is_not_static() {
        let mut program = Probe::least(Machine::Amd64).program();
        // The second program header, whose kind does not matter to the first.
        program[64 + 56] = 3;
        program[64 + 57..64 + 60].fill(0);
        assert!(!read_bytes(&program).unwrap().is_static);
    }

    #[test]
    fn what_is_cut_off_or_no_program_is_nothing() {
        let program = Probe::least(Machine::S390x).program();
        for end in 0..64 + 56 {
            assert_eq!(read_bytes(&program[..end]), None, "{end}");
        }
        let mut object = program;
        object[17] = 1;
        assert_eq!(read_bytes(&object), None);
        assert_eq!(read_bytes(b"#!/bin/sh\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>, start in 0_usize..9) {
            let mut program = Probe::least(Machine::ALL[start]).program();
            program.truncate(6);
            program.extend(bytes);
            read_bytes(&program);
        }
    }
}
