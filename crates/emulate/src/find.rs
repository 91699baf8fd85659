//! Finds programs that run those of another machine, and looks whether they can be used.

mod list;
pub(crate) mod version;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals};

use crate::{EmulatorError, Flags, Machine, Trouble, Unfit, child, elf};
pub use list::{Found, Place, list};
pub use version::Version;

/// Where emulators are looked for.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// A folder that the user has named. What is there and cannot be used is an error, not passed over.
    pub named: Option<PathBuf>,
    /// The folder of those that polyarch has installed.
    pub installed: Option<PathBuf>,
    /// The folders of PATH.
    pub path: Vec<PathBuf>,
}

impl Places {
    /// Tells whether a file is directly in the folder that was named.
    pub(crate) fn is_named(&self, path: &Path) -> bool {
        self.named.as_deref().is_some_and(|named| path.parent() == Some(named))
    }
}

/// A static program of this machine that runs those of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulator {
    /// Whose programs it runs.
    pub machine: Machine,
    /// Where it is.
    pub path: PathBuf,
    /// What it says of its version; `None` if it says nothing that is understood, as what is not QEMU.
    pub version: Option<Version>,
}

/// Finds an emulator for a machine: in the folder that was named, among those installed, then on PATH.
///
/// A file is opened and asked for its version before it counts; what cannot be used is passed over for the next one, unless
/// its folder was named.
///
/// # Errors
/// One was found, and none can be used: the error says why for the first.
pub fn find(machine: Machine, places: &Places, limit: Duration) -> Result<Option<Emulator>, EmulatorError> {
    let named = places.named.iter().map(|folder| (folder, true));
    let others = places.installed.iter().chain(&places.path).map(|folder| (folder, false));
    let mut unfit = None;
    for (folder, is_named) in named.chain(others) {
        for name in machine.emulator_names() {
            let path = folder.join(name);
            match std::fs::metadata(&path) {
                // As whoever looks for a program does: a folder of PATH that may not be entered has nothing in it.
                Err(error) if !is_named || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                _ => {}
            }
            match Emulator::open(machine, &path, limit) {
                Ok(emulator) => return Ok(Some(emulator)),
                Err(error) if is_named => return Err(error),
                Err(error) => unfit = unfit.or(Some(error)),
            }
        }
    }
    unfit.map_or(Ok(None), Err)
}

impl Emulator {
    /// Looks at a file: it has to be a static program of this machine that may be run, and is asked for its version.
    ///
    /// # Errors
    /// It is something else, or says that it is for another machine.
    pub fn open(machine: Machine, path: &Path, limit: Duration) -> Result<Self, EmulatorError> {
        let unfit = |unfit| EmulatorError { machine, path: path.to_owned(), unfit };
        let path = &std::path::absolute(path).map_err(|error| unfit(Unfit::Unreadable(error)))?;
        let (program, mode) = look_at(path).map_err(|error| unfit(Unfit::Unreadable(error)))?;
        let program = program.ok_or_else(|| unfit(Unfit::NoProgram))?;
        let here = Machine::here();
        if !program.machine.is_some_and(|found| here.is_some_and(|here| here.may_run(found))) {
            return Err(unfit(Unfit::Foreign { found: program.machine, number: program.number, here }));
        }
        if mode & 0o111 == 0 {
            return Err(unfit(Unfit::NotExecutable));
        }
        if !program.is_static {
            return Err(unfit(Unfit::Dynamic));
        }
        let said = ask(path, limit).map_err(|error| unfit(Unfit::Unstartable(error)))?;
        let said = version::parse(&said.ok_or_else(|| unfit(Unfit::Silent))?);
        if let Some((target, _)) = said.as_ref().filter(|(target, _)| target != machine.qemu()) {
            return Err(unfit(Unfit::OtherTarget(target.clone())));
        }
        Ok(Self { machine, path: path.clone(), version: said.map(|(_, version)| version) })
    }

    /// Returns the flags with which it is registered so that it works in any root, and set-user-ID programs too.
    ///
    /// QEMU 6.0 was the first to ask the kernel whether it is told the program's own name. An older one would take that name
    /// for an argument.
    pub fn flags(&self) -> Flags {
        let preserves_name = self.version.is_some_and(|version| version >= Version { major: 6, minor: 0 });
        Flags { preserves_name, opens_program: true, takes_credentials: true, is_fixed: true }
    }

    /// Lists what is known to go wrong with it.
    pub fn troubles(&self) -> impl Iterator<Item = &'static Trouble> {
        Trouble::of(self.machine, self.version)
    }
}

fn look_at(path: &Path) -> io::Result<(Option<elf::Program>, u32)> {
    // Opening a named pipe would wait for whoever writes to it.
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Ok((None, 0));
    }
    Ok((elf::read(&mut File::open(path)?)?, found.permissions().mode()))
}

/// Returns the first of what a program writes for `--version`; `None` if it takes too long, or is ended by a signal.
fn ask(path: &Path, limit: Duration) -> io::Result<Option<String>> {
    // No pipe: that would be full at some point, and open for as long as anybody has its other end. And no more than this, for
    // it is memory.
    const MOST: u64 = 4096;
    let mut answer = child::memory(MemfdFlags::ALLOW_SEALING)?;
    answer.set_len(MOST)?;
    fcntl_add_seals(&answer, SealFlags::GROW)?;
    let status = child::run(Command::new(path).arg("--version").stdout(answer.try_clone()?), limit)?;
    if status.is_none_or(|status| status.code().is_none()) {
        return Ok(None);
    }
    let mut text = Vec::new();
    answer.rewind()?;
    answer.take(MOST).read_to_end(&mut text)?;
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    text.truncate(end);
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}
