//! Tells from an ELF file's program headers whether it needs a loader (gABI, "Program Header").

/// How a program finds its libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Linking {
    /// It brings all of them.
    Static,
    /// The kernel starts this loader first, which looks for them.
    Dynamic(String),
    /// The bytes are no 64-bit ELF file, or end too early.
    Unreadable,
}

/// `PT_INTERP`: the segment that names the loader.
const INTERPRETER: u32 = 3;

/// Reads the program headers of a 64-bit ELF file of either byte order.
pub fn linking(file: &[u8]) -> Linking {
    read(file).unwrap_or(Linking::Unreadable)
}

fn read(file: &[u8]) -> Option<Linking> {
    let class_is_64 = file.get(4)? == &2;
    let little = file.get(5)? == &1;
    if !file.starts_with(b"\x7fELF") || !class_is_64 {
        return None;
    }
    let number = |at: usize, width: usize| -> Option<usize> {
        let bytes = file.get(at..at.checked_add(width)?)?;
        let digits: Box<dyn Iterator<Item = &u8>> = if little { Box::new(bytes.iter().rev()) } else { Box::new(bytes.iter()) };
        usize::try_from(digits.fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte))).ok()
    };
    let (table, entry_size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
    for entry in 0..count {
        let at = table.checked_add(entry.checked_mul(entry_size)?)?;
        if number(at, 4)? == INTERPRETER as usize {
            let (offset, length) = (number(at.checked_add(8)?, 8)?, number(at.checked_add(32)?, 8)?);
            let name = file.get(offset..offset.checked_add(length)?)?;
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            return Some(Linking::Dynamic(String::from_utf8_lossy(name).into_owned()));
        }
    }
    Some(Linking::Static)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Linking, linking};

    /// A little-endian file of one program header of the given type, with a loader's name behind it.
    fn program(kind: u32) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(0x20, 0);
        file.extend(64_u64.to_le_bytes());
        file.resize(0x36, 0);
        file.extend(56_u16.to_le_bytes());
        file.extend(1_u16.to_le_bytes());
        file.resize(64, 0);
        file.extend(kind.to_le_bytes());
        file.extend(0_u32.to_le_bytes());
        file.extend(120_u64.to_le_bytes());
        file.resize(64 + 32, 0);
        file.extend(10_u64.to_le_bytes());
        file.resize(120, 0);
        file.extend(b"/lib/ld.so\0");
        file
    }

    #[test]
    fn a_file_with_an_interpreter_is_dynamic() {
        assert_eq!(linking(&program(3)), Linking::Dynamic("/lib/ld.so".to_owned()));
        assert_eq!(linking(&program(1)), Linking::Static);
    }

    #[test]
    fn what_ends_early_is_unreadable() {
        let whole = program(3);
        assert!((0..whole.len() - 1).all(|end| linking(&whole[..end]) == Linking::Unreadable));
        assert_eq!(linking(b"#!/bin/sh\n"), Linking::Unreadable);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reads_a_real_file() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        // How this test was linked depends on the flags of its build; that it can be read does not.
        assert_ne!(linking(&own), Linking::Unreadable);
    }
}
