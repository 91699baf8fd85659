//! Whose the files are that a process sees and leaves, where the disk cannot say it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use graph::TreePath;
use layer::index::PathIndex;
use layer::tar::{Device, EntryKind};
use sandbox::{Mount, Owned, Owner};

use crate::differ::Owners;

/// Lists what a process sees that is not root's: of the layers below it, but for what is mounted over them, and of the mounts.
pub(super) fn owners(index: &PathIndex, mounts: &[Mount], of_mounts: &[Owned]) -> Vec<Owned> {
    let mounted: Vec<TreePath> = mounts.iter().map(|mount| TreePath::clean(mount.target.as_bytes())).collect();
    let top = TreePath::clean(b"/");
    // Most is root's, and need not be looked for among the mounts.
    let others = files(index).filter_map(|(path, uid, gid)| Some((path, owned(&top, path, uid, gid)?)));
    let seen = others.filter(|(path, _)| !mounted.iter().any(|mount| below(path, mount).is_some()));
    seen.map(|(_, owned)| owned).chain(of_mounts.iter().cloned()).collect()
}

/// Lists what is not root's in a folder that is shown as `target`, the folder itself among it. `files` may be more than what is in it.
pub(crate) fn owners_at<'a>(target: &TreePath, folder: &TreePath, files: impl Iterator<Item = (&'a [u8], u64, u64)>) -> Vec<Owned> {
    files.filter_map(|(path, uid, gid)| owned(target, below(path, folder)?, uid, gid)).collect()
}

/// Returns everything in an image, its root first, with whose it is.
pub(crate) fn files(index: &PathIndex) -> impl Iterator<Item = (&[u8], u64, u64)> {
    let root = index.at(b"").map(|node| (&b""[..], node));
    root.into_iter().chain(index.below(b"")).map(|(path, node)| (path, node.uid, node.gid))
}

fn owned(folder: &TreePath, path: &[u8], uid: u64, gid: u64) -> Option<Owned> {
    let owner = Owner { uid: u32::try_from(uid).ok()?, gid: u32::try_from(gid).ok()?, device: None };
    let between = if path.is_empty() || folder.is_root() { &b""[..] } else { b"/" };
    let path = OsString::from_vec([b"/", folder.bytes(), between, path].concat());
    (owner != Owner::default()).then_some(Owned { path, owner })
}

/// Returns where a path is in a folder, if it is in it.
fn below<'a>(path: &'a [u8], folder: &TreePath) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(folder.bytes())?;
    if folder.is_root() || rest.is_empty() { Some(rest) } else { rest.strip_prefix(b"/") }
}

/// Owners where there is only one.
pub(super) enum Lone<'a> {
    /// The process left word of what is not root's.
    Said(HashMap<TreePath, &'a Owner>),
    /// It did not. What was somebody's before stays so, and what is new is root's.
    Unsaid(&'a PathIndex),
}

impl<'a> Lone<'a> {
    /// Knows what was there before, and what was said.
    pub fn new(before: &'a PathIndex, said: Option<&'a [Owned]>) -> Self {
        let all = |said: &'a [Owned]| said.iter().map(|owned| (TreePath::clean(owned.path.as_bytes()), &owned.owner)).collect();
        said.map_or(Self::Unsaid(before), |said| Self::Said(all(said)))
    }
}

impl Owners for Lone<'_> {
    fn in_image(&self, path: &TreePath, uid: u64, gid: u64) -> Option<(u64, u64)> {
        Some(match self {
            Self::Said(said) => said.get(path).map_or((0, 0), |owner| (owner.uid.into(), owner.gid.into())),
            Self::Unsaid(before) => before.at(path.bytes()).map_or((uid, gid), |node| (node.uid, node.gid)),
        })
    }

    fn device(&self, path: &TreePath) -> Option<EntryKind> {
        let Self::Said(said) = self else { return None };
        let sandbox::Device { is_block, major, minor } = said.get(path)?.device?;
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
    use sandbox::MountKind;

    use super::*;

    fn index() -> PathIndex {
        let mut index = PathIndex::default();
        for (path, uid) in [(&b"old"[..], 5), (b"app/one", 6), (b"app/two", 7), (b"apple", 8), (b"plain", 0)] {
            index.insert(&Entry { uid, gid: 9 * uid.min(1), ..Entry::file(path, 0) }).unwrap();
        }
        index
    }

    fn owned(path: &str, uid: u32) -> Owned {
        Owned { path: path.into(), owner: Owner { uid, gid: 9, device: None } }
    }

    #[test]
    fn what_is_not_said_is_root_s_or_stays_where_nothing_is() {
        let before = index();
        let disk = sandbox::Device { is_block: true, major: 8, minor: 1 };
        let said = [owned("/new", 8), Owned { owner: Owner { device: Some(disk), ..Owner::default() }, ..owned("/disk", 0) }];
        let (said, unsaid) = (Lone::new(&before, Some(&said)), Lone::new(&before, None));
        let of = |owners: &Lone<'_>, path: &str| owners.in_image(&TreePath::clean(path.as_bytes()), 0, 0);
        assert_eq!((of(&said, "old"), of(&said, "new")), (Some((0, 0)), Some((8, 9))));
        assert_eq!((of(&unsaid, "old"), of(&unsaid, "new")), (Some((5, 9)), Some((0, 0))));
        let device = |path: &str| said.device(&TreePath::clean(path.as_bytes()));
        assert_eq!((device("disk"), device("new")), (Some(EntryKind::BlockDevice(Device { major: 8, minor: 1 })), None));
    }

    #[test]
    fn what_is_hidden_is_not_seen_and_what_is_mounted_is() {
        let index = index();
        let mount = Mount { target: "/app/".into(), kind: MountKind::Proc, keep_target: true };
        let shown = owners_at(&TreePath::clean(b"/mnt"), &TreePath::clean(b"/app"), files(&index));
        assert_eq!(shown, [owned("/mnt/one", 6), owned("/mnt/two", 7)]);
        assert_eq!(owners(&index, &[mount], &shown), [owned("/apple", 8), owned("/old", 5), shown[0].clone(), shown[1].clone()]);
        let everything = owners_at(&TreePath::clean(b"/mnt"), &TreePath::clean(b"/"), files(&index));
        assert_eq!(everything[0], owned("/mnt/app/one", 6));
    }
}
