//! Programs that are run to learn something of them: without input, without an environment, and not for long.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// What the kernel said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cause(i32);

impl Cause {
    /// Returns the number, as in `errno(3)`.
    pub const fn number(self) -> i32 {
        self.0
    }

    pub(crate) fn is(self, errno: Errno) -> bool {
        self.0 == errno.raw_os_error()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(formatter)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()))
    }
}

/// A file in memory, with nobody's name.
///
/// # Errors
/// The kernel refuses one; `vm.memfd_noexec=2` does that to one whose content may run.
pub(crate) fn memory(flags: MemfdFlags) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | flags;
    let made = match rustix::fs::memfd_create(c"polyarch", flags) {
        // Linux before 6.3 does not know that some may run and others not; there all may.
        Err(Errno::INVAL) => rustix::fs::memfd_create(c"polyarch", flags - MemfdFlags::EXEC),
        other => other,
    };
    Ok(File::from(made?))
}

/// Returns a path by which any process of this user can open a file of this one, as long as it is open here.
///
/// Whoever runs the file needs no descriptor of it, so it stays closed to all other programs that this process starts. And an
/// interpreter that the kernel starts is handed a path that is as good in its own process.
pub(crate) fn path_of(file: &File) -> PathBuf {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into()
}

/// Runs a program with nothing but its arguments; `None` if it took longer than it may, and was killed.
///
/// # Errors
/// It cannot be started.
pub(crate) fn run(command: &mut Command, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let mut child = command.env_clear().stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    match wait(&mut child, limit) {
        Ok(Some(status)) => Ok(Some(status)),
        other => {
            // It may end at this very moment; either way there is an end to wait for.
            let _ = child.kill();
            child.wait()?;
            other
        }
    }
}

fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    let handle = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_killed() {
        let begin = Instant::now();
        let sleep = run(Command::new("/bin/sleep").arg("60"), Duration::from_millis(50));
        assert_eq!(sleep.unwrap(), None);
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_ends_is_waited_for() {
        let status = run(Command::new("/bin/sh").args(["-c", "exit 3"]), Duration::from_secs(60)).unwrap();
        assert_eq!(status.unwrap().code(), Some(3));
    }
}
