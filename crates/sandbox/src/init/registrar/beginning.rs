//! What was somebody's before anything ran.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, CWD, Statx};

use super::changes::{Changes, is_folder, look};
use crate::{Owned, Owner};

/// Where a file lies, its number there, and when it was made.
///
/// An overlay lets a file keep its number when it is changed, and copied for that, but not when it was made; in return, nobody else has
/// the number as long as the layers below are there.
type Number = (u32, u32, u64, Option<(i64, u32)>);

/// The files that are not root's at first.
#[derive(Debug)]
pub(super) struct Beginning {
    is_overlay: bool,
    numbers: HashMap<Number, Owner>,
    /// Those that have another number when they are changed, by path.
    renumbered: HashMap<Vec<u8>, Owner>,
}

impl Beginning {
    /// Looks at files below our `/`. What is not there, or is hidden, is nobody's.
    pub fn look(files: &[Owned], changes: Option<&Changes>) -> Self {
        let is_overlay = changes.is_some_and(Changes::are_apart);
        let mut beginning = Self { is_overlay, numbers: HashMap::new(), renumbered: HashMap::new() };
        let keeps_numbers = changes.is_none_or(Changes::keep_numbers);
        for Owned { path, owner } in files {
            let path = path.as_bytes();
            let Ok(found) = look(CWD, path, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            beginning.numbers.insert(beginning.number(&found), *owner);
            // One of several names gets another number than the rest (the kernel's overlayfs.rst, "Inode properties").
            let is_linked = found.stx_nlink > 1 && !is_folder(&found);
            if is_overlay && (is_linked || !keeps_numbers) {
                beginning.renumbered.insert(path.to_owned(), *owner);
            }
        }
        beginning
    }

    /// Tells whether everything was root's.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Tells whose a file was.
    pub fn owner(&self, found: &Statx) -> Option<Owner> {
        self.numbers.get(&self.number(found)).copied()
    }

    /// Tells whose the file was that is at a path by now, though it may have another number.
    pub fn owner_at(&self, found: &Statx, path: &[u8]) -> Option<Owner> {
        self.owner(found).or_else(|| self.renumbered.get(path).copied())
    }

    fn number(&self, found: &Statx) -> Number {
        let made = (!self.is_overlay).then_some((found.stx_btime.tv_sec, found.stx_btime.tv_nsec));
        (found.stx_dev_major, found.stx_dev_minor, found.stx_ino, made)
    }
}
