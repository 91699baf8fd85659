//! Mounting what is wanted in the root.
//!
//! A mount is made or cloned without a place, then moved onto the open handle of its target. So nothing is resolved twice.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{CWD, FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, fstat, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen, move_mount, open_tree, unmount,
};

use super::devices::Devices;
use super::root;
use super::within::{Wanted, Within, open_in};
use crate::kernel::{Reach, set_attributes};
use crate::limitation::Limitation;
use crate::{Attributes, Mount, MountKind, Root, SandboxError, Spec};

/// What /proc, /sys and the like are mounted with.
pub(super) const INERT: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV).union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// Mounts everything, and then hides and protects paths.
///
/// Returns the /dev that was mounted last, where there is one.
pub(super) fn all(spec: &Spec, within: &Within<'_>) -> Result<Option<Devices>, SandboxError> {
    let mut devices = None;
    for wanted in &spec.mounts {
        devices = one(wanted, within)?.or(devices);
    }
    for path in &spec.masked {
        mask(path.as_bytes(), within).map_err(failed("nothing", path))?;
    }
    for path in &spec.read_only_paths {
        protect(path.as_bytes(), within).map_err(failed("itself, read-only,", path))?;
    }
    Ok(devices)
}

fn one(wanted: &Mount, within: &Within<'_>) -> Result<Option<Devices>, SandboxError> {
    let target = &wanted.target;
    let stays = wanted.keep_target;
    let folder = || within.target(target.as_bytes(), Wanted { is_folder: true, stays });
    match &wanted.kind {
        MountKind::Bind { source, inside, attributes } => {
            let name = match source {
                Root::Folder(folder) => folder.display().to_string(),
                Root::Overlay { .. } => "folders over each other".to_owned(),
            };
            let mount = bound(source, inside.as_ref().map(|path| path.as_bytes()), *attributes);
            let mount = mount.map_err(|error| match error {
                SandboxError::Mount { what, cause, .. } => SandboxError::Mount { what, target: target.display().to_string(), cause },
                other => other,
            })?;
            let is_folder = is_folder(&mount).map_err(failed(&name, target))?;
            let place = within.target(target.as_bytes(), Wanted { is_folder, stays });
            place.and_then(|place| attach(&mount, &place)).map_err(failed(&name, target))?;
        }
        MountKind::Tmpfs { size, mode, attributes } => {
            let mut options = vec![("mode", format!("{mode:o}"))];
            options.extend(size.map(|size| ("size", size.to_string())));
            let mount = made("tmpfs", &options, flags(*attributes)).map_err(failed("tmpfs", target))?;
            folder().and_then(|place| attach(&mount, &place)).map_err(failed("tmpfs", target))?;
        }
        MountKind::File { content, mode, uid, gid } => {
            let mount = file(&content.0, *mode, (*uid, *gid)).map_err(failed("a file in memory", target))?;
            let place = within.target(target.as_bytes(), Wanted { is_folder: false, stays });
            place.and_then(|place| attach(&mount, &place)).map_err(failed("a file in memory", target))?;
        }
        MountKind::Proc => {
            let mount = made("proc", &[], INERT).map_err(|cause| match cause {
                // Whoever sees a part of a /proc only may not make one that shows all of it.
                Errno::PERM => Limitation::Proc.because()(cause),
                _ => failed("proc", target)(cause),
            })?;
            folder().and_then(|place| attach(&mount, &place)).map_err(failed("proc", target))?;
        }
        MountKind::Sysfs => {
            let mount = sysfs().map_err(failed("sysfs", target))?;
            folder().and_then(|place| attach(&mount, &place)).map_err(failed("sysfs", target))?;
        }
        MountKind::Devices { shared_memory } => {
            return folder().and_then(|place| Devices::mount(&place, *shared_memory)).map(Some).map_err(failed("devices", target));
        }
    }
    Ok(None)
}

/// Clones what is to be seen elsewhere too.
fn bound(source: &Root, inside: Option<&[u8]>, attributes: Attributes) -> Result<OwnedFd, SandboxError> {
    let mut mount = root::open(source)?;
    if let Some(path) = inside {
        let below = |cause: Errno| SandboxError::Mount {
            what: String::from_utf8_lossy(path).into_owned(),
            target: String::new(),
            cause: cause.into(),
        };
        mount = part(&mount, path).map_err(below)?;
    }
    let flags = flags(attributes);
    if !flags.is_empty() {
        let what = "its attributes".to_owned();
        set_attributes(&mount, flags, Reach::Whole).map_err(|error| SandboxError::Mount {
            what,
            target: String::new(),
            cause: error.into(),
        })?;
    }
    Ok(mount)
}

/// Clones a part of a mount that is nowhere yet. Kernels before 6.15 clone only what has a place, so it gets one for a moment:
/// over our own root, which is about to be left.
fn part(mount: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    move_mount(mount, "", CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    let part = open_in(mount, path, OFlags::PATH).and_then(|found| cloned(&found));
    unmount(format!("/proc/self/fd/{}", mount.as_raw_fd()), UnmountFlags::DETACH)?;
    part
}

/// Clones what is open, with what is mounted below it.
pub(super) fn cloned(file: impl AsFd) -> Result<OwnedFd, Errno> {
    open_tree(file, "", root::clone() | OpenTreeFlags::AT_EMPTY_PATH | OpenTreeFlags::AT_RECURSIVE)
}

/// Makes a file system.
pub(super) fn made(kind: &str, options: &[(&str, String)], attributes: MountAttrFlags) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    // What mount(8) and df(1) show in front.
    fsconfig_set_string(&context, "source", kind)?;
    for (key, value) in options {
        fsconfig_set_string(&context, *key, value.as_str())?;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// Moves a mount onto a target that is open.
pub(super) fn attach(mount: &OwnedFd, target: &OwnedFd) -> Result<(), Errno> {
    move_mount(mount, "", target, "", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH)
}

/// Makes a file in a file system of its own, and returns a mount of that file alone.
fn file(content: &[u8], mode: u32, (uid, gid): (u32, u32)) -> Result<OwnedFd, Errno> {
    const NAME: &str = "file";
    let memory = made("tmpfs", &[("mode", "700".to_owned())], INERT)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let mut file = File::from(openat(&memory, NAME, flags, Mode::RUSR | Mode::WUSR)?);
    let filled = file.write_all(content);
    filled.map_err(|problem| Errno::from_io_error(&problem).unwrap_or(Errno::IO))?;
    fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    fchmod(&file, Mode::from_raw_mode(mode))?;
    drop(file);
    let mount = part(&memory, NAME.as_bytes())?;
    let read_only = INERT | MountAttrFlags::MOUNT_ATTR_RDONLY;
    set_attributes(&mount, read_only, Reach::Whole).map_err(|problem| Errno::from_io_error(&problem).unwrap_or(Errno::PERM))?;
    Ok(mount)
}

fn sysfs() -> Result<OwnedFd, Errno> {
    let read_only = INERT | MountAttrFlags::MOUNT_ATTR_RDONLY;
    match made("sysfs", &[], read_only) {
        // It shows the network's devices, so only who owns the network may make one. The machine's own does as well.
        Err(Errno::PERM) => {
            let mount = open_tree(CWD, "/sys", root::clone() | OpenTreeFlags::AT_RECURSIVE)?;
            set_attributes(&mount, read_only, Reach::Whole).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::PERM))?;
            Ok(mount)
        }
        other => other,
    }
}

fn mask(path: &[u8], within: &Within<'_>) -> Result<(), Errno> {
    let Some(target) = existing(path, within)? else { return Ok(()) };
    let nothing = if is_folder(&target)? {
        made("tmpfs", &[("mode", "755".to_owned())], INERT | MountAttrFlags::MOUNT_ATTR_RDONLY)?
    } else {
        open_tree(CWD, "/dev/null", root::clone())?
    };
    attach(&nothing, &target)
}

fn protect(path: &[u8], within: &Within<'_>) -> Result<(), Errno> {
    let Some(target) = existing(path, within)? else { return Ok(()) };
    let same = cloned(&target)?;
    set_attributes(&same, MountAttrFlags::MOUNT_ATTR_RDONLY, Reach::Whole)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::PERM))?;
    attach(&same, &target)
}

fn existing(path: &[u8], within: &Within<'_>) -> Result<Option<OwnedFd>, Errno> {
    match within.open(path) {
        Ok(target) => Ok(Some(target)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_folder(file: &OwnedFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(fstat(file)?.st_mode) == FileType::Directory)
}

fn flags(attributes: Attributes) -> MountAttrFlags {
    let mut flags = MountAttrFlags::empty();
    flags.set(MountAttrFlags::MOUNT_ATTR_RDONLY, attributes.read_only);
    flags.set(MountAttrFlags::MOUNT_ATTR_NOSUID, attributes.no_suid);
    flags.set(MountAttrFlags::MOUNT_ATTR_NODEV, attributes.no_devices);
    flags.set(MountAttrFlags::MOUNT_ATTR_NOEXEC, attributes.no_execute);
    flags
}

fn failed(what: &str, target: &std::ffi::OsStr) -> impl FnOnce(Errno) -> SandboxError {
    move |cause| SandboxError::Mount { what: what.to_owned(), target: target.display().to_string(), cause: cause.into() }
}
