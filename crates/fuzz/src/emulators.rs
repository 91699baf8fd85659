//! What the kernel says of its handlers, what emulators are and say of themselves, and what is registered.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use emulate::{Flags, Handler, LONGEST, Machine, Probe};

use crate::text;

/// A handler that was read is the same when the kernel says it again, and what it is for can be asked.
pub fn handler(bytes: &[u8]) {
    let Some(Some(read)) = emulate::fuzz::handler(bytes) else { return };
    let taken: Vec<Machine> = Machine::ALL.into_iter().filter(|machine| read.takes(*machine)).collect();
    let again = emulate::fuzz::handler(&said(&read));
    assert_eq!(again, Some(Some(read.clone())));
    // The magic is all that can set one machine apart: an empty one is every machine's.
    if read.magic.is_empty() && read.offset <= 256 {
        assert_eq!(taken.len(), Machine::ALL.len());
    }
}

/// Writes a handler as the kernel does (Linux, fs/binfmt_misc.c, `entry_status`).
fn said(handler: &Handler) -> Vec<u8> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut said = if handler.is_enabled { b"enabled\ninterpreter ".to_vec() } else { b"disabled\ninterpreter ".to_vec() };
    said.extend_from_slice(handler.path.as_os_str().as_bytes());
    said.extend_from_slice(format!("\nflags: {}\noffset {}\nmagic {}\n", handler.flags, handler.offset, hex(&handler.magic)).as_bytes());
    if !handler.mask.is_empty() {
        said.extend_from_slice(format!("mask {}\n", hex(&handler.mask)).as_bytes());
    }
    said
}

/// A program of any bytes has the machine whose handler the kernel would ask, whatever else is in it.
pub fn program(bytes: &[u8]) {
    let Some((Some(machine), _)) = emulate::fuzz::program(bytes) else { return };
    // The class, the order, the kind and the machine; version and system may be anything.
    let (magic, mask) = (machine.magic(), machine.mask());
    let counts = |at: usize| !(6..16).contains(&at);
    let differs = |at: usize| bytes.get(at).is_none_or(|byte| (byte ^ magic[at]) & mask[at] != 0);
    assert!((0..magic.len()).filter(|at| counts(*at)).all(|at| !differs(at)), "{machine:?}");
}

/// Any path is refused, or stands whole in a line that the kernel takes.
pub fn registration(bytes: &[u8]) {
    let Some((first, path)) = bytes.split_first() else { return };
    let machine = Machine::ALL[usize::from(*first) % Machine::ALL.len()];
    let flag = |bit: u8| first & bit != 0;
    let flags = Flags { preserves_name: flag(0x80), opens_program: flag(0x40), takes_credentials: flag(0x20), is_fixed: flag(0x10) };
    let Ok(line) = machine.registration(OsStr::from_bytes(path).as_ref(), flags) else { return };
    assert!(line.len() <= LONGEST && !line.contains(&0) && !line.contains(&b'\n'));
    let delimiter = line.first().copied().unwrap();
    let fields: Vec<&[u8]> = line.split(|byte| *byte == delimiter).collect();
    assert_eq!((fields.len(), fields[6], fields[7]), (8, path, flags.to_string().as_bytes()));
    let unescaped = |field: &[u8]| -> Vec<u8> {
        field.chunks(4).map(|byte| u8::from_str_radix(text(byte).unwrap().strip_prefix("\\x").unwrap(), 16).unwrap()).collect()
    };
    assert_eq!((unescaped(fields[4]), unescaped(fields[5])), (machine.magic().to_vec(), machine.mask().to_vec()));
    assert!(Probe::least(machine).program().starts_with(b"\x7fELF"));
}

/// A version that was read is the same when it is said again.
pub fn version(bytes: &[u8]) {
    let Some((target, version)) = text(bytes).and_then(emulate::fuzz::said) else { return };
    assert!(!target.contains(|letter: char| letter.is_ascii_whitespace()), "{target:?}");
    assert_eq!(emulate::fuzz::said(&format!("qemu-{target} version {version}")), Some((target, version)));
}
