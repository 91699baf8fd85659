//! Whom there is in a user namespace, and becoming one of them.

use std::fs;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::process::{Gid, Pid, Uid, WaitOptions, getppid, waitpid};
use rustix::thread::{UnshareFlags, set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::kernel::{Fork, fork, leave};
use crate::limitation::Limitation;
use crate::{Range, SandboxError, User, Users};

/// Where the helpers that may map more than one user are looked for.
const HELPERS: [&str; 3] = ["/usr/bin", "/bin", "/usr/local/bin"];

/// Enters the user namespace that is wanted.
pub(crate) fn enter(users: &Users) -> Result<(), SandboxError> {
    let Users::Own { uids, gids } = users else { return Ok(()) };
    if users.is_single() {
        leave(UnshareFlags::NEWUSER).map_err(Limitation::UserNamespace.because())?;
        return map_ourselves(uids, gids).map_err(Limitation::UserNamespace.because());
    }
    let failed = Limitation::ManyUsers;
    // Whoever maps us must stand outside, so it is forked before we go in, and told when we are.
    let (mut inside, mut entered) = io::pipe().map_err(failed.because())?;
    match fork().map_err(failed.because())? {
        Fork::Child => {
            drop(entered);
            let told = inside.read_exact(&mut [0]);
            let mapped = told.and_then(|()| map_from_outside(getppid(), uids, gids));
            std::process::exit(mapped.map_or_else(|error| error.raw_os_error().unwrap_or(libc::EPERM), |()| 0))
        }
        Fork::Parent(helper) => {
            leave(UnshareFlags::NEWUSER).map_err(Limitation::UserNamespace.because())?;
            entered.write_all(&[0]).map_err(failed.because())?;
            let status = waitpid(Some(helper), WaitOptions::empty()).map_err(failed.because())?;
            let code = status.and_then(|(_, status)| status.exit_status()).unwrap_or(libc::EPERM);
            if code != 0 {
                return Err(failed.because()(io::Error::from_raw_os_error(code)));
            }
            become_root().and_then(|()| set_thread_groups(&[])).map_err(failed.because())
        }
    }
}

fn map_ourselves(uids: &[Range], gids: &[Range]) -> io::Result<()> {
    // user_namespaces(7): without privileges, groups can be mapped only when nobody can drop any.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", Range::lines(uids))?;
    fs::write("/proc/self/gid_map", Range::lines(gids))
}

/// Maps the users of a process from outside its namespace: by ourselves if we may, else by the helpers.
fn map_from_outside(process: Option<Pid>, uids: &[Range], gids: &[Range]) -> io::Result<()> {
    let process = process.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?.as_raw_nonzero();
    for (helper, file, ranges) in [("newuidmap", "uid_map", uids), ("newgidmap", "gid_map", gids)] {
        if fs::write(format!("/proc/{process}/{file}"), Range::lines(ranges)).is_ok() {
            continue;
        }
        let found = HELPERS.iter().map(|folder| format!("{folder}/{helper}")).find(|path| fs::exists(path).unwrap_or(false));
        let found = found.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
        let words = Range::lines(ranges);
        let mut command = Command::new(found);
        command.arg(process.to_string()).args(words.split_whitespace());
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        if !status.success() {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
    }
    Ok(())
}

/// Becomes root, where whoever made the namespace stands for another user.
pub(crate) fn become_root() -> Result<(), Errno> {
    set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)
}

/// Refuses what is no number of anybody.
pub(crate) fn check(user: &User) -> Result<(), SandboxError> {
    let all = [user.uid, user.gid].into_iter().chain(user.groups.iter().copied());
    if all.into_iter().any(|number| number == u32::MAX) { Err(failed(user, Errno::INVAL)) } else { Ok(()) }
}

/// Becomes the user that the process runs as, which was checked, and keeps the capabilities for a last while.
pub(crate) fn become_user(user: &User) -> Result<(), SandboxError> {
    let failed = |cause: Errno| failed(user, cause);
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
    set_keep_capabilities(true).map_err(Limitation::Capabilities.because())?;
    match set_thread_groups(&groups) {
        // Where no group can be dropped, those that the caller has stay, and mean nothing inside.
        Err(Errno::PERM) if groups.iter().all(|group| *group == gid) => {}
        other => other.map_err(failed)?,
    }
    set_thread_res_gid(gid, gid, gid).map_err(failed)?;
    set_thread_res_uid(uid, uid, uid).map_err(failed)
}

fn failed(user: &User, cause: Errno) -> SandboxError {
    SandboxError::User { user: format!("{}:{}", user.uid, user.gid), cause: cause.into() }
}
