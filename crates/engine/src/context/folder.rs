//! A folder as a context: looked at once, then read file by file.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use graph::{Tree, TreePath};
use layer::tar::{Device, Entry, EntryKind};
use rustix::fs::{AtFlags, Dir, FileType, OFlags, Stat, fstat, major, minor, readlinkat, statat};
use rustix::io::Errno;

use super::attributes::{self, CAPABILITY};
use super::error::ContextError;
use crate::beneath;

/// Permissions, with setuid, setgid and sticky.
const PERMISSIONS: u32 = 0o7777;

/// Somebody may execute it.
const EXECUTABLE: u32 = 0o111;
/// What the names of attributes that are anybody's begin with.
const USER: &[u8] = b"user.";

/// A folder that files are taken from.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    handle: OwnedFd,
}

/// What becomes of something in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// It is taken.
    Take,
    /// It is left out, with all that is in it.
    Skip,
    /// The folder is left out, unless something in it is not.
    LookInside,
}

/// What tells that a file is still the one that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The disk it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When its content was changed, in nanoseconds since 1970.
    pub modified: i128,
    /// When anything of it was changed; nobody can set it back.
    pub changed: i128,
}

impl Stamp {
    fn of(stat: &Stat) -> Self {
        let nanoseconds = |seconds: i64, rest: u64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Walked {
    /// What is where. Owners are as they are on the disk.
    pub tree: Tree,
    /// What tells of each file that it is still the same.
    pub stamps: BTreeMap<TreePath, Stamp>,
}

impl Folder {
    /// Opens a folder; nothing in it is looked at yet.
    ///
    /// # Errors
    /// Where there is none.
    pub fn open(path: &Path) -> Result<Self, ContextError> {
        let found = std::fs::metadata(path).map_err(|problem| match problem.kind() {
            io::ErrorKind::NotFound => ContextError::Missing(path.to_owned()),
            _ => unreadable(path, &TreePath::default(), problem),
        })?;
        if !found.is_dir() {
            return Err(ContextError::NoFolder(path.to_owned()));
        }
        let handle = File::open(path).map_err(|problem| unreadable(path, &TreePath::default(), problem))?;
        Ok(Self { path: path.to_owned(), handle: handle.into() })
    }

    /// Returns its path, as it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at everything that is taken. No link is followed, and no file is read.
    ///
    /// # Errors
    /// Names what cannot be looked at.
    pub fn walk(&self, visit: &dyn Fn(&TreePath, bool) -> Visit) -> Result<Walked, ContextError> {
        self.walk_as(visit, Manner { takes_sockets: true, wanted: None })
    }

    /// The same, with the extended attributes that files and folders may keep in an image.
    ///
    /// # Errors
    /// As [`walk`](Self::walk).
    pub fn walk_with_attributes(&self, visit: &dyn Fn(&TreePath, bool) -> Visit) -> Result<Walked, ContextError> {
        let wanted = |name: &[u8]| name.starts_with(USER) || name == CAPABILITY.as_bytes();
        self.walk_as(visit, Manner { takes_sockets: true, wanted: Some(&wanted) })
    }

    /// Looks at everything that is taken, as a program left it: sockets are left out, and of the attributes of files and folders
    /// those come along that are `wanted`.
    ///
    /// # Errors
    /// As [`walk`](Self::walk).
    pub(crate) fn walk_result(
        &self,
        visit: &dyn Fn(&TreePath, bool) -> Visit,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Walked, ContextError> {
        self.walk_as(visit, Manner { takes_sockets: false, wanted: Some(wanted) })
    }

    fn walk_as(&self, visit: &dyn Fn(&TreePath, bool) -> Visit, manner: Manner<'_>) -> Result<Walked, ContextError> {
        let (walked, names) = (Walked::default(), HashMap::new());
        let mut walk = Walk { folder: self, visit, manner, walked, names, ahead: Vec::new(), waiting: Vec::new() };
        walk.all()?;
        Ok(walk.walked)
    }

    /// Returns its handle.
    pub(crate) fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// Opens a file that was looked at, if it is still that one.
    ///
    /// # Errors
    /// Where it is gone, cannot be read, or is another one by now.
    pub fn file(&self, path: &TreePath, stamp: &Stamp) -> Result<File, ContextError> {
        let opened = beneath::open(self.handle.as_fd(), path, OFlags::RDONLY | OFlags::NONBLOCK);
        let file = File::from(opened.map_err(|problem| unreadable(&self.path, path, problem))?);
        self.check(path, stamp, &file)?;
        Ok(file)
    }

    /// Tells whether an open file is still what was looked at: asked again when it was read to its end.
    ///
    /// # Errors
    /// Where it is another one by now.
    pub fn check(&self, path: &TreePath, stamp: &Stamp, file: &File) -> Result<(), ContextError> {
        let now = fstat(file).map_err(|problem| unreadable(&self.path, path, problem.into()))?;
        if Stamp::of(&now) == *stamp { Ok(()) } else { Err(ContextError::Changed { root: self.path.clone(), path: path.clone() }) }
    }
}

fn unreadable(root: &Path, path: &TreePath, problem: io::Error) -> ContextError {
    ContextError::Unreadable { root: root.to_owned(), path: path.clone(), problem }
}

/// Tells by its name whether an extended attribute comes along.
type Wanted<'a> = dyn Fn(&[u8]) -> bool + 'a;

/// What is looked at beside what every file has.
#[derive(Clone, Copy)]
struct Manner<'a> {
    /// A socket is an empty file, as BuildKit sends it with a context; else it is left out.
    takes_sockets: bool,
    /// The extended attributes of files and folders that come along; without a word of them, only what gives a program rights.
    wanted: Option<&'a Wanted<'a>>,
}

/// A walk under way. It holds one folder open at a time, and no level of it is a call: trees may be deep.
struct Walk<'a> {
    folder: &'a Folder,
    visit: &'a dyn Fn(&TreePath, bool) -> Visit,
    manner: Manner<'a>,
    walked: Walked,
    /// Files with several names, by disk and number: the name that was met first.
    names: HashMap<(u64, u64), TreePath>,
    /// What was found and is not walked over yet; the next one last.
    ahead: Vec<Found>,
    /// Folders that are left out, unless something in them is not, each in the one before.
    waiting: Vec<(TreePath, Entry)>,
}

/// Something in a folder.
struct Found {
    path: TreePath,
    stat: Stat,
    visit: Visit,
    /// Where it leads, if it is a link.
    leads: Vec<u8>,
    /// Its extended attributes, as far as they are looked at.
    attributes: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Walk<'_> {
    fn all(&mut self) -> Result<(), ContextError> {
        self.folder(&TreePath::default())?;
        while let Some(found) = self.ahead.pop() {
            while self.waiting.last().is_some_and(|(above, _)| found.path.below(above).is_none()) {
                self.waiting.pop();
            }
            let Some(entry) = self.entry(&found) else { continue };
            let is_folder = entry.kind == EntryKind::Directory;
            if found.visit == Visit::Take {
                self.take(&found.path, entry, &found.stat);
            } else {
                self.waiting.push((found.path.clone(), entry));
            }
            if is_folder {
                self.folder(&found.path)?;
            }
        }
        Ok(())
    }

    /// Looks at what is in a folder.
    fn folder(&mut self, path: &TreePath) -> Result<(), ContextError> {
        let root = &self.folder.path;
        let handle = beneath::open(self.folder.handle.as_fd(), path, OFlags::RDONLY | OFlags::DIRECTORY);
        let handle = handle.map_err(|problem| unreadable(root, path, problem))?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&handle).map_err(|problem| unreadable(root, path, problem.into()))? {
            let entry = entry.map_err(|problem| unreadable(root, path, problem.into()))?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
        }
        // The first name of a file is the first in this order, whatever the disk's order is.
        names.sort_unstable();
        for name in names.into_iter().rev() {
            let below = path.join(&name);
            let found = self.look(&handle, &below).map_err(|problem| unreadable(root, &below, problem))?;
            self.ahead.extend(found);
        }
        Ok(())
    }

    fn look(&self, folder: &OwnedFd, path: &TreePath) -> io::Result<Option<Found>> {
        let name = OsStr::from_bytes(path.name());
        let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Somebody took it away meanwhile; where a step needs it, that says so.
            Err(Errno::NOENT) => return Ok(None),
            stat => stat?,
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        let visit = (self.visit)(path, kind == FileType::Directory);
        if visit == Visit::Skip || (visit == Visit::LookInside && kind != FileType::Directory) {
            return Ok(None);
        }
        let leads = match kind {
            FileType::Symlink => readlinkat(folder, name, Vec::new())?.into_bytes(),
            _ => Vec::new(),
        };
        let attributes = self.attributes(folder, path, kind, stat.st_mode)?;
        Ok(Some(Found { path: path.clone(), stat, visit, leads, attributes }))
    }

    fn attributes(&self, folder: &OwnedFd, path: &TreePath, kind: FileType, mode: u32) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        match self.manner.wanted {
            None if kind == FileType::RegularFile && mode & EXECUTABLE != 0 => {
                let rights = attributes::capability(folder, path.name());
                Ok(rights.into_iter().map(|value| (CAPABILITY.as_bytes().to_vec(), value)).collect())
            }
            Some(wanted) if matches!(kind, FileType::RegularFile | FileType::Directory) => {
                attributes::all(folder.as_fd(), path.name(), wanted)
            }
            _ => Ok(BTreeMap::new()),
        }
    }

    fn take(&mut self, path: &TreePath, entry: Entry, stat: &Stat) {
        for (_, above) in std::mem::take(&mut self.waiting) {
            self.walked.tree.insert(above);
        }
        if matches!(entry.kind, EntryKind::File { .. }) {
            self.walked.stamps.insert(path.clone(), Stamp::of(stat));
        }
        self.walked.tree.insert(entry);
    }

    /// Describes what was found.
    fn entry(&mut self, found: &Found) -> Option<Entry> {
        let Found { path, stat, leads, attributes, .. } = found;
        let device = || Device { major: major(stat.st_rdev), minor: minor(stat.st_rdev) };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => EntryKind::Directory,
            FileType::RegularFile => self.file(path, stat),
            FileType::Symlink => EntryKind::Symlink { target: leads.clone() },
            FileType::Fifo => EntryKind::Fifo,
            FileType::Socket if self.manner.takes_sockets => EntryKind::File { size: 0 },
            FileType::CharacterDevice => EntryKind::CharDevice(device()),
            FileType::BlockDevice => EntryKind::BlockDevice(device()),
            FileType::Socket | FileType::Unknown => return None,
        };
        let xattrs = attributes.clone();
        let (path, mode) = (path.bytes().to_vec(), stat.st_mode & PERMISSIONS);
        let (uid, gid) = (stat.st_uid.into(), stat.st_gid.into());
        Some(Entry { path, kind, mode, uid, gid, mtime: stat.st_mtime, xattrs })
    }

    fn file(&mut self, path: &TreePath, stat: &Stat) -> EntryKind {
        let file = EntryKind::File { size: u64::try_from(stat.st_size).unwrap_or(0) };
        if stat.st_nlink < 2 {
            return file;
        }
        match self.names.get(&(stat.st_dev, stat.st_ino)) {
            Some(first) => EntryKind::Hardlink { target: first.bytes().to_vec() },
            None => {
                self.names.insert((stat.st_dev, stat.st_ino), path.clone());
                file
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn context() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/b/file"), "12345").unwrap();
        fs::hard_link(at("a/b/file"), at("a/again")).unwrap();
        fs::write(at("a.txt"), "x").unwrap();
        fs::set_permissions(at("a.txt"), fs::Permissions::from_mode(0o4750)).unwrap();
        symlink("/etc/passwd", at("link")).unwrap();
        drop(UnixListener::bind(at("socket")).unwrap());
        home
    }

    fn all(_: &TreePath, _: bool) -> Visit {
        Visit::Take
    }

    fn names(walked: &Walked) -> Vec<String> {
        walked.tree.below(&TreePath::default()).map(|(path, _)| path.to_string()).collect()
    }

    #[test]
    fn everything_is_seen_as_it_is_and_no_link_is_followed() {
        let home = context();
        let walked = Folder::open(home.path()).unwrap().walk(&all).unwrap();
        assert_eq!(names(&walked), ["a", "a/again", "a/b", "a/b/file", "a.txt", "link", "socket"]);
        let kind = |path: &str| walked.tree.get(&path.into()).unwrap().kind.clone();
        assert_eq!(kind("a/again"), EntryKind::File { size: 5 });
        assert_eq!(kind("a/b/file"), EntryKind::Hardlink { target: b"a/again".to_vec() });
        assert_eq!(kind("link"), EntryKind::Symlink { target: b"/etc/passwd".to_vec() });
        assert_eq!(kind("socket"), EntryKind::File { size: 0 });
        assert_eq!(walked.tree.get(&"a.txt".into()).unwrap().mode, 0o4750);
    }

    #[test]
    fn what_is_left_out_is_not_looked_at_and_a_folder_comes_with_what_is_taken_in_it() {
        let home = context();
        // Nobody may look into it, and nobody has to.
        fs::create_dir(home.path().join("closed")).unwrap();
        fs::set_permissions(home.path().join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        let visit = |path: &TreePath, _: bool| match path.to_string().as_str() {
            "a" | "a/b" => Visit::LookInside,
            "a/b/file" => Visit::Take,
            _ => Visit::Skip,
        };
        let folder = Folder::open(home.path()).unwrap();
        assert_eq!(names(&folder.walk(&visit).unwrap()), ["a", "a/b", "a/b/file"]);
        let nothing = |path: &TreePath, _: bool| if path.to_string().starts_with('a') { Visit::LookInside } else { Visit::Skip };
        assert!(folder.walk(&nothing).unwrap().tree.is_empty());
        fs::set_permissions(home.path().join("closed"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_file_that_is_another_one_by_now_is_refused() {
        let home = context();
        let folder = Folder::open(home.path()).unwrap();
        let walked = folder.walk(&all).unwrap();
        let (path, stamp) = (TreePath::from("a.txt"), walked.stamps[&TreePath::from("a.txt")]);
        let mut file = folder.file(&path, &stamp).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        folder.check(&path, &stamp, &file).unwrap();
        fs::write(home.path().join("a.txt"), "longer").unwrap();
        assert!(matches!(folder.check(&path, &stamp, &file), Err(ContextError::Changed { .. })));
        assert!(matches!(folder.file(&path, &stamp), Err(ContextError::Changed { .. })));
        fs::remove_file(home.path().join("a.txt")).unwrap();
        symlink("/etc/passwd", home.path().join("a.txt")).unwrap();
        assert!(matches!(folder.file(&path, &stamp), Err(ContextError::Unreadable { .. })));
    }

    #[test]
    fn a_tree_may_be_deeper_than_paths_are_long_and_handles_are_many() {
        let home = tempfile::tempdir().unwrap();
        let mut at = OwnedFd::from(File::open(home.path()).unwrap());
        for _ in 0..2500 {
            rustix::fs::mkdirat(&at, "x", rustix::fs::Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, "x", OFlags::RDONLY | OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
        }
        let folder = Folder::open(home.path()).unwrap();
        // The stack of a thread of the runtime, and not all of it.
        let walked = std::thread::Builder::new().stack_size(256 << 10).spawn(move || folder.walk(&all)).unwrap().join().unwrap();
        assert_eq!(walked.unwrap().tree.len(), 2500);
    }

    #[test]
    fn what_is_no_folder_is_named() {
        let home = context();
        assert!(matches!(Folder::open(&home.path().join("none")), Err(ContextError::Missing(_))));
        assert!(matches!(Folder::open(&home.path().join("a.txt")), Err(ContextError::NoFolder(_))));
    }
}
