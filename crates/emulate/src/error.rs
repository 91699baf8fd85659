//! What is wrong with an emulator, with what is registered, or with a wish.

use std::io;
use std::path::PathBuf;

use fault::{Fault, Hint, Kind};
use oci::Platform;

use crate::{Machine, Obstacle, Wish};

/// Why a file is not used as an emulator.
#[derive(Debug, thiserror::Error)]
#[error("{}: {unfit}", path.display())]
pub struct EmulatorError {
    /// Whose programs it should run.
    pub machine: Machine,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub unfit: Unfit,
}

/// What is wrong with a file that should be an emulator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is no ELF program.
    #[error("not a program")]
    NoProgram,
    /// It is a program of another machine.
    #[error("a program for {}, and this machine is {}", machine(*found, *number), here.map_or("of no known kind", Machine::architecture))]
    Foreign {
        /// The machine that it is for, if that is known here.
        found: Option<Machine>,
        /// The number of that machine in ELF files.
        number: u16,
        /// This machine.
        here: Option<Machine>,
    },
    /// Nobody may run it.
    #[error("not executable")]
    NotExecutable,
    /// It needs a loader and libraries, which are looked for in the root of the program that it runs.
    #[error("linked to libraries, which no other root has: an emulator has to be static, even one that is registered with the flag F")]
    Dynamic,
    /// The kernel would not run it.
    #[error("cannot be run: {0}")]
    Unstartable(io::Error),
    /// It was asked for its version, and did not end in time or crashed.
    #[error("does not tell its version")]
    Silent,
    /// It runs programs of another machine than its name says.
    #[error("it says that it is for {0}")]
    OtherTarget(String),
}

impl Fault for EmulatorError {
    fn kind(&self) -> Kind {
        Kind::Place
    }

    fn hint(&self) -> Option<Hint> {
        Some(match self.unfit {
            Unfit::NotExecutable => Hint::new(format!("`chmod +x {}`", self.path.display())),
            _ => install(),
        })
    }
}

/// Why what is registered with the kernel is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlersError {
    /// A file of binfmt_misc cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file of binfmt_misc is not as the kernel writes it.
    #[error("{}: not what binfmt_misc says of a handler", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

impl Fault for HandlersError {
    fn kind(&self) -> Kind {
        Kind::Place
    }
}

/// Why an interpreter cannot be registered with the kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} cannot be registered as an interpreter: {reason}", interpreter.display())]
pub struct RegistrationError {
    /// The path.
    pub interpreter: PathBuf,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Fault for RegistrationError {
    fn kind(&self) -> Kind {
        Kind::Place
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new("keep the emulator at a short, plain path"))
    }
}

/// A wish for how programs should run that cannot be fulfilled on this machine.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.lines().join("; "))]
pub struct WishError {
    /// The wish.
    pub wish: Wish,
    /// The platforms whose programs would not run, and why; at least one.
    pub unmet: Vec<(Platform, Obstacle)>,
}

impl Fault for WishError {
    fn kind(&self) -> Kind {
        Kind::Place
    }

    fn hint(&self) -> Option<Hint> {
        self.unmet.first().and_then(|(_, obstacle)| obstacle.hint())
    }

    fn lines(&self) -> Vec<String> {
        self.unmet.iter().map(|(platform, obstacle)| format!("{platform} does not run {}: {obstacle}", self.wish.way())).collect()
    }
}

/// What to do where an emulator is missing.
pub(crate) fn install() -> Hint {
    Hint::new("`apt-get install qemu-user-static`, or `polyarch emulators install`")
}

fn machine(found: Option<Machine>, number: u16) -> String {
    found.map_or_else(|| format!("a machine that ELF numbers {number}"), |machine| machine.to_string())
}
