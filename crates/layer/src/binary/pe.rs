//! Files of Windows and .NET (Microsoft, "PE Format"; ECMA-335 II.25 for .NET).

use super::machine::{Architecture, Arm, Float, Machine, System};
use super::view::View;

pub(super) fn parse(bytes: &[u8]) -> Option<Machine> {
    if !bytes.starts_with(b"MZ") {
        return None;
    }
    let view = View::new(bytes, false);
    let at = usize::try_from(view.u32(0x3c)?).ok()?;
    if view.slice(at, 4)? != b"PE\0\0" {
        return None;
    }
    let arm = Arm { version: Some(7), float: Some(Float::Double), is_big_endian: false };
    let architecture = match view.u16(at + 4)? {
        0x14c => Architecture::I386,
        0x8664 => Architecture::Amd64 { level: None },
        // The last two have code for x86-64 beside, or its calling convention: still files for ARM.
        0xaa64 | 0xa641 | 0xa64e => Architecture::Arm64 { is_big_endian: false },
        0x1c0 | 0x1c2 | 0x1c4 => Architecture::Arm(arm),
        0x5032 => Architecture::Riscv { bits: 32, float: Float::Double, is_compressed: true },
        0x5064 => Architecture::Riscv { bits: 64, float: Float::Double, is_compressed: true },
        0x6264 => Architecture::Loong { bits: 64, float: None },
        number => Architecture::Other { number },
    };
    // Old programs for DOS have no such header, and Linux kernels that are EFI programs have a short one.
    let optional = at + 24;
    if architecture == Architecture::I386 && is_for_any(&view, at, optional).unwrap_or(false) {
        return Some(Machine { architecture: Architecture::Any, system: System::Any });
    }
    let system = match view.u16(optional + 68) {
        Some(10..=13) => System::Firmware,
        _ => System::Windows,
    };
    Some(Machine { architecture, system })
}

/// Tells whether this is an assembly of .NET with nothing but its intermediate language, that runs on any processor.
fn is_for_any(view: &View<'_>, at: usize, optional: usize) -> Option<bool> {
    const ONLY_LANGUAGE: u32 = 1;
    const NEEDS_32_BITS: u32 = 2;
    // PREFERS_32_BITS is set together with the one above: such a program starts on 64 bits, too.
    const PREFERS_32_BITS: u32 = 0x20000;
    const RUNTIME_HEADER: usize = 14;
    if view.u16(optional)? != 0x10b || view.u32(optional + 92)? as usize <= RUNTIME_HEADER {
        return Some(false);
    }
    let address = view.u32(optional + 96 + RUNTIME_HEADER * 8)?;
    if address == 0 {
        return Some(false);
    }
    let sections = optional + usize::from(view.u16(at + 20)?);
    for number in 0..usize::from(view.u16(at + 6)?) {
        let section = sections + number * 40;
        let (start, size, offset) = (view.u32(section + 12)?, view.u32(section + 16)?, view.u32(section + 20)?);
        let Some(distance) = address.checked_sub(start).filter(|distance| *distance < size) else { continue };
        let header = usize::try_from(offset.checked_add(distance)?).ok()?;
        let flags = view.u32(header.checked_add(16)?)?;
        return Some(flags & ONLY_LANGUAGE != 0 && (flags & NEEDS_32_BITS == 0 || flags & PREFERS_32_BITS != 0));
    }
    Some(false)
}
