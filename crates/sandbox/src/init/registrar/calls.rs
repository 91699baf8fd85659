//! The calls that the registrar answers, as a seccomp filter.

use crate::init::bpf::{ALLOW, ANY, EQUAL, LOAD, Program, RETURN, argument, number};

/// Calls by which something gets an owner.
const OWNERS: [i64; 2] = [libc::SYS_fchown, libc::SYS_fchownat];

/// The same, where the machine has the older ones.
#[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
const OLDER: [i64; 2] = [libc::SYS_chown, libc::SYS_lchown];
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const OLDER: [i64; 0] = [];

/// Calls by which a process becomes somebody, asks who it is, or is nobody any more.
const IDENTITY: [i64; 17] = [
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_exit_group,
];

/// Calls that make something. What is to be opened by `openat2` stands in memory, where no filter looks.
const MAKING: [i64; 4] = [libc::SYS_mkdirat, libc::SYS_symlinkat, libc::SYS_mknodat, libc::SYS_openat2];

/// The same, where the machine has the older ones.
#[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
const MAKING_OLDER: [i64; 4] = [libc::SYS_mkdir, libc::SYS_symlink, libc::SYS_mknod, libc::SYS_creat];
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const MAKING_OLDER: [i64; 0] = [];

/// Calls by which a process is told whose a file is.
const LOOKING: [i64; 3] = [libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx];

/// The same, where the machine has the older ones.
#[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
const LOOKING_OLDER: [i64; 2] = [libc::SYS_stat, libc::SYS_lstat];
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const LOOKING_OLDER: [i64; 0] = [];

/// Calls that make something if they are told so, with the place of what tells it among their arguments.
#[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
const OPENING: [(i64, u32); 2] = [(libc::SYS_openat, 2), (libc::SYS_open, 1)];
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const OPENING: [(i64, u32); 1] = [(libc::SYS_openat, 2)];

/// What tells them so: a name is to be made, or a file without one, which is this besides being a folder that is opened.
const MAKES: i32 = libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY);

/// What the kernel does with a call: it asks.
const ASK: u32 = libc::SECCOMP_RET_USER_NOTIF;

/// Returns the filter: it has the registrar asked, and permits all else. None where this machine's calls are not known.
pub(in crate::init) fn filter() -> Option<Vec<u8>> {
    let mut program = Program::of_this_machine()?;
    for (call, flags) in OPENING {
        program.step(EQUAL, 0, 4, number(call));
        program.step(LOAD, 0, 0, argument(flags));
        program.step(ANY, 0, 1, MAKES.cast_unsigned());
        program.step(RETURN, 0, 0, ASK);
        program.step(RETURN, 0, 0, ALLOW);
    }
    let all = [&OWNERS[..], &OLDER, &IDENTITY, &MAKING, &MAKING_OLDER, &LOOKING, &LOOKING_OLDER];
    for call in all.into_iter().flatten() {
        program.step(EQUAL, 0, 1, number(*call));
        program.step(RETURN, 0, 0, ASK);
    }
    program.step(EQUAL, 0, 4, number(libc::SYS_prctl));
    program.step(LOAD, 0, 0, argument(0));
    program.step(EQUAL, 0, 1, libc::PR_SET_KEEPCAPS.cast_unsigned());
    program.step(RETURN, 0, 0, ASK);
    program.step(RETURN, 0, 0, ALLOW);
    program.step(RETURN, 0, 0, ALLOW);
    Some(program.bytes())
}
