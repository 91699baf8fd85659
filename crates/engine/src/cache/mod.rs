//! What builds remember: steps whose layers were made before are not made again, files that did not change are not read
//! again, bases whose paths are known are not streamed again.
//!
//! A step is known by the entries of its layer and by what is in its files; see [`Shape`] and [`StepKey`]. Where all of
//! its files are known, nothing is read. Where some are not, they are read once: into the layer, if no step like it was
//! ever met; else to be hashed, as the layer is probably there. Start at [`Cache`].

mod files;
mod key;
mod learning;
mod ran;
mod record;
mod stats;
mod step;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use content::{Keep, Library, Shelf};
use graph::{Lay, TreePath};
use layer::tar::Options;
use layer::{Compression, Settings};
use oci::Digest;
use tokio::sync::OnceCell;

use crate::base::{Base, BaseError, Survey};
use crate::context::{Folder, Walked};
use crate::files::{Files, read_image};
use crate::pack::{Contents, PackError, Packed, pack_into};
use learning::Learning;
use step::{Made, Sought};

pub use files::KnownFiles;
pub use key::{Shape, StepKey};
pub(crate) use ran::{Ran, RunKey};
pub use stats::StatCache;

/// Any repository will do to ask a library for a blob.
const REPOSITORY: &str = "build";

/// Whether what was made before may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reuse {
    /// It may.
    #[default]
    Allowed,
    /// It may not: the layer is made, and kept for others.
    Never,
}

/// A step whose layer is wanted.
#[derive(Clone)]
pub struct Wanted {
    /// The entries of the layer.
    pub lay: Arc<Lay>,
    /// Where the bytes of its files are.
    pub contents: Arc<dyn Contents>,
    /// How the layer is written.
    pub settings: Settings,
    /// What else the layer depends on, such as the time that made folders get.
    pub words: Vec<String>,
    /// Whether it may be one that was made before.
    pub reuse: Reuse,
}

/// The layer of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The layer.
    pub packed: Packed,
    /// It was made before, by another build, and nothing was written.
    pub is_cached: bool,
    /// What only steps have in common that put the same into their layers, whenever; none where a file was another one each time.
    pub content: Option<Digest>,
}

/// What builds remember, for the time of one build into one library.
pub struct Cache {
    keep: Arc<dyn Keep>,
    now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    steps: Mutex<HashMap<Digest, Arc<Step>>>,
    made: Arc<Made>,
    /// The layers that this build made, by what their records are kept under.
    own: Mutex<HashMap<Digest, Packed>>,
    bases: Mutex<HashMap<Digest, Arc<OnceCell<Arc<Survey>>>>>,
    /// The images that files are copied from.
    images: Mutex<HashMap<Digest, Arc<OnceCell<Arc<Files>>>>>,
    /// The folders that were asked for.
    folders: Mutex<Vec<Arc<KnownFiles>>>,
}

/// A step that was asked for, once for all who do.
struct Step {
    found: OnceCell<Result<Found, Arc<PackError>>>,
    /// Held, so that no other contents come to lie at their address.
    _contents: Arc<dyn Contents>,
}

impl Cache {
    /// Makes one over what is kept; `now` tells the time.
    pub fn new(keep: Arc<dyn Keep>, now: Arc<dyn Fn() -> SystemTime + Send + Sync>) -> Self {
        Self {
            keep,
            now,
            steps: Mutex::default(),
            made: Arc::default(),
            own: Mutex::default(),
            bases: Mutex::default(),
            images: Mutex::default(),
            folders: Mutex::default(),
        }
    }

    /// Returns a folder's files with what they hashed to in former builds. [`Cache::save`] keeps it for later ones.
    ///
    /// # Errors
    /// [`PackError::Stopped`] where the program ends.
    pub async fn files(&self, context: Arc<(Folder, Walked)>) -> Result<Arc<KnownFiles>, PackError> {
        let keep = Arc::clone(&self.keep);
        let known = blocking(move || Ok(Arc::new(KnownFiles::load(context, keep)))).await?;
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&known));
        Ok(known)
    }

    /// Keeps what was learned of the files of folders.
    pub async fn save(&self) {
        let known = std::mem::take(&mut *self.folders.lock().unwrap_or_else(PoisonError::into_inner));
        // Where it cannot be kept, the next build reads the files again.
        let _ = tokio::task::spawn_blocking(move || known.iter().for_each(|known| known.save())).await;
    }

    /// Returns the layer of a step, which is in the library then. Equal steps are worked on once, and end alike.
    ///
    /// # Errors
    /// As [`pack_into`].
    pub async fn layer(&self, wanted: Wanted, library: &dyn Library) -> Result<Found, PackError> {
        let contents = Arc::clone(&wanted.contents);
        let (sought, key, one) = blocking(move || {
            let (sought, key) = Sought::new(wanted);
            let one = sought.same(key.as_ref());
            Ok((Arc::new(sought), key, one))
        })
        .await?;
        let step = Arc::clone(
            self.steps
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(one)
                .or_insert_with(|| Arc::new(Step { found: OnceCell::new(), _contents: contents })),
        );
        let found = step.found.get_or_init(|| async { self.find(sought, key, library).await.map_err(Arc::new) }).await;
        Ok(found.clone()?)
    }

    /// Returns what is in a base. Every base is streamed once, as long as it is remembered; `begins` hears when it is.
    ///
    /// # Errors
    /// As [`Base::survey`].
    pub async fn survey(&self, base: &Base, begins: impl FnOnce()) -> Result<Arc<Survey>, BaseError> {
        let key = key_of_base(base);
        let cell = Arc::clone(self.bases.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default());
        let survey = cell.get_or_try_init(|| async {
            let (keep, at) = (Arc::clone(&self.keep), key.clone());
            let read = move || keep.get(Shelf::Paths, &at).and_then(|bytes| Survey::from_bytes(&bytes));
            // What cannot be read back is read again.
            if let Ok(Some(survey)) = tokio::task::spawn_blocking(read).await {
                return Ok(Arc::new(survey));
            }
            begins();
            let survey = Arc::new(base.survey().await?);
            let (keep, kept) = (Arc::clone(&self.keep), Arc::clone(&survey));
            let _ = tokio::task::spawn_blocking(move || keep.put(Shelf::Paths, &key, &kept.to_bytes())).await;
            Ok(survey)
        });
        survey.await.cloned()
    }

    /// Returns the files of an image: its layers are read once for all steps that copy from it.
    ///
    /// # Errors
    /// As [`read_image`].
    pub async fn image(&self, base: &Base, scratch: &Path) -> Result<Arc<Files>, BaseError> {
        let cell = Arc::clone(self.images.lock().unwrap_or_else(PoisonError::into_inner).entry(key_of_base(base)).or_default());
        let files = cell.get_or_try_init(|| async { Ok(Arc::new(read_image(base, scratch).await?.1)) }).await;
        files.cloned()
    }

    /// Returns what is kept of a command that was run before, where its layer is still there.
    pub(crate) async fn recall_run(&self, key: &RunKey, library: &dyn Library) -> Option<Ran> {
        let (keep, key) = (Arc::clone(&self.keep), key.clone());
        let ran = blocking(move || Ok(keep.get(Shelf::Steps, key.digest()).and_then(|bytes| Ran::decode(&bytes)))).await.ok()??;
        is_there(library, &ran.packed).await.then_some(ran)
    }

    /// Makes a layer of what a command has written, and keeps it for builds to come.
    ///
    /// # Errors
    /// As [`pack_into`].
    pub(crate) async fn keep_run(
        &self,
        key: &RunKey,
        (lay, contents): (Arc<Lay>, Arc<dyn Contents>),
        settings: Settings,
        library: &dyn Library,
    ) -> Result<Ran, PackError> {
        let learning = Arc::new(Learning::new(contents));
        let packed = pack_into(library, Arc::clone(&lay), Arc::clone(&learning) as Arc<dyn Contents>, settings).await?;
        let (keep, key) = (Arc::clone(&self.keep), key.clone());
        let kept = move || {
            let passed = learning.take();
            let content = identity_of(&lay, |path| passed.get(path).cloned().flatten()).unwrap_or_else(|| packed.layer.diff_id.0.clone());
            let ran = Ran::new(&lay, packed, &settings, content);
            keep.put(Shelf::Steps, key.digest(), &ran.encode());
            Ok(ran)
        };
        blocking(kept).await
    }

    async fn find(&self, sought: Arc<Sought>, key: Option<StepKey>, library: &dyn Library) -> Result<Found, PackError> {
        let key = match (sought.wanted.reuse, key) {
            (Reuse::Allowed, None) => self.read_for_key(&sought).await?,
            (_, key) => key,
        };
        if let Some(packed) = key.as_ref().and_then(|key| self.own(&sought.exact(key))) {
            return Ok(sought.found(packed, false));
        }
        if let Some(key) = key.filter(|_| sought.wanted.reuse == Reuse::Allowed) {
            let (keep, made, step) = (Arc::clone(&self.keep), Arc::clone(&self.made), Arc::clone(&sought));
            if let Some(packed) = blocking(move || Ok(step.recall(keep.as_ref(), &made, &key))).await?
                && is_there(library, &packed).await
            {
                return Ok(sought.found(packed, true));
            }
        }
        let begun = (self.now)();
        let Wanted { lay, contents, settings, .. } = sought.wanted.clone();
        let learning = Arc::new(Learning::new(Arc::clone(&contents)));
        let packed = pack_into(library, lay, Arc::clone(&learning) as Arc<dyn Contents>, settings).await?;
        let (keep, made, kept) = (Arc::clone(&self.keep), Arc::clone(&self.made), packed.clone());
        let exact = blocking(move || {
            let passed = learning.take();
            passed.iter().for_each(|(path, hash)| hash.iter().for_each(|hash| contents.learn(path, hash, begun)));
            let exact = sought.keep(keep.as_ref(), &made, &passed, &kept);
            Ok((sought, exact))
        });
        let (sought, exact) = exact.await?;
        if let Some(exact) = exact {
            self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(exact, packed.clone());
        }
        Ok(sought.found(packed, false))
    }

    /// Returns a layer that this build made: another platform's equal step is that one, whatever may be taken from former builds.
    fn own(&self, exact: &Digest) -> Option<Packed> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).get(exact).cloned()
    }

    /// Reads the files that nobody knows, where a step like it was met before; else its layer cannot be there.
    async fn read_for_key(&self, sought: &Arc<Sought>) -> Result<Option<StepKey>, PackError> {
        let (keep, step, begun) = (Arc::clone(&self.keep), Arc::clone(sought), (self.now)());
        let Some(unknown) = blocking(move || Ok(step.unknown(keep.as_ref()))).await? else { return Ok(None) };
        sought.wanted.contents.prepare(&unknown).await?;
        let step = Arc::clone(sought);
        blocking(move || step.read(&unknown, begun)).await
    }
}

/// Returns what only steps have in common that put the same into their layers, whenever: times count for nothing. None where the
/// content of a file is not known.
pub(crate) fn identity_of(lay: &Lay, identity: impl Fn(&TreePath) -> Option<Digest>) -> Option<Digest> {
    let options = Options { newest: Some(i64::MIN), ..Options::default() };
    let settings = Settings { compression: Compression::None, threads: 1, options };
    StepKey::of(&Shape::of(lay, &settings, &[]), lay, identity).map(|key| key.digest().clone())
}

/// Tells whether a layer is still where it was written to. One that cannot be asked for is made again.
async fn is_there(library: &dyn Library, packed: &Packed) -> bool {
    let Ok(place) = library.open(REPOSITORY).await else { return false };
    place.blob_size(&packed.layer.digest).await.is_ok_and(|size| size == Some(packed.layer.size))
}

/// The chain of a base's layers: its files are theirs, whatever it is called.
fn key_of_base(base: &Base) -> Digest {
    let diff_ids = base.layers().iter().map(|(_, diff_id)| diff_id.to_string());
    Digest::of(std::iter::once("survey 1 of".to_owned()).chain(diff_ids).collect::<Vec<_>>().join(" ").as_bytes())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, PackError> + Send + 'static) -> Result<T, PackError> {
    tokio::task::spawn_blocking(work).await.map_err(|problem| PackError::Stopped(problem.to_string()))?
}
