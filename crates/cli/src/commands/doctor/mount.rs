//! What is mounted where, and what kind of file system a folder is on.

use std::path::{Path, PathBuf};

use rustix::fs::statfs;

/// File systems by their numbers (statfs(2)), as far as it matters here what they are called.
const KINDS: [(u64, &str); 12] = [
    (0xEF53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683E, "btrfs"),
    (0x2FC1_2FC1, "zfs"),
    (0x0102_1994, "tmpfs"),
    (0xF2F5_2010, "f2fs"),
    (0x794C_7630, "overlayfs"),
    (0x6969, "nfs"),
    (0xFF53_4D42, "cifs"),
    (0x6573_5546, "fuse"),
    (0x0102_1997, "9p"),
    (0xF15F, "ecryptfs"),
];

/// Returns the name of the file system that a folder is on.
pub fn kind_of(folder: &Path) -> String {
    match statfs(folder) {
        Ok(found) => {
            // The type of the number differs by machine; the numbers have 32 bits.
            #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)]
            let number = u64::from(found.f_type as u32);
            KINDS
                .iter()
                .find(|(kind, _)| *kind == number)
                .map_or_else(|| format!("a file system {number:#x}"), |(_, name)| (*name).to_owned())
        }
        Err(_) => "a file system".to_owned(),
    }
}

/// One line of `/proc/self/mountinfo` (proc(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// What of the file system is seen there.
    pub root: PathBuf,
    /// Where.
    pub target: PathBuf,
    /// What kind it is.
    pub kind: String,
    /// Its options.
    pub options: String,
}

/// Reads such a text; lines of another form are passed over.
pub fn mounted(text: &str) -> impl Iterator<Item = Mounted> {
    text.lines().filter_map(|line| {
        let (place, system) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, target) = (place.next()?, place.next()?);
        let mut system = system.split(' ');
        let (kind, options) = (system.next()?, system.nth(1)?);
        Some(Mounted { root: root.into(), target: target.into(), kind: kind.to_owned(), options: options.to_owned() })
    })
}
