//! Handlers of the whole machine, by the files of binfmt_misc (Linux, Documentation/admin-guide/binfmt-misc.rst).

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use emulate::{Emulator, Handlers, Machine};
use fault::Failure;

use super::error::EmulatorsError;

/// What became of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It is there now.
    Newly,
    /// It was there already.
    Already,
}

/// Passes whoever may change what holds for the whole machine, where its handlers can be seen.
///
/// # Errors
/// [`EmulatorsError::NotRoot`], [`EmulatorsError::NotMounted`]
pub fn check(folder: &Path) -> Result<(), EmulatorsError> {
    if !sandbox::is_root_of_machine() {
        return Err(EmulatorsError::NotRoot(if sandbox::is_root() { "root of a user namespace" } else { "another user" }));
    }
    is_mounted(folder)
}

/// Passes where handlers can be registered.
fn is_mounted(folder: &Path) -> Result<(), EmulatorsError> {
    if folder.join("register").exists() { Ok(()) } else { Err(EmulatorsError::NotMounted(folder.to_owned())) }
}

/// Registers an emulator, as one that works in every root. What is registered under its name goes before, unless it is the same; where
/// the file is new, it is not, as the kernel holds the old one open.
///
/// # Errors
/// The kernel refuses.
pub fn register(folder: &Path, emulator: &Emulator, is_new: bool) -> Result<Registered, Failure> {
    is_mounted(folder)?;
    let (machine, name) = (emulator.machine, emulator.machine.handler_name());
    let line = machine.registration(&emulator.path, emulator.flags())?;
    let handlers = Handlers::read(folder)?;
    let same = handlers.list.iter().find(|handler| handler.name.as_encoded_bytes() == name.as_bytes()).is_some_and(|handler| {
        let bytes = handler.offset == 0 && handler.magic == machine.magic() && handler.mask == machine.mask();
        handler.is_enabled && handler.path == emulator.path && handler.flags == emulator.flags() && bytes
    });
    if same && !is_new {
        return Ok(Registered::Already);
    }
    remove(folder, machine)?;
    write(&folder.join("register"), &line).map_err(|problem| EmulatorsError::Kernel { wish: "take", name, problem })?;
    Ok(Registered::Newly)
}

/// Removes what was registered for a machine under our name; tells whether there was such a thing.
///
/// # Errors
/// The kernel refuses.
pub fn remove(folder: &Path, machine: Machine) -> Result<bool, EmulatorsError> {
    let name = machine.handler_name();
    match write(&folder.join(&name), b"-1") {
        Ok(()) => Ok(true),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(problem) => Err(EmulatorsError::Kernel { wish: "remove", name, problem }),
    }
}

/// Writes to a file that is there, at once, as the kernel takes it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let count = OpenOptions::new().write(true).open(path)?.write(bytes)?;
    if count == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use emulate::Version;

    use super::*;

    fn emulator() -> Emulator {
        let version = Some(Version { major: 9, minor: 2 });
        Emulator { machine: Machine::Arm64, path: "/store/qemu-aarch64".into(), version }
    }

    /// A folder of plain files, as the kernel shows itself.
    fn misc(handlers: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let files = [("status", "enabled\n"), ("register", "")];
        files.iter().chain(handlers).for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
        folder
    }

    fn shown(flags: &str) -> String {
        format!(
            "enabled\ninterpreter /store/qemu-aarch64\nflags: {flags}\noffset 0\nmagic 7f454c460201010000000000000000000200b700\n\
             mask ffffffffffffff0000fffffffffffffffeffffff\n"
        )
    }

    fn text(folder: &tempfile::TempDir, name: &str) -> String {
        fs::read_to_string(folder.path().join(name)).unwrap()
    }

    #[test]
    fn a_handler_is_registered_once_for_every_root_under_its_own_name() {
        let folder = misc(&[]);
        assert_eq!(register(folder.path(), &emulator(), false).unwrap(), Registered::Newly);
        let line = text(&folder, "register");
        assert!(line.starts_with(r":polyarch-arm64:M:0:\x7f") && line.ends_with(":/store/qemu-aarch64:POCF"), "{line}");

        let folder = misc(&[("polyarch-arm64", &shown("POCF")), ("qemu-aarch64", "enabled\ninterpreter /x\nflags: \nextension .x\n")]);
        assert_eq!(register(folder.path(), &emulator(), false).unwrap(), Registered::Already);
        assert_eq!((text(&folder, "register"), text(&folder, "polyarch-arm64")), (String::new(), shown("POCF")));
    }

    #[test]
    fn what_is_registered_otherwise_or_by_an_old_file_goes_first() {
        for (flags, is_new) in [("OC", false), ("POCF", true)] {
            let folder = misc(&[("polyarch-arm64", &shown(flags)), ("polyarch-arm", &shown(flags))]);
            assert_eq!(register(folder.path(), &emulator(), is_new).unwrap(), Registered::Newly);
            assert!(text(&folder, "polyarch-arm64").starts_with("-1") && !text(&folder, "polyarch-arm").starts_with("-1"));
            assert!(text(&folder, "register").starts_with(":polyarch-arm64:"));
        }
    }

    #[test]
    fn only_our_own_names_are_removed() {
        let folder = misc(&[("polyarch-arm64", &shown("POCF")), ("qemu-aarch64", &shown("POCF"))]);
        let removed: Vec<_> = Machine::ALL.into_iter().filter(|machine| remove(folder.path(), *machine).unwrap()).collect();
        assert_eq!(removed, [Machine::Arm64]);
        assert_eq!(text(&folder, "qemu-aarch64"), shown("POCF"));
        assert!(!folder.path().join("polyarch-arm").exists());
    }

    #[test]
    fn where_nothing_is_mounted_the_command_is_told_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let failure = register(folder.path(), &emulator(), false).unwrap_err();
        let hint = failure.fault().hint().unwrap().to_string();
        assert!(hint.contains("mount -t binfmt_misc binfmt_misc ") && hint.contains(&folder.path().display().to_string()), "{hint}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
