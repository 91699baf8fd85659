//! Layers as folders: what a command sees below what it writes itself.
//!
//! A layer lies unpacked in the form in which overlayfs lays folders over each other, under the chain ID of the layers from the
//! lowest up to it (OCI image-spec 1.1, "Layer ChainID"). It is unpacked once, for all builds, and never changed. What lies here
//! may be deleted at any time when nothing runs: it is unpacked again. Start at [`Roots`], then [`Stack`].

mod boot;
mod copy;
mod error;
mod folder;
mod form;
mod merge;
mod scratch;
mod standing;
mod unpack;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use graph::{Lay, TreePath};
use layer::index::PathIndex;
use oci::{ChainId, Descriptor, DiffId};
use tokio::sync::OnceCell;

use crate::base::{Base, Layers};

pub use error::RootsError;
pub use form::Form;
pub use scratch::Scratch;
pub use standing::Standing;

pub(crate) use copy::copy_tree;
pub(crate) use folder::LayerFolder;
pub(crate) use merge::merge;

use unpack::unpack;

/// The folder of unpacked layers.
const LAYERS: &str = "layers";
/// The folder of what is under way.
const WORK: &str = "work";
/// The folder of what commands keep between builds.
const CACHES: &str = "caches";
/// Held by who works here, and wholly by who tidies.
const LOCK: &str = "lock";
/// Where the files of a layer are in its folder.
const FILES: &str = "files";

/// The unpacked layers of one user of this machine, who is root or stands for it.
pub struct Roots {
    folder: PathBuf,
    standing: Standing,
    form: Form,
    unpacked: Mutex<HashMap<ChainId, Arc<OnceCell<PathBuf>>>>,
    /// Shared with other builds.
    _lock: File,
}

/// Layers over each other, the lowest first.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    chain: Option<ChainId>,
    folders: Vec<PathBuf>,
}

impl Stack {
    /// Returns what tells it from any other; none of no layers.
    pub const fn chain(&self) -> Option<&ChainId> {
        self.chain.as_ref()
    }

    /// Returns its folders, the lowest first.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
}

impl Roots {
    /// Opens the folder, which is made if need be, and takes away what broken builds left in it.
    ///
    /// # Errors
    /// Where it cannot be written to.
    pub fn open(folder: &Path, standing: Standing) -> Result<Self, RootsError> {
        // It is looked at from other folders, too: what is mounted, for one.
        let folder = &*std::path::absolute(folder).map_err(|problem| RootsError::io(folder, problem))?;
        fs::create_dir_all(folder).map_err(|problem| RootsError::io(folder, problem))?;
        let form = Form::of(folder);
        let folder = folder.join(format!("{}{}", standing.name(), form.suffix()));
        for name in [LAYERS, WORK, CACHES] {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(|problem| RootsError::io(&path, problem))?;
        }
        let (path, layers) = (folder.join(LOCK), folder.join(LAYERS));
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let lock = lock.map_err(|problem| RootsError::io(&path, problem))?;
        boot::settle(&folder, &layers, &lock).map_err(|problem| RootsError::io(&layers, problem))?;
        lock.lock_shared().map_err(|problem| RootsError::io(&path, problem))?;
        boot::mark(&folder, &layers, SystemTime::now());
        scratch::tidy(&folder.join(WORK));
        Ok(Self { folder, standing, form, unpacked: Mutex::default(), _lock: lock })
    }

    /// Returns who works here.
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// Returns how layers say here what they take away.
    pub const fn form(&self) -> Form {
        self.form
    }

    /// Makes an empty folder for something that is under way.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn scratch(&self) -> Result<Scratch, RootsError> {
        Scratch::new(&self.folder.join(WORK))
    }

    /// Returns the folder of what commands keep between builds.
    pub fn caches(&self) -> PathBuf {
        self.folder.join(CACHES)
    }

    /// Returns the layers of a base, all of them unpacked.
    ///
    /// # Errors
    /// Where a layer cannot be read, or a file of it cannot be made here.
    pub async fn base(&self, base: &Base) -> Result<Stack, RootsError> {
        let mut stack = Stack::default();
        let mut chains = Vec::new();
        for (_, diff_id) in base.layers() {
            let chain = ChainId::over(chains.last(), diff_id);
            stack.folders.push(self.place(&chain));
            chains.push(chain);
        }
        stack.chain = chains.last().cloned();
        let Some(top) = &stack.chain else { return Ok(stack) };
        let cell = self.cell(top);
        cell.get_or_try_init(|| async {
            // What a layer means is known only over those below it: where one is missing, all are read.
            let mut index = PathIndex::new();
            let missing: Vec<bool> = stack.folders.iter().map(|folder| !is_there(folder)).collect();
            for (number, layer) in base.layers().iter().enumerate().filter(|_| missing.contains(&true)) {
                let below = stack.folders.get(..number).unwrap_or_default();
                let target = stack.folders.get(number).filter(|_| missing.get(number) == Some(&true)).cloned();
                index = self.read(base.files(), layer, index, below, target).await?;
            }
            Ok::<_, RootsError>(self.place(top))
        })
        .await?;
        stack.folders.iter().filter_map(|files| files.parent()).for_each(touch);
        Ok(stack)
    }

    /// Puts one layer over others, the first of `layers`: `index` is what is where in those.
    ///
    /// # Errors
    /// As [`base`](Self::base).
    pub async fn over(&self, below: &Stack, index: &PathIndex, layers: &Layers) -> Result<Stack, RootsError> {
        let Some(layer) = layers.all().first() else { return Ok(below.clone()) };
        let chain = ChainId::over(below.chain.as_ref(), &layer.1);
        let cell = self.cell(&chain);
        let place = cell.get_or_try_init(|| async {
            let place = self.place(&chain);
            if !is_there(&place) {
                self.read(layers, layer, index.clone(), &below.folders, Some(place.clone())).await?;
            }
            Ok::<_, RootsError>(place)
        });
        let place = place.await?.clone();
        place.parent().into_iter().for_each(touch);
        Ok(below.with(chain, place))
    }

    /// Takes what a command has written for the layer that it became: the upper folder of an overlay that nobody has mounted any
    /// more. Times that are newer than `newest` become that here, as they did there.
    ///
    /// # Errors
    /// Where it cannot be moved.
    pub(crate) fn keep(&self, below: &Stack, diff_id: &DiffId, upper: &Path, lay: &Lay, newest: Option<i64>) -> Result<Stack, RootsError> {
        let chain = ChainId::over(below.chain.as_ref(), diff_id);
        let place = self.place(&chain);
        if !is_there(&place) {
            if let Some(newest) = newest {
                folder::date_back(upper, lay, newest)?;
            }
            let scratch = self.scratch()?;
            let files = scratch.path().join(FILES);
            fs::rename(upper, &files).map_err(|problem| RootsError::io(upper, problem))?;
            settle(scratch, &place)?;
        }
        Ok(below.with(chain, place))
    }

    fn cell(&self, chain: &ChainId) -> Arc<OnceCell<PathBuf>> {
        Arc::clone(self.unpacked.lock().unwrap_or_else(PoisonError::into_inner).entry(chain.clone()).or_default())
    }

    fn place(&self, chain: &ChainId) -> PathBuf {
        self.folder.join(LAYERS).join(chain.0.hex()).join(FILES)
    }

    /// Reads a layer over an index, and unpacks it where that is wanted.
    async fn read(
        &self,
        layers: &Layers,
        layer: &(Descriptor, DiffId),
        mut index: PathIndex,
        below: &[PathBuf],
        target: Option<PathBuf>,
    ) -> Result<PathIndex, RootsError> {
        let Some(target) = target else {
            return Ok(layers.read(layer, move |tar| index.add_layer(tar).map(|()| index)).await?);
        };
        let scratch = self.scratch()?;
        let files = scratch.path().join(FILES);
        let (standing, form, below) = (self.standing, self.form, below.to_vec());
        let unpacked = layers.read(layer, move |tar| Ok(unpack(tar, index, &files, &below, (standing, form)))).await??;
        settle(scratch, &target)?;
        Ok(unpacked)
    }
}

impl Stack {
    fn with(&self, chain: ChainId, folder: PathBuf) -> Self {
        let folders = self.folders.iter().cloned().chain([folder]).collect();
        Self { chain: Some(chain), folders }
    }
}

fn is_there(files: &Path) -> bool {
    fs::symlink_metadata(files).is_ok()
}

/// Gives what is whole its place. Who was first wins: both are the same.
fn settle(scratch: Scratch, files: &Path) -> Result<(), RootsError> {
    let Some(place) = files.parent() else { return Ok(()) };
    match scratch.settle(place) {
        Err(_) if is_there(files) => Ok(()),
        other => other.map_err(|problem| RootsError::io(place, problem)),
    }
}

/// Tells who tidies that a folder is of use.
pub(crate) fn touch(place: &Path) {
    // It may be tidied away sooner otherwise, no more.
    let _ = File::open(place).and_then(|place| place.set_modified(SystemTime::now()));
}

/// Returns where a path of a layer is on this machine.
pub(crate) fn within(folder: &Path, path: &TreePath) -> PathBuf {
    folder.join(OsStr::from_bytes(path.bytes()))
}
