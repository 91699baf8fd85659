//! What a file is, as bytes, so that it can be kept beside a layer.
//!
//! The version of this form is its owner's: whoever keeps it puts a number before it, and a new one where this changes.

use super::Binary;
use super::elf::{Elf, ElfKind, MIPS_ISAS};
use super::machine::{Architecture, Arm, Float, Machine, Mips, MipsAbi, System};
use crate::compact::{put_bytes, put_number, take_byte, take_bytes, take_number};

const KINDS: [ElfKind; 5] = [ElfKind::Relocatable, ElfKind::Executable, ElfKind::Shared, ElfKind::Core, ElfKind::Other];
const FLOATS: [Float; 4] = [Float::Soft, Float::Single, Float::Double, Float::Quad];
const ABIS: [MipsAbi; 3] = [MipsAbi::O32, MipsAbi::N32, MipsAbi::N64];
const SYSTEMS: [System; 9] = [
    System::Unmarked,
    System::Windows,
    System::Darwin,
    System::FreeBsd,
    System::NetBsd,
    System::OpenBsd,
    System::Solaris,
    System::Firmware,
    System::Any,
];

impl Binary {
    /// Writes it at the end of `output`.
    pub fn encode(&self, output: &mut Vec<u8>) {
        match self {
            Self::Other => output.push(0),
            Self::Elf(elf) => {
                output.push(1);
                put_elf(output, elf);
            }
            Self::Pe(machine) => {
                output.push(2);
                put_machine(output, machine);
            }
            Self::MachO(machines) => {
                output.push(3);
                put_list(output, machines, put_machine);
            }
            Self::Wasm => output.push(4),
            Self::Script { interpreter, argument } => {
                output.push(5);
                put_bytes(output, interpreter);
                put_option(output, argument.as_deref(), put_bytes);
            }
        }
    }

    /// Takes from the front of `input` what [`encode`](Self::encode) wrote; other bytes are `None`.
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        Some(match take_byte(input)? {
            0 => Self::Other,
            1 => Self::Elf(take_elf(input)?),
            2 => Self::Pe(take_machine(input)?),
            3 => Self::MachO(take_list(input, take_machine)?),
            4 => Self::Wasm,
            5 => Self::Script { interpreter: take_bytes(input)?.to_vec(), argument: take_option(input, take_vec)? },
            _ => return None,
        })
    }
}

fn put_elf(output: &mut Vec<u8>, elf: &Elf) {
    put_machine(output, &elf.machine);
    put_choice(output, &KINDS, &elf.kind);
    output.extend([elf.bits, u8::from(elf.is_big_endian), elf.os_abi]);
    put_option(output, elf.interpreter.as_deref(), put_bytes);
    put_option(output, elf.needed.as_deref(), |output, needed| put_list(output, needed, |output, name| put_bytes(output, name)));
}

fn take_elf(input: &mut &[u8]) -> Option<Elf> {
    Some(Elf {
        machine: take_machine(input)?,
        kind: take_choice(input, &KINDS)?,
        bits: take_byte(input)?,
        is_big_endian: take_bool(input)?,
        os_abi: take_byte(input)?,
        interpreter: take_option(input, take_vec)?,
        needed: take_option(input, |input| take_list(input, take_vec))?,
    })
}

fn put_machine(output: &mut Vec<u8>, machine: &Machine) {
    put_choice(output, &SYSTEMS, &machine.system);
    match machine.architecture {
        Architecture::I386 => output.push(0),
        Architecture::Amd64 { level } => {
            output.push(1);
            put_option(output, level, put_byte);
        }
        Architecture::X32 => output.push(2),
        Architecture::Arm(Arm { version, float, is_big_endian }) => {
            output.push(3);
            put_option(output, version, put_byte);
            put_option(output, float, |output, float| put_choice(output, &FLOATS, &float));
            output.push(is_big_endian.into());
        }
        Architecture::Arm64 { is_big_endian } => output.extend([4, is_big_endian.into()]),
        Architecture::Mips(Mips { is_big_endian, abi, isa }) => {
            output.extend([5, is_big_endian.into()]);
            put_choice(output, &ABIS, &abi);
            put_choice(output, &MIPS_ISAS, &isa);
        }
        Architecture::Ppc { is_big_endian } => output.extend([6, is_big_endian.into()]),
        Architecture::Ppc64 { is_big_endian, abi } => {
            output.extend([7, is_big_endian.into()]);
            put_option(output, abi, put_byte);
        }
        Architecture::S390 => output.push(8),
        Architecture::S390x => output.push(9),
        Architecture::Riscv { bits, float, is_compressed } => {
            output.extend([10, bits, is_compressed.into()]);
            put_choice(output, &FLOATS, &float);
        }
        Architecture::Loong { bits, float } => {
            output.extend([11, bits]);
            put_option(output, float, |output, float| put_choice(output, &FLOATS, &float));
        }
        Architecture::Wasm => output.push(12),
        Architecture::Any => output.push(13),
        Architecture::Other { number } => {
            output.push(14);
            put_number(output, number.into());
        }
    }
}

fn take_machine(input: &mut &[u8]) -> Option<Machine> {
    let system = take_choice(input, &SYSTEMS)?;
    let float = |input: &mut &[u8]| take_choice(input, &FLOATS);
    let architecture = match take_byte(input)? {
        0 => Architecture::I386,
        1 => Architecture::Amd64 { level: take_option(input, take_byte)? },
        2 => Architecture::X32,
        3 => {
            let (version, float) = (take_option(input, take_byte)?, take_option(input, float)?);
            Architecture::Arm(Arm { version, float, is_big_endian: take_bool(input)? })
        }
        4 => Architecture::Arm64 { is_big_endian: take_bool(input)? },
        5 => {
            let (is_big_endian, abi) = (take_bool(input)?, take_choice(input, &ABIS)?);
            Architecture::Mips(Mips { is_big_endian, abi, isa: take_choice(input, &MIPS_ISAS)? })
        }
        6 => Architecture::Ppc { is_big_endian: take_bool(input)? },
        7 => Architecture::Ppc64 { is_big_endian: take_bool(input)?, abi: take_option(input, take_byte)? },
        8 => Architecture::S390,
        9 => Architecture::S390x,
        10 => {
            let (bits, is_compressed) = (take_byte(input)?, take_bool(input)?);
            Architecture::Riscv { bits, float: float(input)?, is_compressed }
        }
        11 => Architecture::Loong { bits: take_byte(input)?, float: take_option(input, float)? },
        12 => Architecture::Wasm,
        13 => Architecture::Any,
        14 => Architecture::Other { number: u16::try_from(take_number(input)?).ok()? },
        _ => return None,
    };
    Some(Machine { architecture, system })
}

fn put_byte(output: &mut Vec<u8>, byte: u8) {
    output.push(byte);
}

fn put_option<T>(output: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    output.push(value.is_some().into());
    if let Some(value) = value {
        put(output, value);
    }
}

fn put_list<T>(output: &mut Vec<u8>, values: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
    put_number(output, values.len() as u64);
    values.iter().for_each(|value| put(output, value));
}

/// One of a few: its place among them. One that is not there reads back as nothing.
fn put_choice<T: PartialEq>(output: &mut Vec<u8>, all: &[T], value: &T) {
    let at = all.iter().position(|one| one == value).unwrap_or(all.len());
    put_number(output, at as u64);
}

fn take_vec(input: &mut &[u8]) -> Option<Vec<u8>> {
    take_bytes(input).map(<[u8]>::to_vec)
}

fn take_bool(input: &mut &[u8]) -> Option<bool> {
    match take_byte(input)? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn take_option<T>(input: &mut &[u8], take: impl FnOnce(&mut &[u8]) -> Option<T>) -> Option<Option<T>> {
    if take_bool(input)? { take(input).map(Some) } else { Some(None) }
}

fn take_list<T>(input: &mut &[u8], mut take: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    // No room is made for a number that may be wrong.
    let count = take_number(input)?;
    (0..count).map(|_| take(input)).collect()
}

fn take_choice<T: Copy>(input: &mut &[u8], all: &[T]) -> Option<T> {
    all.get(usize::try_from(take_number(input)?).ok()?).copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Every kind of machine, with each choice of each field somewhere.
    fn machines() -> Vec<Machine> {
        let mut all = vec![Architecture::I386, Architecture::X32, Architecture::S390, Architecture::S390x];
        all.extend([Architecture::Wasm, Architecture::Any, Architecture::Other { number: 0xfffe }]);
        all.extend([None, Some(1), Some(4)].map(|level| Architecture::Amd64 { level }));
        for is_big_endian in [false, true] {
            all.extend([Architecture::Arm64 { is_big_endian }, Architecture::Ppc { is_big_endian }]);
            all.extend([None, Some(2)].map(|abi| Architecture::Ppc64 { is_big_endian, abi }));
            for float in FLOATS {
                all.push(Architecture::Riscv { bits: 64, float, is_compressed: is_big_endian });
                all.push(Architecture::Loong { bits: 32, float: Some(float).filter(|_| is_big_endian) });
                all.push(Architecture::Arm(Arm { version: Some(7), float: Some(float), is_big_endian }));
            }
            all.push(Architecture::Arm(Arm { version: None, float: None, is_big_endian }));
            for abi in ABIS {
                all.extend(MIPS_ISAS.map(|isa| Architecture::Mips(Mips { is_big_endian, abi, isa })));
            }
        }
        let systems = SYSTEMS.iter().cycle();
        all.into_iter().zip(systems).map(|(architecture, system)| Machine { architecture, system: *system }).collect()
    }

    fn files() -> Vec<Binary> {
        let mut all = vec![Binary::Other, Binary::Wasm, Binary::MachO(Vec::new()), Binary::MachO(machines())];
        let script =
            |argument: Option<&[u8]>| Binary::Script { interpreter: b"/bin/\xff".to_vec(), argument: argument.map(<[u8]>::to_vec) };
        all.extend([script(None), script(Some(b"")), script(Some(b"-e x"))]);
        for (machine, kind) in machines().into_iter().zip(KINDS.into_iter().cycle()) {
            let elf = Elf { machine, kind, bits: 64, is_big_endian: false, os_abi: 3, interpreter: None, needed: None };
            let linked =
                Elf { interpreter: Some(b"/lib/ld.so".to_vec()), needed: Some(vec![b"libc.so".to_vec(), Vec::new()]), ..elf.clone() };
            all.extend([Binary::Elf(elf), Binary::Elf(linked), Binary::Pe(machine)]);
        }
        all
    }

    #[test]
    fn what_was_written_is_read() {
        for file in files() {
            let mut output = Vec::new();
            file.encode(&mut output);
            let mut input = output.as_slice();
            assert_eq!((Binary::decode(&mut input).as_ref(), input), (Some(&file), b"".as_slice()));
            for length in 0..output.len() {
                assert_ne!(Binary::decode(&mut output.get(..length).unwrap()), Some(file.clone()), "{length} of {output:?}");
            }
        }
    }
}
