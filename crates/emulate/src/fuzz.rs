//! A door for the room `fuzz` to the parsers of what the kernel and emulators say, which stay private.
//!
//! No part of what this room offers: `cargo xtask tidy` refuses whoever else comes in here.

use std::ffi::OsString;
use std::io::Cursor;

use crate::find::version;
use crate::{Handler, Machine, Version, elf};

/// Reads a program: its machine, where that is known, and whether it needs no loader.
pub fn program(bytes: &[u8]) -> Option<(Option<Machine>, bool)> {
    let program = elf::read(&mut Cursor::new(bytes)).ok()??;
    Some((program.machine, program.is_static))
}

/// Reads what the kernel says of a handler; the outer `None` is for what it never says.
pub fn handler(text: &[u8]) -> Option<Option<Handler>> {
    Handler::parse(OsString::from("some"), text)
}

/// Reads what an emulator says of itself: the machine in QEMU's words, and the version.
pub fn said(text: &str) -> Option<(String, Version)> {
    version::parse(text)
}
