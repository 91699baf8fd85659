//! Tiny programs that tell by running whether others would.

mod code;
mod image;

use std::fmt;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use oci::Platform;
use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use rustix::process::Signal;

use crate::{Cause, Machine, child};

/// A static program of some hundred bytes for one level of one machine, which does nothing but end.
///
/// Where a machine has levels, it uses instructions that came with its level, so a processor that has less ends it by SIGILL.
/// 64-bit ARM is not told apart: what v9 adds to v8 is the system's to have or not, and no image is made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probe {
    machine: Machine,
    /// 1 to 4 for amd64, 5 to 8 for arm, 0 for all others.
    level: u8,
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It ran: programs for its platform do.
    Ran,
    /// The processor, or the emulator, does not have its instructions (SIGILL).
    Illegal,
    /// Nothing runs such programs (ENOEXEC).
    Refused,
    /// It, or what ran it, was ended by another signal.
    Crashed(i32),
    /// What ran it ended in its place, with this status.
    Ended(i32),
    /// It did not end in time.
    Hung,
    /// It could not be run for another reason, such as an interpreter that is registered and not there (ENOENT).
    Failed(Cause),
}

impl Probe {
    /// The status with which it ends: one that neither shells nor emulators use for trouble of their own.
    pub const STATUS: i32 = code::STATUS as i32;

    /// Returns the probe for a platform; `None` where there is none: another system, machine or level.
    ///
    /// ```
    /// # use emulate::Probe;
    /// let probe = Probe::of(&oci::Platform::new("linux", "arm", None)).expect("a known platform");
    /// assert_eq!(probe.to_string(), "linux/arm/v7");
    /// ```
    pub fn of(platform: &Platform) -> Option<Self> {
        let platform = platform.normalized();
        let machine = Machine::of(&platform)?;
        let level = |least: u8, most: u8, usual: u8| match platform.variant.as_deref() {
            None => Some(usual),
            Some(variant) => variant.strip_prefix('v')?.parse().ok().filter(|level| (least..=most).contains(level)),
        };
        let level = match machine {
            Machine::Amd64 => level(1, 4, 1)?,
            // An arm without a variant is v7, for containerd and for us.
            Machine::Arm => level(5, 8, 7)?,
            _ => 0,
        };
        Some(Self { machine, level })
    }

    /// Returns the probe for the lowest level of a machine.
    pub fn least(machine: Machine) -> Self {
        let level = match machine {
            Machine::Amd64 => 1,
            Machine::Arm => 5,
            _ => 0,
        };
        Self { machine, level }
    }

    /// Lists all probes.
    pub fn all() -> impl Iterator<Item = Self> {
        Machine::ALL.into_iter().flat_map(|machine| {
            let levels = match machine {
                Machine::Amd64 => 1..=4,
                Machine::Arm => 5..=8,
                _ => 0..=0,
            };
            levels.map(move |level| Self { machine, level })
        })
    }

    /// Returns the machine it is for.
    pub const fn machine(self) -> Machine {
        self.machine
    }

    /// Returns the platform it is for.
    pub fn platform(self) -> Platform {
        let level = (self.level > 1).then(|| format!("v{}", self.level));
        Platform::new("linux", self.machine.architecture(), level.as_deref()).normalized()
    }

    /// Returns the program, as the bytes of an ELF file.
    pub fn program(self) -> Vec<u8> {
        image::of(self.machine, &code::of(self.machine, self.level))
    }

    /// Runs it as the kernel would run any program: by itself, or by the interpreter that is registered.
    ///
    /// It is run from memory, with nothing in its environment. What is registered here, without the flag `F`, may be missing in
    /// another root: whoever can should let it run in an empty one.
    pub fn run(self, limit: Duration) -> Answer {
        self.answer(limit, |program| Command::new(program))
    }

    /// Runs it by an emulator, which is given these arguments first.
    pub fn run_by(self, emulator: &Path, arguments: &[&str], limit: Duration) -> Answer {
        self.answer(limit, |program| {
            let mut command = Command::new(emulator);
            command.args(arguments).arg(program);
            command
        })
    }

    fn answer(self, limit: Duration, command: impl FnOnce(&Path) -> Command) -> Answer {
        let run = || -> io::Result<Option<ExitStatus>> {
            let mut file = child::memory(MemfdFlags::EXEC)?;
            file.write_all(&self.program())?;
            child::run(command(&child::path_of(&file)).stdout(Stdio::null()), limit)
        };
        match run().map_err(Cause::from) {
            Ok(None) => Answer::Hung,
            Ok(Some(status)) => Answer::of(status),
            Err(cause) if cause.is(Errno::NOEXEC) => Answer::Refused,
            Err(cause) => Answer::Failed(cause),
        }
    }
}

impl Answer {
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(Probe::STATUS), _) => Self::Ran,
            (Some(code), _) => Self::Ended(code),
            (None, Some(signal)) if signal == Signal::ILL.as_raw() => Self::Illegal,
            (None, signal) => Self::Crashed(signal.unwrap_or_default()),
        }
    }
}

/// As words that follow "a probe".
impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ran => formatter.write_str("ran"),
            Self::Illegal => formatter.write_str("met instructions that are not there"),
            Self::Refused => formatter.write_str("was refused"),
            Self::Crashed(signal) => write!(formatter, "was ended by signal {signal}"),
            Self::Ended(status) => write!(formatter, "was not run: what should have done it ended with status {status}"),
            Self::Hung => formatter.write_str("did not end in time"),
            Self::Failed(cause) => write!(formatter, "could not be run: {cause}"),
        }
    }
}

/// The platform that it is for.
impl fmt::Display for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "linux/{}", self.machine)?;
        if self.level > 1 { write!(formatter, "/v{}", self.level) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_probe_is_that_of_the_platform_it_says() {
        for probe in Probe::all() {
            assert_eq!(Probe::of(&probe.to_string().parse().unwrap()), Some(probe));
            assert_eq!(probe.platform().to_string(), probe.to_string());
        }
        assert_eq!(Probe::all().count(), 15);
    }

    #[test]
    fn levels_that_are_not_known_have_none() {
        let of = |architecture, variant| Probe::of(&Platform::new("linux", architecture, variant));
        assert_eq!(of("amd64", Some("v5")), None);
        assert_eq!(of("arm", Some("v4")), None);
        assert_eq!(of("arm", Some("hot")), None);
        assert_eq!(of("arm64", Some("v9")), of("arm64", None));
        assert_eq!(of("amd64", Some("v1")), of("amd64", None));
        assert_eq!(Probe::of(&Platform::new("windows", "amd64", None)), None);
    }

    #[test]
    fn probes_are_small_and_all_different() {
        let programs: std::collections::BTreeSet<_> = Probe::all().map(Probe::program).collect();
        assert_eq!(programs.len(), 15);
        assert!(programs.iter().all(|program| program.len() < 400));
    }
}
