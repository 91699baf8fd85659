//! Extended attributes of what lies in an open folder. They are read by the folder's handle and a name, as a file is opened by
//! nobody who only looks at it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;

/// The attribute that gives a program rights: the only one that a context's files keep, as with BuildKit.
pub(crate) const CAPABILITY: &str = "security.capability";

/// Attributes by their full names.
pub(crate) type Attributes = BTreeMap<Vec<u8>, Vec<u8>>;

/// Reads the rights that a program has.
#[cfg(target_os = "linux")]
pub(crate) fn capability(folder: &OwnedFd, name: &[u8]) -> Option<Vec<u8>> {
    use std::os::fd::AsFd;
    // Three versions of it, of at most 24 bytes (linux/capability.h, `vfs_ns_cap_data`).
    let mut value = [0; 64];
    let length = rustix::fs::lgetxattr(path(folder.as_fd(), name), CAPABILITY, &mut value).ok()?;
    value.get(..length).map(<[u8]>::to_vec)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn capability(_: &std::os::fd::OwnedFd, _: &[u8]) -> Option<Vec<u8>> {
    None
}

/// Reads the attributes that are wanted, links not followed; none where the disk has none at all.
///
/// # Errors
/// Where they cannot be read.
#[cfg(target_os = "linux")]
pub(crate) fn all(folder: BorrowedFd<'_>, name: &[u8], wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<Attributes> {
    use rustix::io::Errno;
    let path = path(folder, name);
    // Nearly every file has none, and this tells it without a place for them.
    match rustix::fs::llistxattr_query(&path) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(Attributes::new()),
        there => {
            there?;
        }
    }
    let mut names = vec![0; LONGEST];
    let length = rustix::fs::llistxattr(&path, &mut names)?;
    let mut found = Attributes::new();
    for name in names.get(..length).unwrap_or_default().split(|byte| *byte == 0).filter(|name| !name.is_empty() && wanted(name)) {
        let mut value = vec![0; LONGEST];
        match rustix::fs::lgetxattr(&path, name, &mut value) {
            // It went meanwhile, or is of those that only some may read.
            Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM) => continue,
            length => value.truncate(length?),
        }
        found.insert(name.to_vec(), value);
    }
    Ok(found)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn all(_: BorrowedFd<'_>, _: &[u8], _: &dyn Fn(&[u8]) -> bool) -> io::Result<Attributes> {
    Ok(Attributes::new())
}

/// The longest list of names, and the longest value (linux/limits.h, `XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
#[cfg(target_os = "linux")]
const LONGEST: usize = 64 << 10;

#[cfg(target_os = "linux")]
fn path(folder: BorrowedFd<'_>, name: &[u8]) -> std::path::PathBuf {
    use std::ffi::OsStr;
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(OsStr::from_bytes(name))
}
