//! Looks at a file while its bytes pass on their way to somewhere else.

use std::io::{self, Read};

use super::{Binary, WINDOW, elf};

/// How much of a 32-bit ARM program is kept: its level stands near its end.
const ARM_WINDOW: usize = 64 << 20;

/// Collects what is needed of a file's bytes to tell what machine it is for.
///
/// It keeps 64 KiB; of a 32-bit ARM program, and of nothing else, up to 64 MiB.
///
/// ```
/// use layer::binary::{Binary, Sniffer};
///
/// let mut sniffer = Sniffer::new();
/// sniffer.update(b"#!/bin/sh");
/// sniffer.update(b" -e\nexit\n");
/// assert_eq!(sniffer.finish(), Binary::Script { interpreter: b"/bin/sh".to_vec(), argument: Some(b"-e".to_vec()) });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sniffer {
    kept: Vec<u8>,
}

impl Sniffer {
    /// Starts before the first byte.
    pub const fn new() -> Self {
        Self { kept: Vec::new() }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let first = WINDOW.saturating_sub(self.kept.len()).min(bytes.len());
        let (now, later) = bytes.split_at_checked(first).unwrap_or((bytes, b""));
        self.kept.extend_from_slice(now);
        if !later.is_empty() && self.wants_all() {
            let room = ARM_WINDOW.saturating_sub(self.kept.len()).min(later.len());
            self.kept.extend_from_slice(later.get(..room).unwrap_or_default());
        }
    }

    /// Tells whether more bytes can change the answer.
    pub fn wants_more(&self) -> bool {
        self.kept.len() < WINDOW || (self.kept.len() < ARM_WINDOW && self.wants_all())
    }

    fn wants_all(&self) -> bool {
        elf::Header::of(&self.kept).is_some_and(|header| header.machine == elf::ARM)
    }

    /// Returns what the file is.
    pub fn finish(self) -> Binary {
        Binary::of(&self.kept)
    }
}

/// Reads as much of a file as is needed to tell what it is.
///
/// # Errors
/// What the reader reports.
pub fn inspect(mut reader: impl Read) -> io::Result<Binary> {
    let mut sniffer = Sniffer::new();
    let mut chunk = vec![0; WINDOW];
    while sniffer.wants_more() {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => sniffer.update(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sniffer.finish())
}
