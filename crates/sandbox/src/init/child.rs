//! The first process of the sandbox, on its way to become the one that is wanted.

use std::convert::Infallible;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, Timespec};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MoveMountFlags, UnmountFlags, move_mount, unmount};
use rustix::process::{
    DumpableBehavior, PTracer, Signal, chdir, fchdir, pivot_root, set_dumpable_behavior, set_parent_process_death_signal, set_ptracer,
    setsid, umask,
};
use rustix::system::sethostname;
use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use super::program::Program;
use super::streams::Ends;
use super::within::{Within, open_in};
use super::{Handed, bounds, follower, mounts, network, registrar, streams};
use crate::accounts;
use crate::channel::Channel;
use crate::kernel::{Reach, close_all_but, filter, forget_signals, leave, listen, set_attributes};
use crate::limitation::Limitation;
use crate::report::Word;
use crate::template::let_go;
use crate::{Network, SandboxError, Spec, Strangers};

/// Does everything up to and including the last step, which does not return.
///
/// `counted` tells whether the control groups that it enters bound the number of processes.
pub(super) fn begin(spec: &Spec, root: OwnedFd, handed: Handed, counted: bool, report: &Channel) -> Result<Infallible, SandboxError> {
    let kernel = Limitation::Kernel;
    let entered = bounds::enter(handed.doors, report)?;
    let program = Program::of(spec)?;
    // The init's own namespace keeps the root open for what comes afterwards; what is mounted in it is ours alone.
    leave(UnshareFlags::NEWNS).map_err(Limitation::Namespaces.because())?;
    setsid().map_err(kernel.because())?;
    umask(Mode::from_raw_mode(0o022));
    sethostname(spec.hostname.as_bytes()).map_err(kernel.because())?;
    if spec.network == Network::None {
        network::switch_loopback_on().map_err(Limitation::Network.because())?;
    }
    if let Some(bound) = spec.bounds.processes.filter(|_| !(entered && counted)) {
        bounds::set_processes(bound, &spec.users).map_err(Limitation::Limit.because())?;
    }
    let ends = enter_root(spec, &root, Ends::new(handed.input), report)?;
    for limit in &spec.limits {
        bounds::set(*limit).map_err(Limitation::Limit.because())?;
    }
    let failed = |cause: Errno| SandboxError::Folder { folder: spec.folder.display().to_string(), cause: cause.into() };
    // Through the root's handle, so that no link of /proc leads elsewhere (CVE-2024-21626).
    let folder = open_in(&root, spec.folder.as_bytes(), OFlags::PATH | OFlags::DIRECTORY).map_err(failed)?;
    fchdir(&folder).map_err(failed)?;
    ends.take_place().map_err(kernel.because())?;
    drop((folder, root));
    let kept: Vec<_> = [report.as_fd()].into_iter().chain(program.open()).collect();
    close_all_but(&kept).map_err(kernel.because())?;
    forget_signals();
    let_go();
    let is_followed = spec.emulation.is_some() && ask_to_be_followed(report)?;
    give_up(spec, is_followed, report)?;
    Err(program.execute())
}

/// Makes the root ours: everything is mounted in it, and the machine's own is gone.
fn enter_root(spec: &Spec, root: &OwnedFd, ends: Ends, report: &Channel) -> Result<Ends, SandboxError> {
    let failed = Limitation::Root;
    move_mount(root, "", CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(failed.because())?;
    let within = Within::new(root, report).map_err(failed.because())?;
    let devices = mounts::all(spec, &within)?;
    let ends = ends.with_terminal(spec.streams, devices, report)?;
    if spec.read_only {
        set_attributes(root, MountAttrFlags::MOUNT_ATTR_RDONLY, Reach::Top).map_err(failed.because())?;
    }
    // The old root is put over the new one, and taken off (pivot_root(2), "pivot_root(".", ".")").
    fchdir(root)
        .and_then(|()| pivot_root(".", "."))
        .and_then(|()| unmount(".", UnmountFlags::DETACH))
        .and_then(|()| chdir("/"))
        .map_err(failed.because())?;
    Ok(ends)
}

/// Waits until somebody follows us. Tells whether somebody does.
fn ask_to_be_followed(report: &Channel) -> Result<bool, SandboxError> {
    // Who has changed users is followed by nobody, unless they say that anybody may; nobody else is in here yet.
    set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(Limitation::Kernel.because())?;
    // Kernels without Yama know no such thing.
    let _ = set_ptracer(PTracer::Any);
    report.say(&Word::Follow, &[]).map_err(|_| SandboxError::Lost)?;
    let follows = report.hear().ok().flatten().map(|(follows, _)| follows).ok_or(SandboxError::Lost);
    let _ = set_ptracer(PTracer::None);
    follows
}

/// Gives up what the process must not have, the filter last.
fn give_up(spec: &Spec, is_followed: bool, report: &Channel) -> Result<(), SandboxError> {
    let failed = Limitation::Capabilities;
    let have = capabilities(None).map_err(failed.because())?.permitted;
    let wanted = spec.capabilities.set().intersection(have);
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        // The kernel does not know numbers past its last one.
        let Ok(bound) = capability_is_in_bounding_set(one) else { break };
        if bound && !spec.capabilities.set().contains(one) {
            remove_capability_from_bounding_set(one).map_err(failed.because())?;
        }
    }
    accounts::check(&spec.user)?;
    streams::give_to(&spec.user, spec.streams);
    let plays = spec.strangers == Strangers::Played;
    if !plays {
        accounts::become_user(&spec.user)?;
    }
    match clear_ambient_capability_set() {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(failed.because()(error)),
    }
    // Whoever may not gain anything by programs may filter itself; for all others it takes a right, which goes right after.
    let filters = (plays || is_followed || !spec.filter.is_empty()) && !spec.no_new_privileges;
    let last = if filters { wanted | CapabilitySet::SYS_ADMIN } else { wanted };
    hold(last).map_err(failed.because())?;
    // Only now, since becoming another user takes it back. If the init ended before, nobody hears the pipe.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(Limitation::Kernel.because())?;
    if nobody_hears(report).map_err(Limitation::Kernel.because())? {
        return Err(SandboxError::Lost);
    }
    if spec.no_new_privileges {
        set_no_new_privs(true).map_err(failed.because())?;
    }
    if is_followed && let Some(stops) = follower::filter() {
        filter(&stops).map_err(Limitation::Filter.because())?;
    }
    if plays {
        let asks = registrar::filter().ok_or_else(|| Limitation::Strangers.because()(Errno::NOSYS))?;
        let listener = listen(&asks).map_err(Limitation::Strangers.because())?;
        report.say(&Word::Listener, &[listener.as_fd()]).map_err(|_| SandboxError::Lost)?;
    }
    if !spec.filter.is_empty() {
        filter(&spec.filter).map_err(Limitation::Filter.because())?;
    }
    if filters { hold(wanted).map_err(failed.because()) } else { Ok(()) }
}

fn hold(set: CapabilitySet) -> Result<(), Errno> {
    set_capabilities(None, CapabilitySets { effective: set, permitted: set, inheritable: CapabilitySet::empty() })
}

fn nobody_hears(report: &Channel) -> Result<bool, Errno> {
    let mut watched = [PollFd::new(report, PollFlags::empty())];
    poll(&mut watched, Some(&Timespec::default()))?;
    Ok(watched.iter().any(|watched| watched.revents().contains(PollFlags::HUP)))
}
