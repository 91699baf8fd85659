//! The upper folder of an overlay, and what the marks in it mean.

use std::collections::BTreeSet;
use std::path::Path;

use graph::TreePath;
use layer::tar::{Device, Entry, EntryKind};

use super::capability;
use super::error::DiffError;
use super::rules::DiffRules;
use crate::context::attributes::{Attributes, CAPABILITY};
use crate::context::{Folder, Visit, Walked};

/// Marks of folders and files, behind the prefix.
const OPAQUE: &[u8] = b"opaque";
const WHITEOUT: &[u8] = b"whiteout";
/// Marks of what is not whole, which only a mount with `metacopy` or `redirect_dir` makes.
const PARTIAL: [&[u8]; 2] = [b"metacopy", b"redirect"];

/// An upper folder that was looked at.
pub(super) struct Upper {
    pub(super) folder: Folder,
    pub(super) walked: Walked,
}

/// What something in the upper folder means.
pub(super) enum Seen {
    /// What the base has there is gone.
    Gone,
    /// This is there; where it is opaque, nothing shows through it.
    There { entry: Entry, is_opaque: bool },
}

/// Makes the attributes of a file on the disk those that it has in a layer.
pub(super) fn keep(attributes: &mut Attributes, rules: &DiffRules<'_>) {
    attributes.retain(|name, _| is_kept(name, rules));
    if let Some(value) = attributes.get_mut(CAPABILITY.as_bytes()) {
        capability::of_image(value, rules.owners);
    }
}

/// Tells whether an attribute is kept in a layer. Those of an overlay are its own business.
fn is_kept(name: &[u8], rules: &DiffRules<'_>) -> bool {
    name == CAPABILITY.as_bytes() || (rules.keeps_user_attributes && name.starts_with(b"user.") && !name.starts_with(b"user.overlay."))
}

impl Upper {
    pub(super) fn look(path: &Path, rules: &DiffRules<'_>) -> Result<Self, DiffError> {
        let folder = Folder::open(path).map_err(DiffError::Unreadable)?;
        let visit = |path: &TreePath, _: bool| if rules.stubs.contains(path) { Visit::LookInside } else { Visit::Take };
        let wanted = |name: &[u8]| is_kept(name, rules) || name.starts_with(rules.marks.prefix());
        let walked = folder.walk_result(&visit, &wanted).map_err(DiffError::Unreadable)?;
        Ok(Self { folder, walked })
    }

    /// Lists the files that others are hard links to.
    pub(super) fn linked(&self) -> BTreeSet<TreePath> {
        let root = TreePath::default();
        let entries = self.walked.tree.below(&root).map(|(_, entry)| &entry.kind);
        let target = |kind: &EntryKind| if let EntryKind::Hardlink { target } = kind { Some(TreePath::clean(target)) } else { None };
        entries.filter_map(target).collect()
    }

    /// Tells what an entry of it means, and makes it one of a layer.
    pub(super) fn meaning(&self, path: &TreePath, entry: &Entry, rules: &DiffRules<'_>) -> Result<Seen, DiffError> {
        let mark = |name: &[u8]| entry.xattrs.get(&[rules.marks.prefix(), name].concat());
        let is_marked = entry.kind == EntryKind::File { size: 0 } && mark(WHITEOUT).is_some();
        if is_marked || entry.kind == EntryKind::CharDevice(Device { major: 0, minor: 0 }) {
            return Ok(Seen::Gone);
        }
        if let Some(name) = PARTIAL.iter().find(|name| mark(name).is_some()) {
            let attribute = [rules.marks.prefix(), name].concat();
            return Err(DiffError::Partial { path: path.clone(), attribute: String::from_utf8_lossy(&attribute).into_owned() });
        }
        // Another value, `x`, says that marked files are in the folder.
        let is_opaque = entry.kind == EntryKind::Directory && mark(OPAQUE).is_some_and(|value| value == b"y");
        let mut entry = entry.clone();
        let owner = rules.owners.in_image(path, entry.uid, entry.gid);
        (entry.uid, entry.gid) = owner.ok_or(DiffError::Owner { path: path.clone(), uid: entry.uid, gid: entry.gid })?;
        if entry.kind == (EntryKind::File { size: 0 }) {
            entry.kind = rules.owners.device(path).unwrap_or(entry.kind);
        }
        keep(&mut entry.xattrs, rules);
        Ok(Seen::There { entry, is_opaque })
    }
}
