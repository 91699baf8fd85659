//! What an image calls volumes: folders that can be written to where the rest of the root cannot.

use std::fs;
use std::path::Path;

use graph::TreePath;
use layer::index::PathIndex;
use sandbox::{Attributes, Mount, MountKind, Owned, Root, Upper};

use crate::ground::{GroundError, Laid, files, owners_at};

/// The permissions of a volume that the image has no folder for (Docker's).
const MODE: u32 = 0o755;

/// Mounts them: with what the image has there, and what is written is thrown away. What is mounted by somebody is left to them. Also
/// lists what in them is not root's.
pub(super) fn mounts<'a>(
    volumes: impl Iterator<Item = &'a String>,
    mounted: &[Mount],
    (laid, index): (&Laid, &PathIndex),
    beside: &Path,
) -> Result<(Vec<Mount>, Vec<Owned>), GroundError> {
    let taken: Vec<TreePath> = mounted.iter().map(|mount| TreePath::clean(mount.target.as_encoded_bytes())).collect();
    let paths = volumes.map(|path| TreePath::from(path.as_str())).filter(|path| !path.is_root() && !taken.contains(path));
    let (mut mounts, mut owners) = (Vec::new(), Vec::new());
    for (number, path) in paths.enumerate() {
        let target = format!("/{path}");
        let kind = if index.find(path.bytes()).is_ok_and(|node| node.is_some_and(|node| node.is_directory())) {
            let source = own(&laid.root, &beside.join(format!("volume-{number}")))?;
            owners.extend(owners_at(&path, &path, files(index)));
            MountKind::Bind { source, inside: Some(target.clone().into()), attributes: Attributes::default() }
        } else {
            MountKind::Tmpfs { size: None, mode: MODE, attributes: Attributes::default() }
        };
        mounts.push(Mount { target: target.into(), kind, keep_target: false });
    }
    Ok((mounts, owners))
}

/// The same layers again, written to elsewhere. A copy is nobody else's, so that one is itself.
fn own(root: &Root, place: &Path) -> Result<Root, GroundError> {
    let Root::Overlay { lowers, .. } = root else { return Ok(root.clone()) };
    let (folder, work) = (place.join("upper"), place.join("work"));
    for path in [place, &folder, &work] {
        fs::create_dir(path).map_err(GroundError::io(path))?;
    }
    Ok(Root::Overlay { lowers: lowers.clone(), upper: Some(Upper { folder: folder.into(), work: work.into() }) })
}
