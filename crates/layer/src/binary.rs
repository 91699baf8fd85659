//! What machine a file is for, told from its first bytes.
//!
//! Nothing here trusts a file: any bytes give an answer, and most of them [`Binary::Other`]. Start at [`Sniffer`] for bytes
//! that pass, at [`inspect`] for a reader, and at [`Binary::fits`] for the question that matters.

mod arm;
mod dynamic;
mod elf;
mod encode;
mod fits;
mod machine;
mod macho;
mod pe;
mod script;
mod sniffer;
mod view;

pub use elf::{Elf, ElfKind};
pub use fits::{Verdict, fits};
pub use machine::{Architecture, Arm, Float, Machine, Mips, MipsAbi, System};
pub use sniffer::{Sniffer, inspect};

/// How much of a file is looked at, but for ARM.
pub(crate) const WINDOW: usize = 64 << 10;

/// What a file is, as far as machines are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binary {
    /// A program, a library or an object of Linux, of a BSD, of Solaris.
    Elf(Elf),
    /// A program or a library of Windows or .NET.
    Pe(Machine),
    /// A program or a library of macOS, for one machine or several.
    MachO(Vec<Machine>),
    /// A module of WebAssembly.
    Wasm,
    /// A script: `#!` and the program that reads it.
    Script {
        /// The path of the interpreter, as it stands.
        interpreter: Vec<u8>,
        /// What stands behind it: `bash` of `#!/usr/bin/env bash`.
        argument: Option<Vec<u8>>,
    },
    /// Anything else: it runs on no machine, or on all.
    Other,
}

impl Binary {
    /// Finds out what a file is by its first bytes.
    ///
    /// 64 KiB tell all but the level of 32-bit ARM, which stands near the end of most files; a [`Sniffer`] knows when to
    /// keep more.
    pub fn of(bytes: &[u8]) -> Self {
        elf::parse(bytes)
            .map(Self::Elf)
            .or_else(|| pe::parse(bytes).map(Self::Pe))
            .or_else(|| macho::parse(bytes).map(Self::MachO))
            .or_else(|| script::parse(bytes).map(|(interpreter, argument)| Self::Script { interpreter, argument }))
            .unwrap_or(if bytes.starts_with(b"\0asm") { Self::Wasm } else { Self::Other })
    }

    /// Returns the machines the file is for: several for a universal file of macOS, none for what is no program.
    pub fn machines(&self) -> &[Machine] {
        const WASM: &[Machine] = &[Machine { architecture: Architecture::Wasm, system: System::Any }];
        match self {
            Self::Elf(elf) => std::slice::from_ref(&elf.machine),
            Self::Pe(machine) => std::slice::from_ref(machine),
            Self::MachO(machines) => machines,
            Self::Wasm => WASM,
            Self::Script { .. } | Self::Other => &[],
        }
    }

    /// Tells whether the file belongs into an image for a platform: whether one of its machines [`fits`].
    pub fn fits(&self, platform: &oci::Platform) -> Verdict {
        let mut verdicts = self.machines().iter().map(|machine| fits(machine, platform));
        let Some(first) = verdicts.next() else { return Verdict::NoProgram };
        verdicts.fold(first, |best, verdict| if best.rank() <= verdict.rank() { best } else { verdict })
    }
}
