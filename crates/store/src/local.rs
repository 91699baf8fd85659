//! The local store: every image that was made or pulled here, by name.

mod cache;
mod check;
mod keep;
mod library;
mod list;
mod logs;
mod prune;
mod recall;
mod repository;
mod roots;

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use content::{Error, Expected, Item, Place, Result, Tagged, check_expected};
use oci::{Descriptor, Reference, Tag, Thing};
use serde_json::Value;

pub use cache::{CacheItem, CachePlan, CacheUsage, CacheWish};
pub use check::Finding;
pub use library::SparseLibrary;
pub use list::{Entry, Usage};
pub use logs::{KeptLog, Log};
pub use prune::{Kept, PruneItem, PrunePlan, Pruned, Why};

use crate::blobs::Blobs;
use crate::lock::Lock;
use crate::names::{NameOrigin, Named, Names, rfc3339};
use crate::referrers::Notes;
use crate::small::{self, Small};
use crate::tree::{self, Needs, Piece};
use crate::work::blocking;
use crate::{STORE_VERSION, StoreError, ingest};

/// The version file holds one number.
const VERSION_LIMIT: u64 = 64 * 1024;
/// The store as messages name it where no repository is meant.
const PLACE: &str = "the local store";

/// The local store, a folder:
///
/// ```text
/// version                                   {"polyarchStore":1}
/// lock                                      held while names move and while tidying
/// blobs/ALGORITHM/HEX                       manifests, configs and layers, each once
/// names/REGISTRY/REPOSITORY/_tags/TAG.json  what a name points at
/// referrers/SUBJECT/REFERRER                who refers to whom
/// ingest/                                   files on their way in
/// recall/                                   what registries said before; may be lost
/// cache/                                    what builds remember; may be lost
/// logs/ID.jsonl                             what commands of builds wrote; may be lost
/// roots/                                    what commands of builds stand on; may be lost while no build runs
/// ```
///
/// Several processes may use it at once. Opening and reading a store that is not there makes
/// nothing. Clones are the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    root: PathBuf,
    now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    blobs: Blobs,
    names: Names,
    notes: Notes,
}

impl Store {
    /// Opens the store in a folder, which need not exist; `now` tells the time. Blocks for the time
    /// of reading one small file.
    ///
    /// # Errors
    /// [`StoreError::NewerStore`], and [`StoreError::NotAStore`] where the folder holds something else.
    pub fn open(root: PathBuf, now: Arc<dyn Fn() -> SystemTime + Send + Sync>) -> Result<Self, StoreError> {
        let blobs = Blobs::new(root.join("blobs"), root.join("ingest"));
        let (names, notes) = (Names::new(root.join("names")), Notes::new(root.join("referrers")));
        let store = Self(Arc::new(Inner { root, now, blobs, names, notes }));
        store.check_version()?;
        Ok(store)
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Returns one repository of the store as a place, in which the names are tags. What is tagged
    /// through it counts as `origin` says.
    pub fn repository(&self, name: &Reference, origin: NameOrigin) -> Arc<dyn Place> {
        Arc::new(repository::Repository::new(self.clone(), name, origin, Needs::Everything))
    }

    /// Points a name at an image whose content is here, whole.
    ///
    /// An image made here stays one when the same image is pulled.
    ///
    /// # Errors
    /// [`StoreError::NoTag`], [`Error::Moved`], and [`Error::Missing`] that names the first piece that is not here.
    pub async fn name(&self, name: &Reference, image: &Descriptor, origin: NameOrigin, expected: &Expected) -> Result<Tagged> {
        let (name, image, expected) = (name.clone(), image.clone(), expected.clone());
        self.off(move |store| store.name_it(&name, &image, origin, Needs::Everything, &expected)).await
    }

    /// Reads a name, however its image came.
    ///
    /// # Errors
    /// Where its file cannot be read.
    pub async fn named(&self, name: &Reference) -> Result<Option<Named>> {
        let Some(tag) = name.target_tag() else { return Ok(None) };
        let name = name.clone();
        self.off(move |store| Ok(store.0.names.read(&name, &tag)?)).await
    }

    /// Finds an image that was made here. A digest is found where its repository has an image that
    /// was made here and the store holds that manifest.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn resolve_made(&self, name: &Reference) -> Result<Option<Descriptor>> {
        let name = name.clone();
        let made = |named: &Named| named.origin == NameOrigin::Made;
        self.off(move |store| match name.thing() {
            Thing::Tag(tag) => Ok(store.0.names.read(&name, &tag)?.filter(made).map(|named| named.descriptor)),
            Thing::Digest(digest) => {
                if !store.0.names.of_repository(&name)?.iter().any(made) {
                    return Ok(None);
                }
                match store.0.blobs.manifest(&digest, None, PLACE) {
                    Ok(manifest) => Ok(Some(manifest.descriptor())),
                    Err(error) if error.is_missing() => Ok(None),
                    Err(error) => Err(error),
                }
            }
        })
        .await
    }

    /// Removes a name and returns what it pointed at. The content stays until the store is tidied.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is no such name, [`StoreError::NoTag`] for a bare digest.
    pub async fn unname(&self, name: &Reference) -> Result<Named> {
        let name = name.clone();
        self.off(move |store| {
            let tag = name.target_tag().ok_or_else(|| StoreError::NoTag { reference: name.familiar() })?;
            store.remove_name(&name, &tag)
        })
        .await
    }

    async fn off<T: Send + 'static>(&self, job: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let store = self.clone();
        blocking(move || job(&store)).await
    }

    fn check_version(&self) -> Result<bool, StoreError> {
        let root = &self.0.root;
        let refuse = |expected: &str, got: String| StoreError::NotAStore { path: root.clone(), expected: expected.to_owned(), got };
        let tree: Value = match small::read(&root.join("version"), VERSION_LIMIT)? {
            Some(Small::Bytes(bytes)) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Some(Small::TooLong(_)) => Value::Null,
            None => {
                // Files under way are those of another process that makes the same store right now.
                let strange = |entry: &fs::DirEntry| !ingest::is_under_way(&entry.file_name());
                return match fs::read_dir(root) {
                    Ok(mut entries) => match entries.find_map(|entry| entry.ok().filter(strange)) {
                        // The version is there by now where another process just made the store.
                        Some(_) if root.join("version").exists() => self.check_version(),
                        Some(entry) => Err(refuse("the file version", format!("a folder with {}", entry.file_name().to_string_lossy()))),
                        None => Ok(false),
                    },
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                    Err(error) if error.kind() == ErrorKind::NotADirectory => Err(refuse("a folder", "a file".to_owned())),
                    Err(error) => Err(StoreError::io("open the local store", root, error)),
                };
            }
        };
        match tree.get("polyarchStore").and_then(Value::as_u64) {
            Some(version) if version > STORE_VERSION => Err(StoreError::NewerStore { path: root.clone(), version }),
            Some(_) => Ok(true),
            None => Err(refuse("polyarchStore in the file version", "none".to_owned())),
        }
    }

    /// Makes the store, if it is not there yet: for who puts something beside its content.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn make(&self) -> Result<(), StoreError> {
        let root = &self.0.root;
        let version = root.join("version");
        if version.exists() {
            return Ok(());
        }
        let wrong = |error| StoreError::io("make the local store", root, error);
        if let Some(parent) = root.parent() {
            fs::create_dir_all(parent).map_err(wrong)?;
        }
        match private_folder(root) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(wrong(error)),
            _ => {}
        }
        let mut file = ingest::begin(root)?;
        std::io::Write::write_all(&mut file, format!("{{\"polyarchStore\":{STORE_VERSION}}}\n").as_bytes()).map_err(wrong)?;
        // An empty version after a power cut would make the store unreadable.
        file.as_file().sync_data().map_err(wrong)?;
        match file.persist_noclobber(&version) {
            Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(wrong(error.error)),
            _ => Ok(()),
        }
    }

    fn now(&self) -> SystemTime {
        (self.0.now)()
    }

    fn lock(&self) -> Result<Lock, StoreError> {
        Lock::wait(&self.0.root.join("lock"))
    }

    /// Says that content is wanted; tells whether it is still here.
    fn touch(&self, digest: &oci::Digest) -> bool {
        self.0.blobs.touch(digest, self.now())
    }

    fn check_whole(&self, place: &str, image: &Descriptor, needs: Needs) -> Result<()> {
        tree::check_whole(&self.0.blobs, place, Piece::entry(image.clone()), needs, |digest| self.touch(digest))
    }

    fn name_it(&self, name: &Reference, image: &Descriptor, origin: NameOrigin, needs: Needs, expected: &Expected) -> Result<Tagged> {
        let place = place_of(name);
        let tag = name.target_tag().ok_or_else(|| StoreError::NoTag { reference: name.familiar() })?;
        self.make()?;
        // Held to the end: tidying cannot come between the look at the content and the name.
        let _lock = self.lock()?;
        self.check_whole(&place, image, needs)?;
        let old = self.0.names.read(name, &tag)?;
        check_expected(&place, tag.as_str(), expected, old.as_ref().map(|old| &old.descriptor.digest))?;
        let same = old.is_some_and(|old| old.descriptor.digest == image.digest && (old.origin == origin || old.origin == NameOrigin::Made));
        if same {
            return Ok(Tagged::Unchanged);
        }
        let reference = name.with(Thing::Tag(tag));
        self.0.names.write(self.0.blobs.ingest(), &Named { reference, descriptor: image.clone(), origin, time: rfc3339(self.now()) })?;
        Ok(Tagged::Moved)
    }

    fn remove_name(&self, name: &Reference, tag: &Tag) -> Result<Named> {
        let missing = || Error::missing(Item::Tag(tag.as_str().to_owned()), place_of(name));
        if self.0.names.read(name, tag)?.is_none() {
            return Err(missing());
        }
        let _lock = self.lock()?;
        let old = self.0.names.read(name, tag)?.ok_or_else(missing)?;
        self.0.names.remove(name, tag)?;
        Ok(old)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Store").field(&self.0.root).finish()
    }
}

/// A repository as messages name it: "no tag 1.0 in hello (local store)".
fn place_of(name: &Reference) -> String {
    format!("{} (local store)", name.familiar_name())
}

/// Makes a folder that only its owner may enter: images can hold secrets.
fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
