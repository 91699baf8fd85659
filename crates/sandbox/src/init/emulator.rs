//! A program of this machine in front of one of another.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::kernel::execute_open;
use crate::{Emulation, SandboxError};

/// How much of a file the kernel reads to find out what it is (`BINPRM_BUF_SIZE`).
const START: usize = 256;

/// How many scripts may stand before a program, as in the kernel.
const MOST_SCRIPTS: u32 = 5;

/// An emulator, opened before the root is changed.
pub(super) struct Emulator {
    file: OwnedFd,
    name: CString,
    magic: Vec<u8>,
    mask: Vec<u8>,
}

impl AsFd for Emulator {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Emulator {
    /// Opens it, by a path of this machine.
    pub fn open(emulation: &Emulation) -> Result<Self, SandboxError> {
        let Emulation { emulator: path, magic, mask, .. } = emulation;
        let failed = |cause: io::Error| SandboxError::Execute { program: path.display().to_string(), cause: cause.into() };
        let file = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(|error| failed(error.into()))?;
        let name = Path::new(path).file_name().unwrap_or(path);
        let name = CString::new(name.as_bytes()).map_err(|error| failed(error.into()))?;
        Ok(Self { file, name, magic: magic.clone(), mask: mask.clone() })
    }

    /// Tells by the first bytes of a program whether it is one for this emulator, as the kernel's handlers do (Linux,
    /// Documentation/admin-guide/binfmt-misc.rst).
    pub fn takes(&self, start: &[u8]) -> bool {
        let bytes = self.magic.iter().zip(&self.mask).zip(start);
        start.len() >= self.magic.len() && bytes.into_iter().all(|((magic, mask), byte)| byte & mask == magic & mask)
    }

    /// Becomes it, before a program. What the kernel would say of that program is said of it here: the emulator would say it in words of
    /// its own.
    pub fn execute(&self, path: &CString, arguments: &[CString], environment: &[CString]) -> io::Error {
        let open = |path: &CStr| File::open(OsStr::from_bytes(path.to_bytes()));
        match self.words(path.clone(), arguments.to_vec(), open, is_program) {
            Ok(words) => execute_open(self.file.as_fd(), &words, environment),
            Err(error) => error,
        }
    }

    /// Returns the words that it gets for a path and its arguments: those of the interpreter, where there is a script at that path. The
    /// program at the end is to be what `takes` says, by its first bytes.
    ///
    /// # Errors
    /// What the kernel would say, for one that it is not.
    pub fn words<W: From<CString>>(
        &self,
        mut path: CString,
        mut arguments: Vec<W>,
        open: impl Fn(&CStr) -> io::Result<File>,
        takes: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Vec<W>> {
        for _ in 0..=MOST_SCRIPTS {
            let start = begin(open(&path)?)?;
            let Some(interpreter) = interpreter(&start)? else {
                if !takes(&start) {
                    return Err(io::Error::from_raw_os_error(libc::ENOEXEC));
                }
                let name = if arguments.is_empty() { path.clone().into() } else { arguments.remove(0) };
                let front = [self.name.clone().into(), c"-0".to_owned().into(), name, path.into()];
                return Ok(front.into_iter().chain(arguments).collect());
            };
            // The script's own path stands for its name (execve(2), "Interpreter scripts").
            let others = arguments.into_iter().skip(1);
            let script = std::mem::replace(&mut path, interpreter.first().cloned().unwrap_or_default());
            arguments = interpreter.into_iter().chain([script]).map(W::from).chain(others).collect();
        }
        Err(io::Error::from_raw_os_error(libc::ELOOP))
    }
}

fn is_program(start: &[u8]) -> bool {
    start.starts_with(b"\x7fELF")
}

/// Reads how a file begins that may be run.
fn begin(file: File) -> io::Result<Vec<u8>> {
    let found = file.metadata()?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err(io::Error::from_raw_os_error(libc::EACCES));
    }
    let mut start = Vec::new();
    file.take(START as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// Reads the interpreter of a script with its argument, as the kernel does (Linux, fs/binfmt_script.c); none of anything else.
fn interpreter(start: &[u8]) -> io::Result<Option<Vec<CString>>> {
    let format = || io::Error::from_raw_os_error(libc::ENOEXEC);
    let Some(rest) = start.strip_prefix(b"#!") else { return Ok(None) };
    let (line, is_whole) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => (rest.get(..end), true),
        // Of one that goes on behind what was read, the last byte is not looked at.
        None if start.len() == START => (rest.get(..rest.len() - 1), false),
        None => (Some(rest), true),
    };
    let line = trimmed(line.unwrap_or_default());
    let end = line.iter().position(|byte| is_blank(*byte));
    let (interpreter, argument) = line.split_at(end.unwrap_or(line.len()));
    if interpreter.is_empty() || (end.is_none() && !is_whole) {
        return Err(format());
    }
    let words = [interpreter, trimmed(argument)].into_iter().filter(|word| !word.is_empty());
    words.map(|word| CString::new(word).map_err(|_| format())).collect::<io::Result<Vec<_>>>().map(Some)
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Takes blanks off both ends, and nothing else: a name may end in a carriage return.
fn trimmed(text: &[u8]) -> &[u8] {
    let Some(first) = text.iter().position(|byte| !is_blank(*byte)) else { return &[] };
    let last = text.iter().rposition(|byte| !is_blank(*byte)).unwrap_or(first);
    text.get(first..=last).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn scripts_are_run_by_what_their_first_line_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str, mode: u32| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            CString::new(path.as_os_str().as_bytes()).unwrap()
        };
        let program = file("program", "\x7fELF...", 0o755);
        let at = program.to_str().unwrap();
        let script = file("script", &format!("#! {at}  -x y \nrest"), 0o755);
        let outer = file("outer", &format!("#!{}", script.to_str().unwrap()), 0o755);
        let emulation = Emulation { emulator: "/proc/self/exe".into(), magic: b"\x7fELF".to_vec(), mask: vec![0xff; 4], is_strict: false };
        let emulator = Emulator::open(&emulation).unwrap();
        let words = |path: &CString| {
            let open = |path: &CStr| File::open(OsStr::from_bytes(path.to_bytes()));
            let words = emulator.words(path.clone(), vec![c"name".to_owned(), c"one".to_owned()], open, is_program);
            words.map(|words| words.iter().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(words(&program).unwrap(), ["exe", "-0", "name", at, "one"]);
        assert_eq!(words(&script).unwrap(), ["exe", "-0", at, at, "-x y", script.to_str().unwrap(), "one"]);
        let (inner, outer) = (script.to_str().unwrap(), outer);
        assert_eq!(words(&outer).unwrap(), ["exe", "-0", at, at, "-x y", inner, outer.to_str().unwrap(), "one"]);
        let refused = |path: &CString| words(path).unwrap_err().raw_os_error();
        assert_eq!(refused(&file("plain", "\x7fELF", 0o644)), Some(libc::EACCES));
        assert_eq!(refused(&file("text", "text", 0o755)), Some(libc::ENOEXEC));
        assert_eq!(refused(&file("none", "#!\n", 0o755)), Some(libc::ENOEXEC));
        assert_eq!(refused(&c"/none/there".to_owned()), Some(libc::ENOENT));
        // A carriage return is a part of the name, and a name that may go on is none.
        assert_eq!(refused(&file("windows", &format!("#!{at}\r\n"), 0o755)), Some(libc::ENOENT));
        assert_eq!(refused(&file("long", &format!("#!/{}", "x".repeat(300)), 0o755)), Some(libc::ENOEXEC));
        assert_eq!(words(&file("argument", &format!("#!{at} {}", "x".repeat(300)), 0o755)).unwrap()[4].len(), 255 - 3 - at.len());
        let chain = |count: usize| {
            (0..count)
                .fold(program.clone(), |last, number| file(&format!("{count}-{number}"), &format!("#!{}\n", last.to_str().unwrap()), 0o755))
        };
        assert_eq!((words(&chain(5)).is_ok(), refused(&chain(6))), (true, Some(libc::ELOOP)));
        let own = file("loop", "#!", 0o755);
        fs::write(OsStr::from_bytes(own.as_bytes()), format!("#!{}", own.to_str().unwrap())).unwrap();
        assert_eq!(refused(&own), Some(libc::ELOOP));
    }
}
