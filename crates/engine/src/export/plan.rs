//! Decides what of which image goes where, for all platforms at once, before anything is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use graph::TreePath;
use layer::tar::{Entry, EntryKind};
use oci::Platform;

use super::error::ExportError;
use super::same;
use crate::files::Files;
use crate::pack::Contents;

/// The files of the image of one platform.
#[derive(Clone)]
pub struct PlatformFiles {
    /// Whose they are.
    pub platform: Platform,
    /// The files.
    pub files: Arc<Files>,
}

/// How the files of several platforms lie beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// Each in a folder of its own (`platform-split=true`): see [`platform_folder`].
    Split,
    /// All in one tree (`platform-split=false`). What two of them have at one path must be the same.
    Merged,
}

impl Arrangement {
    /// Returns what holds where nobody says anything, as BuildKit has it: a single platform has no folder of its own.
    pub const fn usual(platforms: usize) -> Self {
        if platforms > 1 { Self::Split } else { Self::Merged }
    }
}

/// How files are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How several platforms lie beside each other.
    pub arrangement: Arrangement,
    /// Newer times become this one, in seconds since 1970; older ones stay (`SOURCE_DATE_EPOCH`).
    pub newest: Option<i64>,
}

/// What goes where.
#[derive(Default)]
pub struct Plan {
    images: Vec<Planned>,
    items: BTreeMap<TreePath, Item>,
}

/// An image, and the folder its files go to.
struct Planned {
    platform: Platform,
    files: Arc<Files>,
    folder: TreePath,
}

/// One file, folder or link.
struct Item {
    /// As it will be: below the folder of its image, with its final time.
    entry: Entry,
    /// The number of the image that it comes from.
    image: usize,
}

/// Returns the name of a platform's folder, as BuildKit has it: `linux_amd64`, `linux_arm_v7`. It is one name whatever the
/// platform says.
///
/// ```
/// use engine::export::platform_folder;
///
/// assert_eq!(platform_folder(&"linux/arm/v7".parse()?), "linux_arm_v7");
/// assert_eq!(platform_folder(&"linux/arm64/v8".parse()?), "linux_arm64");
/// # Ok::<(), oci::PlatformError>(())
/// ```
pub fn platform_folder(platform: &Platform) -> String {
    let platform = platform.normalized();
    let mut text = match &platform.os_version {
        Some(version) => format!("{}({version})/{}", platform.os, platform.architecture),
        None => format!("{}/{}", platform.os, platform.architecture),
    };
    if let Some(variant) = &platform.variant {
        text = format!("{text}/{variant}");
    }
    text.replace(['/', '\\', ':', '\0'], "_")
}

/// Decides what goes where. Files that several platforms have at one path are compared.
///
/// # Errors
/// Names the first path that two platforms would both be written to, and paths that cannot be written at all.
pub async fn plan(images: Vec<PlatformFiles>, options: Options) -> Result<Plan, ExportError> {
    let mut plan = Plan::default();
    let mut shared = Vec::new();
    for image in images {
        plan.add(image, options, &mut shared)?;
    }
    shared.sort_by(|one, two| one.path.cmp(&two.path));
    if let Some(different) = same::first_difference(shared).await? {
        return Err(ExportError::Collision { path: different.path, first: different.first.platform, second: different.second.platform });
    }
    Ok(plan)
}

impl Plan {
    /// Lists what will be written, in the order of a walk.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.items.values().map(|item| &item.entry)
    }

    /// Returns how many bytes the files have together.
    pub fn size(&self) -> u64 {
        self.entries().map(Entry::size).fold(0, u64::saturating_add)
    }

    /// Lists what will be written with its path.
    pub(super) fn items(&self) -> impl DoubleEndedIterator<Item = (&TreePath, &Entry)> {
        self.items.iter().map(|(path, item)| (path, &item.entry))
    }

    /// Gets ready to read every file.
    pub(super) async fn prepare(&self) -> Result<(), ExportError> {
        for (number, image) in self.images.iter().enumerate() {
            let read = self.items.iter().filter(|(_, item)| item.image == number && item.entry.size() > 0);
            let paths: Vec<TreePath> = read.filter_map(|(path, _)| image.inside(path)).collect();
            image.files.prepare(&paths).await?;
        }
        Ok(())
    }

    /// Returns the files that a planned one comes from, and its path in them.
    pub(super) fn source(&self, path: &TreePath) -> Option<(&Files, TreePath)> {
        let image = self.images.get(self.items.get(path)?.image)?;
        Some((&image.files, image.inside(path)?))
    }

    fn add(&mut self, image: PlatformFiles, options: Options, shared: &mut Vec<same::Pair>) -> Result<(), ExportError> {
        let PlatformFiles { platform, files } = image;
        let folder = match options.arrangement {
            Arrangement::Split => TreePath::clean(platform_folder(&platform).as_bytes()),
            Arrangement::Merged => TreePath::default(),
        };
        let number = self.images.len();
        self.images.push(Planned { platform, files: Arc::clone(&files), folder: folder.clone() });
        let root = TreePath::default();
        // What no image says the time of, such as the folder of a platform, is as old as the newest of what is in it.
        let newest = files.tree().below(&root).map(|(_, entry)| entry.mtime).max().unwrap_or_default();
        let made = options.newest.map_or(newest, |limit| newest.min(limit));
        if !folder.is_root() {
            self.put(folder.clone(), Entry::directory(folder.bytes()).mtime(made), number, shared)?;
        }
        for (path, entry) in files.tree().below(&root).filter(|(path, _)| !path.is_root()) {
            self.check(path, number)?;
            let path = folder.join(path.bytes());
            if !self.is_folder(&path.parent()) {
                for above in path.ancestors() {
                    let entry = Entry::directory(above.bytes()).mtime(made);
                    self.put(above, entry, number, shared)?;
                }
            }
            let mut entry = Entry { path: path.bytes().to_vec(), ..entry.clone() };
            if let EntryKind::Hardlink { target } = &mut entry.kind {
                *target = folder.join(target).bytes().to_vec();
            }
            entry.mtime = options.newest.map_or(entry.mtime, |limit| entry.mtime.min(limit));
            self.put(path, entry, number, shared)?;
        }
        Ok(())
    }

    /// Puts an entry where nothing is yet, or the same.
    fn put(&mut self, path: TreePath, entry: Entry, number: usize, shared: &mut Vec<same::Pair>) -> Result<(), ExportError> {
        let Some(there) = self.items.get(&path) else {
            self.items.insert(path, Item { entry, image: number });
            return Ok(());
        };
        let (Some(first), Some(second)) = (self.images.get(there.image), self.images.get(number)) else { return Ok(()) };
        if entry.kind == EntryKind::Directory && there.entry.kind == EntryKind::Directory {
            return Ok(());
        }
        if there.image == number {
            return Err(second.unfit(&path, "there is something in it, and it is no folder"));
        }
        // That it came at another time makes no other file of it.
        if entry != (Entry { mtime: entry.mtime, ..there.entry.clone() }) {
            return Err(ExportError::Collision { path, first: first.platform.to_string(), second: second.platform.to_string() });
        }
        if entry.size() > 0 {
            let side = |image: &Planned| same::Side { platform: image.platform.to_string(), files: Arc::clone(&image.files) };
            shared.push(same::Pair { path, size: entry.size(), first: side(first), second: side(second) });
        }
        Ok(())
    }

    fn is_folder(&self, path: &TreePath) -> bool {
        path.is_root() || self.items.get(path).is_some_and(|item| item.entry.kind == EntryKind::Directory)
    }

    /// A [`TreePath`] has no such part; that nothing leads out must not hang on one place alone.
    fn check(&self, path: &TreePath, number: usize) -> Result<(), ExportError> {
        let unfit = |part: &[u8]| part == b".." || part == b"." || part.contains(&0);
        match self.images.get(number) {
            Some(image) if path.parts().any(unfit) => Err(image.unfit(path, "its name is none of a file")),
            _ => Ok(()),
        }
    }
}

impl Planned {
    /// Returns where in the image something is.
    fn inside(&self, path: &TreePath) -> Option<TreePath> {
        path.below(&self.folder).map(TreePath::clean)
    }

    fn unfit(&self, path: &TreePath, problem: &'static str) -> ExportError {
        ExportError::Path { path: path.clone(), platform: self.platform.to_string(), problem }
    }
}
