//! Whether an image is what its label says: its programs against its platform.
//!
//! What the image starts must run on the platform, with its interpreter and the libraries it is linked to, and
//! so must most of the programs that a build added. What else is for another machine may be there on purpose
//! (prebuilt modules for many machines, toolchains, firmware), and is told. Start at [`judge`].

mod allowed;
mod command;
mod error;

use std::collections::BTreeMap;

use graph::{Image, TreePath};
use layer::binary::{Binary, Elf, ElfKind, Machine, Verdict};
use layer::index::PathIndex;
use oci::Platform;

use crate::pack::Program;

pub use allowed::Allowed;
pub use error::{Lie, Untrue};

/// How many scripts and interpreters are followed: a kernel follows five.
const MOST_INTERPRETERS: usize = 8;
/// Where libraries are, beside what `LD_LIBRARY_PATH` says (glibc and musl, `ld.so`).
const LIBRARY_FOLDERS: [&str; 5] = ["lib", "usr/lib", "lib64", "usr/lib64", "usr/local/lib"];

/// The files of an image, as far as they are programs.
pub struct Seen<'a> {
    /// What is where, to follow links.
    pub root: &'a PathIndex,
    /// The programs that the build added, by their paths.
    pub added: &'a BTreeMap<TreePath, Program>,
    /// What else was looked at: the programs of the base that the image starts.
    pub others: &'a BTreeMap<TreePath, Binary>,
}

/// A file that is for another machine, where that is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub path: TreePath,
    /// What it is for.
    pub found: Machine,
}

/// Compares the programs of an image with its platform. Returns what is for another machine and may be.
///
/// # Errors
/// Says what the image starts, or what most of it is, that is for another machine.
pub fn judge(image: &Image, seen: &Seen<'_>, allowed: &Allowed) -> Result<Vec<Note>, Untrue> {
    let mut judging = Judging { platform: &image.platform, seen, allowed, lies: Vec::new() };
    for program in command::started(image, seen.root) {
        judging.started(&program, 0);
    }
    let foreign: Vec<Note> = seen.added.values().filter_map(|program| judging.foreign(&program.path, &program.binary)).collect();
    judging.most(&foreign);
    if judging.lies.is_empty() { Ok(foreign) } else { Err(Untrue { platform: Box::new(image.platform.clone()), lies: judging.lies }) }
}

/// What an image starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The file.
    pub path: TreePath,
    /// What it is, where it was looked at.
    pub binary: Option<Binary>,
}

/// Returns what an image starts, where that is a file of it: the last program of `sh -c "exec server"`.
pub fn started(image: &Image, seen: &Seen<'_>) -> Option<Started> {
    let path = command::started(image, seen.root).pop()?;
    let judging = Judging { platform: &image.platform, seen, allowed: &Allowed::default(), lies: Vec::new() };
    match judging.find(&path) {
        Some((path, binary)) => Some(Started { path, binary: Some(binary) }),
        None => seen.root.find(path.bytes()).ok().flatten().map(|_| Started { path: path.clone(), binary: None }),
    }
}

struct Judging<'a> {
    platform: &'a Platform,
    seen: &'a Seen<'a>,
    allowed: &'a Allowed,
    lies: Vec<Lie>,
}

impl Judging<'_> {
    /// Follows what is started: a script's interpreter, a program's linker and libraries.
    fn started(&mut self, path: &TreePath, depth: usize) {
        let Some((path, binary)) = self.find(path).filter(|_| depth < MOST_INTERPRETERS) else { return };
        if let Some(Note { path, found }) = self.foreign(&path, &binary) {
            let lie = Lie::Started { path, found };
            if !self.lies.contains(&lie) {
                self.lies.push(lie);
            }
            return;
        }
        match &binary {
            Binary::Script { interpreter, argument } => {
                self.started(&TreePath::clean(interpreter), depth + 1);
                if let Some(name) = argument.as_deref().filter(|_| interpreter.ends_with(b"/env")).and_then(command::of_env) {
                    let program = command::named(name, command::FOLDERS.iter().copied(), self.seen.root);
                    program.iter().for_each(|program| self.started(program, depth + 1));
                }
            }
            Binary::Elf(elf) => {
                let libraries = elf.needed.iter().flatten().flat_map(|name| self.library(name));
                let linker = elf.interpreter.iter().map(|path| TreePath::clean(path));
                for needed in linker.chain(libraries).collect::<Vec<_>>() {
                    self.started(&needed, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// Finds a library in the folders where every linker looks. Where one stands is enough: a linker passes over
    /// those of other machines.
    fn library(&self, name: &[u8]) -> Option<TreePath> {
        let found: Vec<TreePath> = LIBRARY_FOLDERS.iter().map(|folder| TreePath::from(*folder).join(name)).collect();
        let fits = |path: &&TreePath| self.find(path).is_some_and(|(path, binary)| self.foreign(&path, &binary).is_none());
        found.iter().find(fits).or_else(|| found.iter().find(|path| self.find(path).is_some())).cloned()
    }

    /// Returns what a path leads to, and what that is, where it was looked at.
    fn find(&self, path: &TreePath) -> Option<(TreePath, Binary)> {
        let place = self.seen.root.destination(path.bytes(), layer::index::Follow::All).ok()?;
        let path = TreePath::clean(&place.path);
        let binary = self.seen.added.get(&path).map(|program| &program.binary).or_else(|| self.seen.others.get(&path))?;
        Some((path, binary.clone()))
    }

    /// Returns what a file is for, where that is another machine, or a higher level of this one.
    fn foreign(&self, path: &TreePath, binary: &Binary) -> Option<Note> {
        let (Verdict::Foreign { found } | Verdict::HigherLevel { found, .. }) = binary.fits(self.platform) else { return None };
        (!self.allowed.holds(path)).then(|| Note { path: path.clone(), found })
    }

    /// Looks at all executables that were added: where most of them are for another machine, the files are those of
    /// another platform.
    fn most(&mut self, foreign: &[Note]) {
        let counts = |program: &&Program| program.is_executable && is_program(&program.binary);
        let all = self.seen.added.values().filter(counts).count();
        let wrong: Vec<&Note> =
            foreign.iter().filter(|note| self.seen.added.get(&note.path).is_some_and(|program| counts(&program))).collect();
        let is_told = |note: &&Note| self.lies.iter().any(|lie| matches!(lie, Lie::Started { path, .. } if *path == note.path));
        if wrong.len() * 2 > all
            && let Some(first) = wrong.first()
            && !wrong.iter().all(is_told)
        {
            self.lies.push(Lie::Most { foreign: wrong.len(), all, path: first.path.clone(), found: first.found });
        }
    }
}

/// Tells whether a file is run by itself, and not loaded, linked or read.
fn is_program(binary: &Binary) -> bool {
    match binary {
        Binary::Elf(Elf { kind, interpreter, .. }) => *kind == ElfKind::Executable || (*kind == ElfKind::Shared && interpreter.is_some()),
        Binary::Pe(_) | Binary::MachO(_) => true,
        _ => false,
    }
}
