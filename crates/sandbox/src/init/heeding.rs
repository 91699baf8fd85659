//! What a signal would do to a process, if that were not the first of its namespace.

use std::fs;

use rustix::process::Pid;

/// What the kernel lists of a process, as masks: signals that it holds back, does not care for, and handles.
const HEEDED: [&str; 3] = ["SigBlk:", "SigIgn:", "SigCgt:"];

/// Tells whether a signal ends a process: it would end any that does nothing about it, and this one does nothing about it.
///
/// What cannot be found out does not end it.
pub(super) fn ends(pid: Pid, number: i32) -> bool {
    is_fatal(number)
        && fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).is_ok_and(|status| is_unheeded(&status, number))
}

/// Tells whether a signal ends a process that does nothing about it (signal(7)).
fn is_fatal(number: i32) -> bool {
    let harmless = [libc::SIGCHLD, libc::SIGCONT, libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU, libc::SIGURG, libc::SIGWINCH];
    (1..=64).contains(&number) && !harmless.contains(&number)
}

fn is_unheeded(status: &str, number: i32) -> bool {
    let mask = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(value.trim(), 16).ok()
    };
    HEEDED.iter().all(|name| mask(name).is_some_and(|mask| mask & (1 << (number - 1)) == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_heeded_that_is_held_back_ignored_or_handled() {
        let status = "Name:\tsh\nSigQ:\t0/1\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000000002\nSigCgt:\t8000000000004000\n";
        for (number, unheeded) in [(1, false), (2, false), (3, true), (14, true), (15, false), (63, true), (64, false)] {
            assert_eq!(is_unheeded(status, number), unheeded, "{number}");
        }
        for broken in ["", "SigBlk:\t0\nSigIgn:\t0\n", "SigBlk:\t0\nSigIgn:\t0\nSigCgt:\tx\n"] {
            assert!(!is_unheeded(broken, 3), "{broken}");
        }
    }

    #[test]
    fn some_signals_end_nothing() {
        for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, 34, 64] {
            assert!(is_fatal(number), "{number}");
        }
        for number in [libc::SIGCHLD, libc::SIGWINCH, libc::SIGTSTP, libc::SIGCONT, 0, -1, 65, i32::MAX] {
            assert!(!is_fatal(number), "{number}");
        }
    }
}
