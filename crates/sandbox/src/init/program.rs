//! Becoming the program that is wanted.

use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use super::emulator::Emulator;
use crate::kernel::execute;
use crate::{SandboxError, Spec};

/// The last step, with every word in the kernel's form.
pub(super) struct Program {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    path: Vec<u8>,
    emulator: Option<Emulator>,
}

impl Program {
    /// Reads it from a spec.
    pub fn of(spec: &Spec) -> Result<Self, SandboxError> {
        let word = |bytes: &[u8]| CString::new(bytes).map_err(|_| SandboxError::Spec("there is a NUL in a word".to_owned()));
        let arguments = spec.arguments.iter().map(|argument| word(argument.as_bytes())).collect::<Result<Vec<_>, _>>()?;
        let program = arguments.first().cloned().ok_or_else(|| SandboxError::Spec("there is no program to run".to_owned()))?;
        let pair = |(key, value): &(OsString, OsString)| word(&[key.as_bytes(), b"=", value.as_bytes()].concat());
        let environment = spec.environment.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        let path = spec.environment.iter().rfind(|(key, _)| key == "PATH").map(|(_, value)| value.as_bytes().to_vec());
        let emulator = spec.emulation.as_ref().map(Emulator::open).transpose()?;
        Ok(Self { program, arguments, environment, path: path.unwrap_or_default(), emulator })
    }

    /// What it takes to be open.
    pub fn open(&self) -> Option<BorrowedFd<'_>> {
        self.emulator.as_ref().map(Emulator::as_fd)
    }

    /// Runs the program, or says why not.
    pub fn execute(&self) -> SandboxError {
        let name = self.program.to_string_lossy().into_owned();
        if self.program.as_bytes().contains(&b'/') {
            return said(&self.program, name, &self.become_it(&self.program));
        }
        let mut refused = None;
        for folder in self.path.split(|byte| *byte == b':').filter(|_| !self.path.is_empty()) {
            let folder = if folder.is_empty() { b"." } else { folder };
            let Ok(program) = CString::new([folder, b"/", self.program.as_bytes()].concat()) else { continue };
            let error = self.become_it(&program);
            match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) if !exists(&program) => {}
                // Another folder may have one that can be run.
                Some(libc::EACCES) => refused = Some(SandboxError::NotExecutable { program: name.clone() }),
                _ => return said(&program, name, &error),
            }
        }
        refused.unwrap_or(SandboxError::NotFound { program: name })
    }

    fn become_it(&self, path: &CString) -> io::Error {
        match &self.emulator {
            None => execute(path, &self.arguments, &self.environment),
            Some(emulator) => emulator.execute(path, &self.arguments, &self.environment),
        }
    }
}

fn exists(program: &CString) -> bool {
    fs::metadata(OsStr::from_bytes(program.as_bytes())).is_ok_and(|found| found.is_file())
}

fn said(path: &CString, program: String, error: &io::Error) -> SandboxError {
    let executable =
        || fs::metadata(OsStr::from_bytes(path.as_bytes())).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    match error.raw_os_error().unwrap_or(libc::EIO) {
        libc::ENOENT if executable() => SandboxError::NoInterpreter { program },
        libc::ENOENT | libc::ENOTDIR => SandboxError::NotFound { program },
        libc::EACCES => SandboxError::NotExecutable { program },
        libc::ENOEXEC => SandboxError::Format { program },
        number => SandboxError::Execute { program, cause: io::Error::from_raw_os_error(number).into() },
    }
}
