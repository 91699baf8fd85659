//! What ADD does with an archive: its files go into a folder of the root.

use layer::tar::{Entry, EntryKind};

use crate::copy::{Layer, MADE_MODE, Owner, first_name, linked};
use crate::error::CopyError;
use crate::path::TreePath;
use crate::tree::Tree;

/// Whom a folder belongs to that an archive names only as a part of paths.
const ROOT: (u64, u64) = (0, 0);

impl Layer<'_> {
    /// Puts what is in the archive `named` into a folder. What is there gives way, but folders for folders, and what comes keeps all
    /// that it is, but for --chown. The bytes of a file are said to be below the archive's own path.
    ///
    /// A path whose folders the archive does not list goes where the root's links lead. Those that are made for it are root's,
    /// whatever --chown says.
    pub(crate) fn unpack(&mut self, archive: &Tree, named: &TreePath, at: &TreePath) -> Result<(), CopyError> {
        self.make_with(at, MADE_MODE)?;
        let top = TreePath::default();
        let linked = linked(archive, &top);
        for (path, entry) in archive.below(&top).filter(|(path, _)| !path.is_root()) {
            let parent = self.real(&at.join(path.parent().bytes()))?;
            self.make_for(&parent, MADE_MODE, ROOT)?;
            let to = parent.join(path.name());
            let first = first_name(path, entry, &linked);
            let source = first.as_ref().unwrap_or(path);
            let kind = archive.get(source).map_or_else(|| entry.kind.clone(), |file| file.kind.clone());
            let (uid, gid) = match self.how.owner {
                Owner::Is { uid, gid } => (uid, gid),
                Owner::Root | Owner::Kept => (entry.uid, entry.gid),
            };
            if kind != EntryKind::Directory {
                self.clear(&to);
            }
            let source = matches!(kind, EntryKind::File { .. }).then(|| named.join(source.bytes()));
            self.put(Entry { path: to.bytes().to_vec(), kind, uid, gid, ..entry.clone() }, source)?;
            if let Some(first) = first {
                self.name(to, first);
            }
        }
        Ok(())
    }

    /// Takes out of the layer what is below a path, where something else than a folder comes.
    fn clear(&mut self, path: &TreePath) {
        let below: Vec<TreePath> =
            self.changes.range(path..).map(|(below, _)| below).take_while(|below| below.below(path).is_some()).cloned().collect();
        for path in below {
            self.changes.remove(&path);
            self.names.remove(&path);
        }
    }
}
