//! Where control groups can be made: below the one that this process is in, or beside it.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The controllers that are of use, each with a hierarchy of its own in the old version.
const CONTROLLERS: [&str; 2] = ["pids", "memory"];

/// A group in which others can perhaps be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether it has all controllers (version 2), else it has one.
    pub is_unified: bool,
    /// A group whose bounds hold for what is made here, although that is not below it.
    pub like: Option<PathBuf>,
}

impl Place {
    /// Returns the bound that holds here, if this much is wanted.
    pub fn bound(&self, file: &str, wanted: Option<u64>) -> Option<u64> {
        let other = self.like.as_ref().and_then(|like| fs::read_to_string(like.join(file)).ok()?.trim().parse().ok());
        wanted.into_iter().chain(other).min()
    }
}

/// Lists every place, the best of the second version first.
pub(super) fn all() -> Vec<Place> {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let (membership, mounts) = (read("cgroup"), read("mountinfo"));
    let single = |folder| Place { folder, is_unified: false, like: None };
    let places: Vec<Place> = CONTROLLERS.iter().filter_map(|one| folder(Some(one), &membership, &mounts)).map(single).collect();
    match folder(None, &membership, &mounts) {
        Some(own) if places.is_empty() => unified(own),
        _ => places,
    }
}

/// Lists the places of the second version. A group that has processes offers no controllers to those below it, unless it is the
/// first of all. So they are made beside it, where its own are offered.
fn unified(own: PathBuf) -> Vec<Place> {
    let offers = |folder: &Path| {
        let offered = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap_or_default();
        CONTROLLERS.iter().any(|controller| offered.split_whitespace().any(|offer| offer == *controller))
    };
    // Refused where there are processes, and nothing new where there are none.
    let _ = fs::write(own.join("cgroup.subtree_control"), "+pids +memory");
    let mut places = Vec::new();
    if let Some(beside) = own.parent().filter(|beside| offers(beside)) {
        places.push(Place { folder: beside.to_owned(), is_unified: true, like: Some(own.clone()) });
    }
    if offers(&own) {
        places.insert(0, Place { folder: own, is_unified: true, like: None });
    }
    places
}

/// Finds the group of a process in the hierarchy of a controller, or in the one of version 2, in texts that are those of
/// `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn folder(controller: Option<&str>, membership: &str, mounts: &str) -> Option<PathBuf> {
    let path = membership.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let here = match controller {
            Some(controller) => controllers.split(',').any(|one| one == controller),
            None => number == "0" && controllers.is_empty(),
        };
        here.then_some(path)
    })?;
    mounts.lines().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let mut system = system.split(' ');
        let (kind, _, options) = (system.next()?, system.next()?, system.next()?);
        let here = match controller {
            Some(controller) => kind == "cgroup" && options.split(',').any(|option| option == controller),
            None => kind == "cgroup2",
        };
        let mut fields = mount.split(' ').skip(3).map(unescaped);
        let (root, target) = (fields.next()?, fields.next()?);
        // What is outside of the mount is written with `..`.
        let below = Path::new(path).strip_prefix(&root).ok().filter(|_| here && !path.contains(".."))?;
        Some(if below == Path::new("") { target } else { target.join(below) })
    })
}

/// Reads a path as the kernel writes it: white space and backslashes as three octal digits.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let number = more.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match (first, number) {
            (b'\\', Some(number)) => {
                bytes.push(number);
                rest = more.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_where_it_is_mounted() {
        let first = "8:pids:/a b\n4:memory,x:/of/mine\n1:name=systemd:/else\n0::/\n";
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
                      35 31 0:32 / /sys/fs/cgroup/memory\\040x rw,relatime shared:9 - cgroup cgroup rw,memory,x\n\
                      39 31 0:36 /a\\040b /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = |controller| folder(controller, first, mounts).map(|found| found.display().to_string());
        assert_eq!(found(Some("memory")).as_deref(), Some("/sys/fs/cgroup/memory x/of/mine"));
        assert_eq!(found(Some("pids")).as_deref(), Some("/sys/fs/cgroup/pids"));
        assert_eq!(found(None).as_deref(), Some("/sys/fs/cgroup/unified"));
        assert_eq!(found(Some("cpu")), None);
        let second = "0::/user.slice/user-1000.slice/session-3.scope\n";
        let mounts = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";
        let expected = Path::new("/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope");
        assert_eq!(folder(None, second, mounts).as_deref(), Some(expected));
        assert_eq!(folder(Some("pids"), second, mounts), None);
    }

    #[test]
    fn what_is_not_mounted_is_not_found() {
        let mounts = "30 24 0:26 /of/others /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n30 24 broken";
        for path in ["/of/mine", "/../of/others", "/of/othersandmore"] {
            assert_eq!(folder(None, &format!("0::{path}\n"), mounts), None, "{path}");
        }
        assert_eq!(folder(None, "", mounts), None);
        assert_eq!(folder(None, "0::/of/others/x\n", "").or(folder(None, "broken", mounts)), None);
    }
}
