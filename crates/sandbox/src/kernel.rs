//! What only the kernel's own interface offers. All `unsafe` of the program stands in this file and in those below it.

#![allow(unsafe_code)]

pub(crate) mod trace;

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use rustix::mount::MountAttrFlags;
use rustix::process::{Gid, Pid, getgroups};
use rustix::thread::{UnshareFlags, set_thread_groups};

use crate::{Device, Owner, User};

/// Who returns from a [`fork`].
pub(crate) enum Fork {
    /// The new process.
    Child,
    /// The one that called.
    Parent(Pid),
}

/// Doubles the process, which must have one thread only.
pub(crate) fn fork() -> io::Result<Fork> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    // SAFETY: there is no other thread, as was just counted and as only this one could make one, so the child finds every
    // lock, the allocator's among them, in a state that it may go on from.
    let pid = unsafe { libc::fork() };
    match pid {
        0 => Ok(Fork::Child),
        pid => Pid::from_raw(pid).filter(|_| pid > 0).map(Fork::Parent).ok_or_else(io::Error::last_os_error),
    }
}

/// Leaves namespaces for new ones.
pub(crate) fn leave(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: the table of descriptors stays shared, which is the only thing that can go wrong here.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags.difference(UnshareFlags::FILES)) }?)
}

/// Closes every descriptor but the first three and those that are kept.
///
/// The caller owns none but these: those that it had are dropped, and those of others are what it is called for.
pub(crate) fn close_all_but(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<u32> = kept.iter().map(|kept| kept.as_raw_fd().cast_unsigned()).filter(|kept| *kept > 2).collect();
    kept.sort_unstable();
    let firsts = [3].into_iter().chain(kept.iter().map(|kept| kept + 1));
    let lasts = kept.iter().map(|kept| kept - 1).chain([u32::MAX]);
    for (first, last) in firsts.zip(lasts).filter(|(first, last)| first <= last) {
        // SAFETY: no memory is passed. No live owner of a descriptor in this range is left, by the contract above, and in the
        // init and what it forks, which is all that calls this, nothing runs beside the caller.
        if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0_u32) } != 0 {
            // Before Linux 5.9, or by a filter that does not know it.
            return close_one_by_one(&kept);
        }
    }
    Ok(())
}

fn close_one_by_one(kept: &[u32]) -> io::Result<()> {
    let entries = std::fs::read_dir("/proc/self/fd")?;
    let open: Vec<libc::c_int> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for number in open.into_iter().filter(|number| *number > 2 && !kept.contains(&number.cast_unsigned())) {
        // SAFETY: as above. The one by which the folder was read is among them, and is closed by now, which is no error that matters.
        unsafe { libc::close(number) };
    }
    Ok(())
}

/// Does something as a user who looks at files, and is who it was again: root, who may look at more.
///
/// # Errors
/// There is no such user here.
pub(crate) fn look_as<T>(user: &User, act: impl FnOnce() -> T) -> io::Result<T> {
    if user.uid == 0 {
        return Ok(act());
    }
    let own: Vec<Gid> = getgroups()?;
    let groups: Vec<Gid> = user.groups.iter().map(|group| Gid::from_raw(*group)).collect();
    let change = |call: libc::c_long, id: u32| {
        // SAFETY: no memory is passed. It returns who it was before, so that it is asked again for who it is.
        unsafe { libc::syscall(call, id) };
        // SAFETY: as above; there is nobody of this number, so that nothing changes.
        let is = unsafe { libc::syscall(call, u32::MAX) };
        is == libc::c_long::from(id)
    };
    set_thread_groups(&groups)?;
    let looks = change(libc::SYS_setfsgid, user.gid) && change(libc::SYS_setfsuid, user.uid);
    let result = looks.then(act);
    // Whoever looks with rights of another may do so no longer.
    if !(change(libc::SYS_setfsuid, 0) && change(libc::SYS_setfsgid, 0) && set_thread_groups(&own).is_ok()) {
        std::process::exit(1);
    }
    result.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))
}

/// Writes to the memory of a process where that may be written to.
///
/// # Errors
/// What the kernel says, such as that nothing is there.
pub(crate) fn write_to(process: Pid, address: u64, bytes: &[u8]) -> io::Result<()> {
    let address = usize::try_from(address).map_err(|_| io::Error::from_raw_os_error(libc::EFAULT))?;
    let ours = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let theirs = libc::iovec { iov_base: ptr::without_provenance_mut(address), iov_len: bytes.len() };
    // SAFETY: our own piece is only read, and lives until the call returns; the other one is an address of another process.
    let written = unsafe { libc::process_vm_writev(process.as_raw_nonzero().get(), &raw const ours, 1, &raw const theirs, 1, 0) };
    match usize::try_from(written) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Sets every signal to what it does by itself, so that nothing the caller ignored is ignored by the process.
pub(crate) fn forget_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the default action is no code of ours. The kernel refuses SIGKILL and SIGSTOP, and libc its own two.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Sends a process a signal, whatever its number means.
pub(crate) fn send_signal(process: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    let nothing = ptr::null::<libc::siginfo_t>();
    // SAFETY: no memory is passed. The process is another one, so no handler of ours is called for a signal that libc uses itself.
    match unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), number, nothing, 0_u32) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Has this process, and what it starts, get memory in small pages alone, or in large ones as well. Tells whether it was otherwise before.
pub(crate) fn keep_to_small_pages(keep: bool) -> bool {
    let none: libc::c_ulong = 0;
    // SAFETY: no memory is passed.
    let before = unsafe { libc::prctl(libc::PR_GET_THP_DISABLE, none, none, none, none) };
    // SAFETY: as above.
    before == i32::from(!keep) && unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, libc::c_ulong::from(keep), none, none, none) } == 0
}

/// How far an attribute reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// One mount.
    Top,
    /// A mount and everything below it.
    Whole,
}

/// Sets attributes of a mount.
pub(crate) fn set_attributes(mount: impl AsFd, set: MountAttrFlags, reach: Reach) -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: u64::from(set.bits()), attr_clr: 0, propagation: 0, userns_fd: 0 };
    let recursive = if reach == Reach::Whole { libc::AT_RECURSIVE } else { 0 };
    let flags = libc::AT_EMPTY_PATH | recursive;
    // SAFETY: the path is a string that ends in NUL, and the attributes live until the call returns; their size is told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            ptr::from_ref(&attributes),
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Installs a seccomp filter: eight bytes for each instruction, in this machine's order.
pub(crate) fn filter(program: &[u8]) -> io::Result<()> {
    install(program, 0).map(drop)
}

/// Installs a seccomp filter some of whose calls are answered by who holds what this returns.
pub(crate) fn listen(program: &[u8]) -> io::Result<OwnedFd> {
    let listens = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // Without it, which came with Linux 5.19, a signal has a call asked again that was asked already.
    let number = install(program, listens | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).or_else(|_| install(program, listens))?;
    let number = libc::c_int::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: the kernel has made this descriptor for us just now, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn install(program: &[u8], flags: libc::c_ulong) -> io::Result<libc::c_long> {
    let (instructions, rest) = program.as_chunks::<8>();
    let mut instructions: Vec<libc::sock_filter> = instructions
        .iter()
        .map(|[code_low, code_high, jump_true, jump_false, a, b, c, d]| libc::sock_filter {
            code: u16::from_ne_bytes([*code_low, *code_high]),
            jt: *jump_true,
            jf: *jump_false,
            k: u32::from_ne_bytes([*a, *b, *c, *d]),
        })
        .collect();
    let length = u16::try_from(instructions.len()).ok().filter(|_| rest.is_empty());
    let len = length.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    let program = libc::sock_fprog { len, filter: instructions.as_mut_ptr() };
    // SAFETY: the program points at as many instructions as it says, and both live until the call returns. The kernel checks
    // the instructions themselves.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, ptr::from_ref(&program)) };
    if result >= 0 { Ok(result) } else { Err(io::Error::last_os_error()) }
}

/// A call of a process that waits for its answer.
#[derive(Debug)]
pub(crate) struct Notice {
    /// Which one it is.
    pub id: u64,
    /// The thread that calls.
    pub thread: u32,
    /// The number of the call.
    pub call: i64,
    /// What it is called with.
    pub arguments: [u64; 6],
}

/// What a call is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It returns this.
    Value(u32),
    /// It fails with this.
    Error(i32),
    /// The kernel carries it out.
    Proceed,
    /// It has returned already.
    Returned,
}

/// Asks that whoever calls and whoever answers take turns on one processor, which is much faster than waking up another (Linux 6.6).
pub(crate) fn take_turns(listener: BorrowedFd<'_>) -> io::Result<()> {
    /// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`.
    const TURNS: u64 = 1;
    // SAFETY: no memory is passed, though the call's number says that there is: the flags themselves are its argument.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, TURNS) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes the next call that waits.
pub(crate) fn receive(listener: BorrowedFd<'_>) -> io::Result<Notice> {
    // A kernel of the future may have more to say. It wants nothing but zeros in there.
    let mut room = [0_u64; 64];
    const { assert!(size_of::<[u64; 64]>() > size_of::<libc::seccomp_notif>()) };
    // SAFETY: the room is larger than what is written there, is aligned like it, and lives until the call returns.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, room.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has filled it in, every pattern of bits is one of it, and it is aligned like what it is read from.
    let notice = unsafe { room.as_ptr().cast::<libc::seccomp_notif>().read() };
    Ok(Notice { id: notice.id, thread: notice.pid, call: notice.data.nr.into(), arguments: notice.data.args })
}

/// Answers a call. An error says that nobody waits for it any more.
pub(crate) fn answer(listener: BorrowedFd<'_>, id: u64, answer: Answer) -> io::Result<()> {
    let (val, error, flags) = match answer {
        Answer::Value(value) => (value.into(), 0, 0),
        Answer::Error(number) => (0, -number, 0),
        Answer::Proceed => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE),
        Answer::Returned => return Ok(()),
    };
    let flags = u32::try_from(flags).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let mut response = libc::seccomp_notif_resp { id, val, error, flags };
    // SAFETY: the response lives until the call returns, and is what this call takes.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, ptr::from_mut(&mut response)) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives the process that calls a descriptor of this file, and returns what its call is to be answered with.
///
/// Kernels before 5.9 cannot (EINVAL). Since 5.14 both is one, so that no signal can come between.
pub(crate) fn hand_over(listener: BorrowedFd<'_>, id: u64, file: BorrowedFd<'_>, closes: bool) -> io::Result<Answer> {
    let give = |flags: libc::c_ulong| {
        let invalid = |_| io::Error::from_raw_os_error(libc::EINVAL);
        let flags = u32::try_from(flags).map_err(invalid)?;
        let newfd_flags = if closes { libc::O_CLOEXEC.cast_unsigned() } else { 0 };
        let srcfd = file.as_raw_fd().cast_unsigned();
        let given = libc::seccomp_notif_addfd { id, flags, srcfd, newfd: 0, newfd_flags };
        // SAFETY: the structure lives until the call returns, and is what this call takes.
        let number = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, ptr::from_ref(&given)) };
        u32::try_from(number).map_err(|_| io::Error::last_os_error())
    };
    match give(libc::SECCOMP_ADDFD_FLAG_SEND) {
        Ok(_) => Ok(Answer::Returned),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => give(0).map(Answer::Value),
        Err(error) => Err(error),
    }
}

/// Tells whether a call still waits. If so, what was opened of its thread before was that thread's.
pub(crate) fn waits(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the number lives until the call returns, and is what this call takes.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, ptr::from_ref(&id)) == 0 }
}

/// Tells what a file is in its file system, beyond its number, which others had before: none has this in common with it.
pub(crate) fn handle(folder: BorrowedFd<'_>, path: &CStr) -> io::Result<Vec<u8>> {
    // The length and the kind of what comes after them.
    let mut room = [0_u32; 2 + libc::MAX_HANDLE_SZ as usize / 4];
    room[0] = libc::MAX_HANDLE_SZ.cast_unsigned();
    let mut mount = 0;
    let (folder, handle) = (folder.as_raw_fd(), room.as_mut_ptr().cast());
    // SAFETY: the room is aligned for what is written there, has as much space behind its first two numbers as the first says,
    // and lives until the call returns, as do the path, which ends in NUL, and the number of the mount.
    let result = unsafe { libc::name_to_handle_at(folder, path.as_ptr(), handle, ptr::from_mut(&mut mount), 0) };
    if result == 0 { Ok(room.iter().flat_map(|number| number.to_ne_bytes()).collect()) } else { Err(io::Error::last_os_error()) }
}

/// Describes a file as `struct stat` has it, but for whose it is.
pub(crate) fn describe(file: impl AsFd, owner: Owner) -> io::Result<Vec<u8>> {
    let mut room = vec![0; size_of::<libc::stat>()];
    let (file, path, flags) = (file.as_fd().as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH);
    // SAFETY: the path ends in NUL, and the room is as large as what is written there; the kernel needs no alignment.
    if unsafe { libc::syscall(libc::SYS_newfstatat, file, path, room.as_mut_ptr(), flags) } != 0 {
        return Err(io::Error::last_os_error());
    }
    put(&mut room, offset_of!(libc::stat, st_uid), &owner.uid.to_ne_bytes());
    put(&mut room, offset_of!(libc::stat, st_gid), &owner.gid.to_ne_bytes());
    if let Some(device) = owner.device {
        let mode = offset_of!(libc::stat, st_mode);
        let bits = room.get(mode..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_ne_bytes(*bytes));
        put(&mut room, mode, &(bits & !libc::S_IFMT | kind(device)).to_ne_bytes());
        put(&mut room, offset_of!(libc::stat, st_rdev), &libc::makedev(device.major, device.minor).to_ne_bytes());
    }
    Ok(room)
}

/// The same as `struct statx` has it.
pub(crate) fn describe_extended(file: impl AsFd, sync: i32, mask: u32, owner: Owner) -> io::Result<Vec<u8>> {
    let mut room = vec![0; size_of::<libc::statx>()];
    let (file, path, flags) = (file.as_fd().as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH | sync);
    // SAFETY: as above.
    if unsafe { libc::syscall(libc::SYS_statx, file, path, flags, mask, room.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    put(&mut room, offset_of!(libc::statx, stx_uid), &owner.uid.to_ne_bytes());
    put(&mut room, offset_of!(libc::statx, stx_gid), &owner.gid.to_ne_bytes());
    if let Some(device) = owner.device {
        let mode = offset_of!(libc::statx, stx_mode);
        let bits = room.get(mode..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u16::from_ne_bytes(*bytes));
        let bits = u32::from(bits) & !libc::S_IFMT | kind(device);
        put(&mut room, mode, &u16::try_from(bits).unwrap_or_default().to_ne_bytes());
        put(&mut room, offset_of!(libc::statx, stx_rdev_major), &device.major.to_ne_bytes());
        put(&mut room, offset_of!(libc::statx, stx_rdev_minor), &device.minor.to_ne_bytes());
    }
    Ok(room)
}

const fn kind(device: Device) -> u32 {
    if device.is_block { libc::S_IFBLK } else { libc::S_IFCHR }
}

/// Writes a field of a structure of the kernel's.
fn put(room: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = room.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}

/// Becomes another program; returns only if that failed.
///
/// Unlike libc's `execvp`, and with it the standard library, it never hands a file of unknown format to a shell.
pub(crate) fn execute(program: &CString, arguments: &[CString], environment: &[CString]) -> io::Error {
    let (arguments, environment) = (list(arguments), list(environment));
    // SAFETY: both lists end with a null pointer, and what they point at, strings that end in NUL, lives until the call returns.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// Does the same with a program that is open.
pub(crate) fn execute_open(program: BorrowedFd<'_>, arguments: &[CString], environment: &[CString]) -> io::Error {
    let (arguments, environment) = (list(arguments), list(environment));
    let (program, path) = (program.as_raw_fd(), c"".as_ptr());
    // SAFETY: as above; the path is empty, and ends in NUL.
    unsafe { libc::syscall(libc::SYS_execveat, program, path, arguments.as_ptr(), environment.as_ptr(), libc::AT_EMPTY_PATH) };
    io::Error::last_os_error()
}

/// Makes what the kernel takes a list of strings by. It is good as long as the strings are.
fn list(words: &[CString]) -> Vec<*const c_char> {
    words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect()
}
