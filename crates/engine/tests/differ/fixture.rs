//! Folders made by hand, bases, and what a diff says of them as lines.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use engine::differ::{DiffError, DiffRules, Marks, Owners, diff};
use engine::pack::Contents;
use graph::{Content, Laid, Lay, TreePath};
use layer::index::PathIndex;
use layer::tar::{Entry, EntryKind};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};

/// When everything was made, unless it is said otherwise.
pub const THEN: i64 = 1_700_000_000;

/// Whoever runs the test is root in the image.
pub struct Mine;

impl Owners for Mine {
    fn in_image(&self, _: &TreePath, uid: u64, gid: u64) -> Option<(u64, u64)> {
        let mine = (rustix::process::getuid().as_raw().into(), rustix::process::getgid().as_raw().into());
        (mine == (uid, gid)).then_some((0, 0))
    }

    fn is_root(&self, uid: u64) -> bool {
        uid == u64::from(rustix::process::getuid().as_raw())
    }
}

/// Rules for tests: the files are of whoever runs them, marks are those of a user, no stubs, nothing to compare with.
pub fn rules() -> DiffRules<'static> {
    static NONE: BTreeSet<TreePath> = BTreeSet::new();
    DiffRules { owners: &Mine, marks: Marks::User, keeps_user_attributes: false, stubs: &NONE, lower: &[] }
}

/// A folder that is made by hand.
pub struct Upper {
    pub home: tempfile::TempDir,
}

impl Upper {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    pub fn file(&self, path: &str, content: &str) -> &Self {
        fs::write(self.at(path), content).unwrap();
        self.mode(path, 0o644)
    }

    pub fn folder(&self, path: &str) -> &Self {
        fs::create_dir_all(self.at(path)).unwrap();
        self.mode(path, 0o755)
    }

    pub fn link(&self, path: &str, target: &str) -> &Self {
        std::os::unix::fs::symlink(target, self.at(path)).unwrap();
        self
    }

    pub fn mode(&self, path: &str, mode: u32) -> &Self {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// Makes a whiteout as an overlay does.
    pub fn gone(&self, path: &str) -> &Self {
        rustix::fs::mknodat(CWD, self.at(path), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
        self
    }

    /// Sets an attribute; says no where the disk has none.
    pub fn attribute(&self, path: &str, name: &str, value: &[u8]) -> bool {
        rustix::fs::lsetxattr(self.at(path), name, value, XattrFlags::empty()).is_ok()
    }

    /// Sets all times, links' too: those of folders change while they are filled.
    pub fn then(&self) -> &Self {
        self.times(self.home.path());
        self
    }

    fn times(&self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.symlink_metadata().unwrap().is_dir() {
                self.times(&entry);
            }
            let then = Timespec { tv_sec: THEN, tv_nsec: 5 };
            let times = Timestamps { last_access: then, last_modification: then };
            rustix::fs::utimensat(CWD, &entry, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
        }
    }

    pub fn touch(&self, path: &str, seconds: u64) -> &Self {
        fs::File::open(self.at(path)).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        self
    }

    pub fn diff(&self, base: &PathIndex, rules: &DiffRules<'_>) -> Result<(Lay, Arc<dyn Contents>), DiffError> {
        diff(self.home.path(), base, rules)
    }

    /// The entries of the layer, as lines.
    pub fn lines(&self, base: &PathIndex, rules: &DiffRules<'_>) -> Vec<String> {
        lines(&self.diff(base, rules).unwrap().0)
    }
}

/// A base of root's files, all made then.
pub fn base(entries: &[Entry]) -> PathIndex {
    let mut base = PathIndex::new();
    base.begin_layer();
    entries.iter().for_each(|entry| base.insert(&entry.clone().mtime(THEN)).unwrap());
    base
}

/// One line for each entry: its name in the tar, what it is, and what is not as usual.
pub fn lines(lay: &Lay) -> Vec<String> {
    let line = |(path, Laid { entry, content }): (&TreePath, &Laid)| {
        let name = String::from_utf8(entry.path.clone()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut line = match (&entry.kind, content) {
            (_, Content::Whiteout) => {
                assert_eq!((entry.clone(), entry.mode, entry.mtime), (Entry::whiteout(path.bytes()), 0, 0));
                return name;
            }
            (EntryKind::Directory, Content::Root) => format!("{name}/ as it was"),
            (EntryKind::Directory, _) => format!("{name}/"),
            (EntryKind::File { size }, Content::Source(source)) if source == path => format!("{name} {size}"),
            (EntryKind::Symlink { target }, _) => format!("{name} -> {}", text(target)),
            (EntryKind::Hardlink { target }, _) => format!("{name} = {}", text(target)),
            (kind, content) => format!("{name} {kind:?} {content:?}"),
        };
        let usual = match entry.kind {
            EntryKind::Directory => 0o755,
            EntryKind::Symlink { .. } => 0o777,
            _ => 0o644,
        };
        if entry.mode != usual {
            line += &format!(" {:o}", entry.mode);
        }
        if (entry.uid, entry.gid) != (0, 0) {
            line += &format!(" {}:{}", entry.uid, entry.gid);
        }
        for (name, value) in &entry.xattrs {
            line += &format!(" {}={}", text(name), text(value));
        }
        line
    };
    lay.iter().map(line).collect()
}
