//! The interpreters that are registered with the kernel, as binfmt_misc shows them (Linux, fs/binfmt_misc.c).

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::{Flags, HandlersError, Machine, Probe, elf};

/// How many bytes of a program the kernel looks at (Linux, `BINPRM_BUF_SIZE`); it sees zeros behind a shorter one.
const LOOKED_AT: usize = 256;

/// What is registered with the kernel, as far as it can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handlers {
    /// The folder of binfmt_misc.
    pub folder: PathBuf,
    /// Whether binfmt_misc is there, and on.
    pub state: State,
    /// Those that go by the first bytes of a program, in the order of their names.
    pub list: Vec<Handler>,
}

/// Whether the kernel asks handlers at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It does.
    On,
    /// Somebody has switched it off.
    Off,
    /// The folder is not there, as in most containers. Handlers may work all the same: they are the kernel's.
    Unseen,
}

/// One interpreter, and the programs that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The name under which it is registered.
    pub name: OsString,
    /// Whether this one is on.
    pub is_enabled: bool,
    /// Where the interpreter was when it was registered.
    pub path: PathBuf,
    /// What is at that path now, seen from here.
    pub interpreter: Interpreter,
    /// How it is run.
    pub flags: Flags,
    /// Where in a program the magic stands.
    pub offset: usize,
    /// The bytes that its programs have.
    pub magic: Vec<u8>,
    /// Which of their bits count; empty if all do.
    pub mask: Vec<u8>,
}

/// What is at the path of an interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpreter {
    /// A program that needs no other file.
    Static,
    /// A program that needs a loader and libraries, so it runs in no root but this one.
    Dynamic,
    /// Something else: a script, or a file that cannot be read.
    Other,
    /// Nothing. Only a handler with the flag `F` still works.
    Missing,
}

impl Handlers {
    /// Reads the folder of binfmt_misc, which is `/proc/sys/fs/binfmt_misc` on all systems that have one.
    ///
    /// # Errors
    /// Something in it cannot be read, or is not as the kernel writes it. That the folder is missing is no error.
    pub fn read(folder: &Path) -> Result<Self, HandlersError> {
        let unseen = Self { folder: folder.to_owned(), state: State::Unseen, list: Vec::new() };
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| HandlersError::Read { path, source }
        };
        // An empty folder is where binfmt_misc would be mounted.
        let status = folder.join("status");
        let state = match fs::read(&status) {
            Ok(text) if text.starts_with(b"enabled") => State::On,
            Ok(_) => State::Off,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(unseen),
            Err(error) => return Err(at(&status)(error)),
        };
        let mut list = Vec::new();
        for entry in fs::read_dir(folder).map_err(at(folder))? {
            let entry = entry.map_err(at(folder))?;
            let (name, path) = (entry.file_name(), entry.path());
            if name == "status" || name == "register" {
                continue;
            }
            let text = match fs::read(&path) {
                Ok(text) => text,
                // Somebody took it away meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(at(&path)(error)),
            };
            if let Some(handler) = Handler::parse(name, &text).ok_or(HandlersError::Malformed { path })? {
                list.push(Handler { interpreter: look_at(&handler.path), ..handler });
            }
        }
        list.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { state, list, ..unseen })
    }

    /// Returns the handler that the kernel takes for programs of a machine.
    ///
    /// If there are several, it takes the one that was registered last, which the folder does not tell; here it is the first by
    /// name.
    pub fn find(&self, machine: Machine) -> Option<&Handler> {
        let is_on = self.state == State::On;
        self.list.iter().find(|handler| is_on && handler.is_enabled && handler.takes(machine))
    }

    /// Returns the file into which a 1 is written to switch on what is registered for a machine, where there is such a thing and
    /// it is off.
    pub fn find_switch(&self, machine: Machine) -> Option<PathBuf> {
        let handler = self.list.iter().find(|handler| handler.takes(machine))?;
        match self.state {
            State::Off => Some(self.folder.join("status")),
            State::On | State::Unseen => (!handler.is_enabled).then(|| self.folder.join(&handler.name)),
        }
    }
}

impl Handler {
    /// Tells whether it is for programs of this machine.
    pub fn takes(&self, machine: Machine) -> bool {
        let mut start = Probe::least(machine).program();
        start.resize(LOOKED_AT, 0);
        let Some(bytes) = self.offset.checked_add(self.magic.len()).and_then(|end| start.get(self.offset..end)) else { return false };
        let mask = self.mask.iter().copied().chain(std::iter::repeat(0xff));
        bytes.iter().zip(&self.magic).zip(mask).all(|((byte, magic), mask)| (byte ^ magic) & mask == 0)
    }

    /// Reads what the kernel says of a handler. The outer `None` is for text that it never writes; the inner one for a handler
    /// that goes by the ends of names, which does not matter here. What it will say one day besides is passed over.
    pub(crate) fn parse(name: OsString, text: &[u8]) -> Option<Option<Self>> {
        let mut lines = text.split(|byte| *byte == b'\n');
        let is_enabled = match lines.next()? {
            b"enabled" => true,
            b"disabled" => false,
            _ => return None,
        };
        let path = PathBuf::from(OsStr::from_bytes(lines.next()?.strip_prefix(b"interpreter ")?));
        let (mut flags, mut offset, mut magic, mut mask) = (Flags::default(), 0, None, Vec::new());
        for line in lines {
            if line.starts_with(b"extension ") {
                return Some(None);
            } else if let Some(letters) = line.strip_prefix(b"flags: ") {
                flags = Flags::read(letters);
            } else if let Some(number) = line.strip_prefix(b"offset ") {
                offset = str::from_utf8(number).ok()?.parse().ok()?;
            } else if let Some(digits) = line.strip_prefix(b"magic ") {
                magic = Some(unhex(digits)?);
            } else if let Some(digits) = line.strip_prefix(b"mask ") {
                mask = unhex(digits)?;
            }
        }
        Some(Some(Self { name, is_enabled, path, interpreter: Interpreter::Missing, flags, offset, magic: magic?, mask }))
    }
}

fn look_at(path: &Path) -> Interpreter {
    match File::open(path).and_then(|mut file| elf::read(&mut file)) {
        Ok(Some(program)) if program.is_static => Interpreter::Static,
        Ok(Some(_)) => Interpreter::Dynamic,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Interpreter::Missing,
        Ok(None) | Err(_) => Interpreter::Other,
    }
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digits = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let pairs = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok());
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Debian 12 registers it.
    const DEBIAN: &[u8] = b"enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POF\noffset 0\n\
        magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n";

    fn parse(text: &[u8]) -> Option<Option<Handler>> {
        Handler::parse("some".into(), text)
    }

    fn written(text: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in text {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn a_handler_reads_as_the_kernel_wrote_it() {
        let handler = parse(DEBIAN).unwrap().unwrap();
        assert!(handler.is_enabled && handler.flags.is_fixed && !handler.flags.takes_credentials);
        assert_eq!(handler.flags.to_string(), "POF");
        assert_eq!(handler.path, Path::new("/usr/libexec/qemu-binfmt/aarch64-binfmt-P"));
        assert_eq!(Machine::ALL.into_iter().filter(|machine| handler.takes(*machine)).collect::<Vec<_>>(), [Machine::Arm64]);
    }

    #[test]
    fn what_is_registered_here_is_for_its_own_machine_alone() {
        for machine in Machine::ALL {
            let handler = Handler { magic: machine.magic().into(), mask: machine.mask().into(), ..parse(DEBIAN).unwrap().unwrap() };
            assert!(Machine::ALL.into_iter().all(|other| handler.takes(other) == (other == machine)));
        }
    }

    #[test]
    fn a_mask_may_be_missing_and_a_magic_may_be_too_long() {
        let of = |text: &str| parse(text.as_bytes()).unwrap().unwrap();
        assert!(of("enabled\ninterpreter /x\nflags: \noffset 18\nmagic b700\n").takes(Machine::Arm64));
        assert!(!of("enabled\ninterpreter /x\nflags: \noffset 18\nmagic b701\n").takes(Machine::Arm64));
        assert!(!of("enabled\ninterpreter /x\nflags: \noffset 255\nmagic 0000\n").takes(Machine::Arm64));
    }

    #[test]
    fn other_text_is_no_handler() {
        assert_eq!(parse(b"enabled\ninterpreter /usr/bin/java\nflags: \nextension .jar\n"), Some(None));
        for text in ["", "enabled", "enabled\nflags: \n", "enabled\ninterpreter /x\nmagic 7f4\n", "enabled\ninterpreter /x\nmagic +f\n"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_folder_tells_who_is_on() {
        let off: &[u8] = b"disabled\ninterpreter /x\nflags: \noffset 0\nmagic 7f454c46\n";
        let folder = written(&[("status", b"enabled\n"), ("register", b""), ("qemu-aarch64", DEBIAN), ("any", off)]);
        let handlers = Handlers::read(folder.path()).unwrap();
        assert_eq!(handlers.find(Machine::Arm64).unwrap().name, "qemu-aarch64");
        assert_eq!(handlers.find(Machine::S390x), None);
        assert_eq!(handlers.find_switch(Machine::S390x), Some(folder.path().join("any")));
        assert!(handlers.list.iter().all(|handler| handler.interpreter == Interpreter::Missing || handler.name != "any"));

        fs::write(folder.path().join("status"), b"disabled\n").unwrap();
        let handlers = Handlers::read(folder.path()).unwrap();
        assert_eq!((handlers.state, handlers.find(Machine::Arm64)), (State::Off, None));
        assert_eq!(handlers.find_switch(Machine::Arm64), Some(folder.path().join("status")));
    }

    #[test]
    fn where_it_is_not_mounted_nothing_is_seen() {
        let folder = written(&[]);
        assert_eq!(Handlers::read(folder.path()).unwrap().state, State::Unseen);
        assert_eq!(Handlers::read(&folder.path().join("none")).unwrap().state, State::Unseen);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_named() {
        let folder = written(&[("status", b"enabled\n"), ("odd", b"perhaps\n")]);
        let error = Handlers::read(folder.path()).unwrap_err();
        assert!(error.to_string().contains("odd"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(text: Vec<u8>) {
            parse(&text);
            if let Some(Some(handler)) = parse(&[DEBIAN, &text].concat()) {
                handler.takes(Machine::Arm64);
            }
        }

        #[test]
        fn what_the_kernel_would_write_is_read_as_it_was(
            path in "/[ -~]{0,40}", letters in "P?O?C?F?", offset in 0_usize..256, magic: Vec<u8>, is_enabled: bool,
        ) {
            let hex: String = magic.iter().map(|byte| format!("{byte:02x}")).collect();
            let state = if is_enabled { "enabled" } else { "disabled" };
            let text = format!("{state}\ninterpreter {path}\nflags: {letters}\noffset {offset}\nmagic {hex}\n");
            let handler = parse(text.as_bytes()).unwrap().unwrap();
            prop_assert_eq!((handler.path, handler.flags.to_string()), (PathBuf::from(path), letters));
            prop_assert_eq!((handler.offset, handler.magic, handler.is_enabled), (offset, magic, is_enabled));
        }
    }
}
