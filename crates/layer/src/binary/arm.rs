//! The level of 32-bit ARM code: in `.ARM.attributes` (ARM ABI, "Addenda": build attributes), or in what Go writes of a
//! build, since Go writes no attributes.

use super::elf::Header;
use super::machine::Float;
use super::view::View;

/// What is told of ARM code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) version: Option<u8>,
    pub(super) float: Option<Float>,
}

const ATTRIBUTES: u32 = 0x7000_0003;

/// Finds the section of attributes and reads it, where both it and the table of sections are in reach.
pub(super) fn attributes(header: &Header<'_>) -> Option<Told> {
    let (start, size, count) = header.sections;
    let start = usize::try_from(start).ok()?;
    for number in 0..count {
        let at = start.checked_add(number.checked_mul(size)?)?;
        if header.view.u32(at.checked_add(4)?)? != ATTRIBUTES {
            continue;
        }
        let offset = usize::try_from(header.view.u32(at.checked_add(16)?)?).ok()?;
        let length = usize::try_from(header.view.u32(at.checked_add(20)?)?).ok()?;
        return parse(header.view.slice(offset, length)?, header.view.is_big_endian);
    }
    None
}

fn parse(section: &[u8], is_big_endian: bool) -> Option<Told> {
    let mut rest = section.strip_prefix(b"A")?;
    while !rest.is_empty() {
        let length = usize::try_from(View::new(rest, is_big_endian).u32(0)?).ok()?;
        let (vendor, later) = rest.split_at_checked(length).filter(|_| length >= 4)?;
        if let Some(mut parts) = vendor.get(4..)?.strip_prefix(b"aeabi\0") {
            while let Some((&tag, _)) = parts.split_first() {
                let length = usize::try_from(View::new(parts, is_big_endian).u32(1)?).ok()?;
                let (part, later) = parts.split_at_checked(length).filter(|_| length >= 5)?;
                // 1 is what holds for the whole file.
                if tag == 1 {
                    return file_attributes(part.get(5..)?);
                }
                parts = later;
            }
        }
        rest = later;
    }
    None
}

fn file_attributes(mut bytes: &[u8]) -> Option<Told> {
    const CPU_ARCH: u64 = 6;
    const VFP_ARGS: u64 = 28;
    let mut told = Told::default();
    while !bytes.is_empty() {
        let tag = number(&mut bytes)?;
        let is_text = matches!(tag, 4 | 5 | 32 | 65 | 67) || (tag > 32 && tag % 2 == 1);
        let value = if !is_text || tag == 32 { number(&mut bytes)? } else { 0 };
        if is_text {
            let end = bytes.iter().position(|byte| *byte == 0)?;
            bytes = bytes.get(end + 1..)?;
        }
        match (tag, value) {
            (CPU_ARCH, value) => told.version = version(value),
            (VFP_ARGS, 0) => told.float = Some(Float::Soft),
            (VFP_ARGS, 1) => told.float = Some(Float::Double),
            _ => {}
        }
    }
    Some(told)
}

/// `Tag_CPU_arch`: the numbers were given out in the order of time.
const fn version(value: u64) -> Option<u8> {
    match value {
        1 | 2 => Some(4),
        3..=5 => Some(5),
        6..=9 | 11 | 12 => Some(6),
        10 | 13 => Some(7),
        14..=22 => Some(8),
        _ => None,
    }
}

/// Seven bits in each byte, the lowest first, as long as the eighth is set.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Finds the setting of the build that Go keeps even in a stripped program: a line `build<TAB>GOARM=6,softfloat`.
pub(super) fn go_build(bytes: &[u8]) -> Option<Told> {
    const KEY: &[u8] = b"build\tGOARM=";
    let at = bytes.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let line = bytes.get(at..)?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(|byte| *byte == b',');
    let version = match words.next()? {
        [digit @ b'5'..=b'7'] => Some(digit - b'0'),
        _ => None,
    };
    // Without a word, 5 computes floats in software, as go help environment says; the others do not.
    let float = match words.next() {
        Some(b"softfloat") => Some(Float::Soft),
        None if version == Some(5) => Some(Float::Soft),
        _ => None,
    };
    Some(Told { version, float })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn attributes_are_read_past_their_texts() {
        // As the assembler of Debian's armhf writes them: CPU_name "7-A", arch v7, profile 'A', VFP_args 1.
        let attributes = b"\x05\x37-A\0\x06\x0a\x07A\x08\x01\x09\x02\x0a\x04\x1c\x01\x22\x01";
        let part = [&b"\x01"[..], &(attributes.len() as u32 + 5).to_le_bytes(), attributes].concat();
        let vendor = [&(part.len() as u32 + 10).to_le_bytes()[..], b"aeabi\0", &part].concat();
        let section = [b"A", vendor.as_slice()].concat();
        assert_eq!(parse(&section, false), Some(Told { version: Some(7), float: Some(Float::Double) }));
        for length in 0..section.len() {
            assert_eq!(parse(&section[..length], false), None, "{length}");
        }
    }

    #[test]
    fn go_says_what_it_was_built_for() {
        let found = |line: &str| go_build(format!("\0\0path\tx\nbuild\tGOOS=linux\nbuild\tGOARM={line}\nbuild\tCGO=0\n").as_bytes());
        assert_eq!(found("7"), Some(Told { version: Some(7), float: None }));
        assert_eq!(found("6,softfloat"), Some(Told { version: Some(6), float: Some(Float::Soft) }));
        assert_eq!(found("5"), Some(Told { version: Some(5), float: Some(Float::Soft) }));
        assert_eq!(found("x"), Some(Told::default()));
        assert_eq!(go_build(b"no build"), None);
    }
}
