//! Whether what lies in the upper folder is what the base has.
//!
//! A program that gives a file the owner it has, or opens it for writing and writes nothing, has the overlay copy it up. The index
//! of the base knows types, permissions, owners, times in seconds, sizes, and where links lead; it knows no content, no
//! attribute and no device number. So folders and links are compared with it alone, files also with the lower folders where
//! those are at hand, and devices and pipes are never the same.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use graph::TreePath;
use layer::index::{Node, NodeKind};
use layer::tar::{Entry, EntryKind};
use rustix::fs::{FileType, OFlags, fstat};

use super::rules::DiffRules;
use super::upper::keep;
use crate::beneath;
use crate::context::attributes::{self, Attributes};
use crate::context::{ContextError, Folder};

/// How much of two files is compared at once.
const CHUNK: usize = 64 << 10;

/// A folder that an overlay lies on.
#[derive(Debug)]
pub struct Lower(Folder);

impl Lower {
    /// Opens it.
    ///
    /// # Errors
    /// Where there is none.
    pub fn open(path: &Path) -> Result<Self, ContextError> {
        Folder::open(path).map(Self)
    }

    /// Opens a file in it; `None` where this folder has nothing there, or something else.
    fn file(&self, path: &TreePath) -> io::Result<File> {
        beneath::open(self.0.handle(), path, OFlags::RDONLY | OFlags::NONBLOCK).map(File::from)
    }

    fn attributes(&self, path: &TreePath, rules: &DiffRules<'_>) -> io::Result<Attributes> {
        let folder = beneath::open(self.0.handle(), &path.parent(), OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut found = attributes::all(folder.as_fd(), path.name(), &|_| true)?;
        keep(&mut found, rules);
        Ok(found)
    }
}

/// Tells whether an entry says no more than what the base has at its path, its content left aside.
pub(super) fn looks_the_same(entry: &Entry, node: &Node) -> bool {
    let is_kind = match (&entry.kind, &node.kind) {
        (EntryKind::Directory, NodeKind::Directory) => entry.xattrs.is_empty(),
        (EntryKind::File { size }, NodeKind::File { size: base }) => size == base,
        (EntryKind::Symlink { target }, NodeKind::Symlink { target: base }) => target == base,
        _ => false,
    };
    let own = (entry.mode, entry.uid, entry.gid, entry.mtime);
    is_kind && own == (node.mode, node.uid, node.gid, node.mtime)
}

/// Tells whether a file that looks the same has the content and the attributes of the uppermost lower file. Where that cannot
/// be told, it has not: a file too many is in the layer then, and never one too few.
pub(super) fn is_the_same(file: &mut File, entry: &Entry, rules: &DiffRules<'_>) -> bool {
    let path = TreePath::clean(&entry.path);
    for folder in rules.lower {
        match folder.file(&path) {
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {}
            Ok(mut below) => {
                let is_file = fstat(&below).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
                let attributes = || folder.attributes(&path, rules).is_ok_and(|below| below == entry.xattrs);
                return is_file && attributes() && have_one_content(file, &mut below).unwrap_or(false);
            }
            Err(_) => return false,
        }
    }
    false
}

fn have_one_content(one: &mut File, two: &mut File) -> io::Result<bool> {
    let (mut here, mut there) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    loop {
        for (file, chunk) in [(&mut *one, &mut here), (&mut *two, &mut there)] {
            chunk.clear();
            file.take(CHUNK as u64).read_to_end(chunk)?;
        }
        if here != there || here.is_empty() {
            return Ok(here == there);
        }
    }
}
