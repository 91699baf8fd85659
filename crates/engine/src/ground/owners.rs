//! Whose the files are that a process leaves, where the disk cannot say it.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;

use graph::TreePath;
use layer::index::PathIndex;
use layer::tar::{Device, EntryKind};
use sandbox::Owned;

use crate::differ::Owners;

/// Owners where there is only one: the process said whose a file is; else what was somebody's before stays so, and what is new is
/// root's.
pub(super) struct Lone<'a> {
    before: &'a PathIndex,
    said: HashMap<TreePath, &'a Owned>,
}

impl<'a> Lone<'a> {
    /// Knows what was there before, and what was said.
    pub fn new(before: &'a PathIndex, said: &'a [Owned]) -> Self {
        Self { before, said: said.iter().map(|owned| (TreePath::clean(owned.path.as_bytes()), owned)).collect() }
    }
}

impl Owners for Lone<'_> {
    fn in_image(&self, path: &TreePath, uid: u64, gid: u64) -> Option<(u64, u64)> {
        let (uid, gid) = self.before.at(path.bytes()).map_or((uid, gid), |node| (node.uid, node.gid));
        let said = self.said.get(path);
        let or = |id: Option<u32>, other: u64| id.map_or(other, u64::from);
        Some((or(said.and_then(|owned| owned.uid), uid), or(said.and_then(|owned| owned.gid), gid)))
    }

    fn device(&self, path: &TreePath) -> Option<EntryKind> {
        let sandbox::Device { is_block, major, minor } = self.said.get(path)?.device?;
        let device = Device { major, minor };
        Some(if is_block { EntryKind::BlockDevice(device) } else { EntryKind::CharDevice(device) })
    }

    fn is_root(&self, uid: u64) -> bool {
        uid == 0
    }
}

#[cfg(test)]
mod tests {
    use layer::tar::Entry;

    use super::*;

    #[test]
    fn what_is_not_said_stays_as_it_was() {
        let mut before = PathIndex::default();
        before.insert(&Entry { uid: 5, gid: 6, ..Entry::file(b"old", 0) }).unwrap();
        let owned = |path: &str, uid, gid| Owned { path: path.into(), uid, gid, device: None };
        let disk = sandbox::Device { is_block: true, major: 8, minor: 1 };
        let said = [owned("/old", None, Some(7)), owned("/new", Some(8), None), Owned { device: Some(disk), ..owned("/disk", None, None) }];
        let owners = Lone::new(&before, &said);
        let of = |path: &str| owners.in_image(&TreePath::clean(path.as_bytes()), 0, 0);
        assert_eq!((of("old"), of("new"), of("other")), (Some((5, 7)), Some((8, 0)), Some((0, 0))));
        let device = |path: &str| owners.device(&TreePath::clean(path.as_bytes()));
        assert_eq!((device("disk"), device("new")), (Some(EntryKind::BlockDevice(Device { major: 8, minor: 1 })), None));
    }
}
