//! What the program headers of an ELF file say: the dynamic linker, libraries, and the level of x86-64.

use super::elf::Header;

/// What was in reach.
#[derive(Default)]
pub(super) struct Linked {
    pub(super) interpreter: Option<Vec<u8>>,
    pub(super) needed: Option<Vec<Vec<u8>>>,
    /// 1 to 4: what the GNU property "x86 ISA needed" asks for.
    pub(super) level: Option<u8>,
}

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const INTERPRETER: u32 = 3;
const PROPERTY: u32 = 0x6474_e553;

/// One program header.
#[derive(Clone, Copy)]
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

pub(super) fn read(header: &Header<'_>) -> Linked {
    let Some(segments) = segments(header) else { return Linked::default() };
    let find = |kind| segments.iter().find(|segment| segment.kind == kind);
    let bytes = |segment: &Segment| header.view.slice(usize::try_from(segment.offset).ok()?, usize::try_from(segment.size).ok()?);
    let text = |bytes: &[u8]| bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
    Linked {
        interpreter: find(INTERPRETER).and_then(bytes).map(text).filter(|path| !path.is_empty()),
        needed: match find(DYNAMIC) {
            // Without it nothing is linked; an object is not linked yet, and says nothing.
            None => (!segments.is_empty()).then(Vec::new),
            Some(dynamic) => needed(header, dynamic, &segments),
        },
        level: find(PROPERTY).and_then(|property| level(header, property)),
    }
}

/// All program headers, or nothing if not all of them are in reach.
fn segments(header: &Header<'_>) -> Option<Vec<Segment>> {
    let (start, size, count) = header.programs;
    let start = usize::try_from(start).ok()?;
    if count > 0 && size < if header.is_64 { 56 } else { 32 } {
        return None;
    }
    header.view.slice(start, size.checked_mul(count)?)?;
    let word = |at: usize, narrow: usize, wide: usize| header.word(at + if header.is_64 { wide } else { narrow });
    (0..count)
        .map(|number| {
            let at = start + number * size;
            Some(Segment { kind: header.view.u32(at)?, offset: word(at, 4, 8)?, address: word(at, 8, 16)?, size: word(at, 16, 32)? })
        })
        .collect()
}

fn needed(header: &Header<'_>, dynamic: &Segment, segments: &[Segment]) -> Option<Vec<Vec<u8>>> {
    const NEEDED: u64 = 1;
    const STRINGS: u64 = 5;
    let width = if header.is_64 { 8 } else { 4 };
    let start = usize::try_from(dynamic.offset).ok()?;
    let size = usize::try_from(dynamic.size).ok()?;
    header.view.slice(start, size)?;
    let (mut names, mut strings) = (Vec::new(), None);
    for at in (start..start + size).step_by(2 * width) {
        let (Some(tag), Some(value)) = (header.word(at), header.word(at + width)) else { break };
        match tag {
            0 => break,
            NEEDED => names.push(value),
            STRINGS => strings = Some(value),
            _ => {}
        }
    }
    if names.is_empty() {
        return Some(Vec::new());
    }
    // The table is told by its address in memory; the segment that is loaded there has it.
    let address = strings?;
    let loaded = segments.iter().filter(|segment| segment.kind == LOAD);
    let holds = |segment: &&Segment| address.checked_sub(segment.address).is_some_and(|distance| distance < segment.size);
    let segment = loaded.into_iter().find(holds)?;
    let table = segment.offset.checked_add(address - segment.address)?;
    // Names may share their bytes, so a small file could ask for much: no honest one has so many.
    const MOST: usize = 1024;
    names
        .into_iter()
        .take(MOST)
        .map(|offset| header.view.text(usize::try_from(table.checked_add(offset)?).ok()?).map(<[u8]>::to_vec))
        .collect()
}

/// Reads a note NT_GNU_PROPERTY_TYPE_0 (x86-64 psABI, "Program Property").
fn level(header: &Header<'_>, property: &Segment) -> Option<u8> {
    const ISA_NEEDED: u32 = 0xc000_8002;
    let view = header.view;
    let start = usize::try_from(property.offset).ok()?;
    let (name, size, kind) = (view.u32(start)?, view.u32(start.checked_add(4)?)?, view.u32(start.checked_add(8)?)?);
    if (name, kind) != (4, 5) || view.slice(start.checked_add(12)?, 4)? != b"GNU\0" {
        return None;
    }
    let (mut at, end) = (start + 16, (start + 16).checked_add(usize::try_from(size).ok()?)?);
    while at < end {
        let (kind, size) = (view.u32(at)?, usize::try_from(view.u32(at + 4)?).ok()?);
        if kind == ISA_NEEDED && size == 4 {
            let bits = view.u32(at + 8)? & 0b1111;
            return u8::try_from(u32::BITS - bits.leading_zeros()).ok().filter(|level| *level > 0);
        }
        at = at.checked_add(8)?.checked_add(size.checked_next_multiple_of(8)?)?;
    }
    None
}
