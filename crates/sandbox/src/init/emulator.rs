//! A program of this machine in front of one of another.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::SandboxError;
use crate::kernel::execute_open;

/// How much of a script the kernel reads for its first line (`BINPRM_BUF_SIZE`).
const FIRST_LINE: u64 = 256;

/// How many scripts may stand before a program, as in the kernel.
const MOST_SCRIPTS: u32 = 5;

/// An emulator, opened before the root is changed.
pub(super) struct Emulator {
    file: OwnedFd,
    name: CString,
}

impl AsFd for Emulator {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Emulator {
    /// Opens it, by a path of this machine.
    pub fn open(path: &OsStr) -> Result<Self, SandboxError> {
        let failed = |cause: io::Error| SandboxError::Execute { program: path.display().to_string(), cause: cause.into() };
        let file = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(|error| failed(error.into()))?;
        let name = Path::new(path).file_name().unwrap_or(path);
        Ok(Self { file, name: CString::new(name.as_bytes()).map_err(|error| failed(error.into()))? })
    }

    /// Becomes it, before a program. What the kernel would say of that program is said of it here: the emulator would say it in words of
    /// its own.
    pub fn execute(&self, path: &CString, arguments: &[CString], environment: &[CString]) -> io::Error {
        match self.words(path.clone(), arguments.to_vec()) {
            Ok(words) => execute_open(self.file.as_fd(), &words, environment),
            Err(error) => error,
        }
    }

    fn words(&self, mut path: CString, mut arguments: Vec<CString>) -> io::Result<Vec<CString>> {
        for _ in 0..MOST_SCRIPTS {
            let Some(interpreter) = begin(&path)? else {
                let name = if arguments.is_empty() { path.clone() } else { arguments.remove(0) };
                return Ok([self.name.clone(), c"-0".to_owned(), name, path].into_iter().chain(arguments).collect());
            };
            // The script's own path stands for its name (execve(2), "Interpreter scripts").
            let others = arguments.into_iter().skip(1);
            let script = std::mem::replace(&mut path, interpreter.first().cloned().unwrap_or_default());
            arguments = interpreter.into_iter().chain([script]).chain(others).collect();
        }
        Err(io::Error::from_raw_os_error(libc::ELOOP))
    }
}

/// Reads how a file begins that may be run: the interpreter of a script with its argument, or none of a program.
fn begin(path: &CString) -> io::Result<Option<Vec<CString>>> {
    let file = File::open(OsStr::from_bytes(path.as_bytes()))?;
    let found = file.metadata()?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err(io::Error::from_raw_os_error(libc::EACCES));
    }
    let mut start = Vec::new();
    file.take(FIRST_LINE).read_to_end(&mut start)?;
    let format = || io::Error::from_raw_os_error(libc::ENOEXEC);
    let Some(line) = start.strip_prefix(b"#!") else {
        return if start.starts_with(b"\x7fELF") { Ok(None) } else { Err(format()) };
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (interpreter, argument) = line.split_at(end);
    let words = [interpreter, argument.trim_ascii()].into_iter().filter(|word| !word.is_empty());
    let words = words.map(|word| CString::new(word).map_err(|_| format())).collect::<io::Result<Vec<_>>>()?;
    if words.is_empty() { Err(format()) } else { Ok(Some(words)) }
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
        let emulator = Emulator::open(OsStr::new("/proc/self/exe")).unwrap();
        let words = |path: &CString| {
            let words = emulator.words(path.clone(), vec![c"name".to_owned(), c"one".to_owned()]);
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
        let own = file("loop", "#!", 0o755);
        fs::write(OsStr::from_bytes(own.as_bytes()), format!("#!{}", own.to_str().unwrap())).unwrap();
        assert_eq!(refused(&own), Some(libc::ELOOP));
    }
}
