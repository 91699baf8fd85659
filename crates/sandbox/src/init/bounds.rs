//! Bounding what the process and all that it starts may use.

use std::fs;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, write};
use rustix::process::{Resource as Known, Rlimit, getrlimit, setrlimit};
use rustix::system::uname;

use crate::channel::Channel;
use crate::report::Word;
use crate::{Limit, Resource, SandboxError, Users};

/// The largest number of a process in this namespace and those below it.
const LARGEST_NUMBER: &str = "/proc/sys/kernel/pid_max";

/// Numbers that the kernel gives only once (`RESERVED_PIDS`).
const GIVEN_ONCE: u64 = 300;

/// Enters control groups. Tells whether it is in them.
pub(super) fn enter(doors: Vec<OwnedFd>, report: &Channel) -> Result<bool, SandboxError> {
    for door in doors {
        if write(&door, b"0").is_err() {
            report.say(&Word::NoCgroups, &[]).map_err(|_| SandboxError::Lost)?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Bounds the number of processes without a control group.
pub(super) fn set_processes(bound: u64, users: &Users) -> Result<(), Errno> {
    let numbered = numbers_are_own() && fs::write(LARGEST_NUMBER, bound.saturating_add(GIVEN_ONCE).to_string()).is_ok();
    // What a user has is counted for each user namespace. If that is not the sandbox's own, others are counted too.
    if numbered && *users == Users::Same {
        return Ok(());
    }
    let have = getrlimit(Known::Nproc);
    let lower = |limit: Option<u64>| Some(limit.map_or(bound, |limit| limit.min(bound)));
    setrlimit(Known::Nproc, Rlimit { current: lower(have.current), maximum: lower(have.maximum) })
}

/// Tells whether each namespace of processes has a largest number of its own, which came with Linux 6.14. Before, it is the
/// machine's, and not ours to change.
fn numbers_are_own() -> bool {
    let system = uname();
    let release = system.release().to_string_lossy();
    let mut parts = release.split(|character: char| !character.is_ascii_digit()).map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (6, 14))
}

/// Sets a limit of each process.
pub(super) fn set(limit: Limit) -> Result<(), Errno> {
    let resource = match limit.resource {
        Resource::Core => Known::Core,
        Resource::Cpu => Known::Cpu,
        Resource::Data => Known::Data,
        Resource::FileSize => Known::Fsize,
        Resource::Locks => Known::Locks,
        Resource::LockedMemory => Known::Memlock,
        Resource::MessageQueues => Known::Msgqueue,
        Resource::Nice => Known::Nice,
        Resource::OpenFiles => Known::Nofile,
        Resource::Processes => Known::Nproc,
        Resource::ResidentSet => Known::Rss,
        Resource::RealTimePriority => Known::Rtprio,
        Resource::RealTimeTime => Known::Rttime,
        Resource::PendingSignals => Known::Sigpending,
        Resource::Stack => Known::Stack,
        Resource::AddressSpace => Known::As,
    };
    setrlimit(resource, Rlimit { current: limit.soft, maximum: limit.hard })
}
