//! Layers of steps, each made once, whoever asks for it first: the image that it goes into, or a command that runs over it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use content::Source;
use layer::Settings;
use layer::tar::{Layout, Options};
use layer::{Compressed, Compression};
use oci::{Descriptor, DiffId, Digest, MediaType};
use tokio::sync::{OnceCell, Semaphore};

use super::error::BuildError;
use super::evaluate::Made;
use super::make::Workshop;
use super::progress::Happening;
use super::request::{Request, Target};
use crate::base::Layers;
use crate::cache::{Ran, Reuse, RunKey, Wanted};
use crate::pack::Packed;

/// Any repository will do to ask a library for a blob.
const REPOSITORY: &str = "build";

/// A layer of a step.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) packed: Packed,
    /// It had been made before.
    pub(super) is_cached: bool,
    /// What stands for it in keys of what comes after it: what is in it, whenever that was made.
    pub(super) content: Digest,
}

/// What became of a command: what it has written, and whether that was there before.
pub(super) type Outcome = OnceCell<Result<(Arc<Ran>, bool), Arc<BuildError>>>;

/// Makes layers.
pub(super) struct Layering<'a> {
    pub(super) request: &'a Request,
    pub(super) workshop: &'a Workshop<'a>,
    /// Where they are found again.
    pub(super) source: Arc<dyn Source>,
    /// Layers that are written at once.
    turns: Semaphore,
    /// The commands that were run for this build, by what they depend on: those of all platforms, each once.
    runs: Mutex<HashMap<RunKey, Arc<Outcome>>>,
}

impl<'a> Layering<'a> {
    pub(super) async fn new(request: &'a Request, workshop: &'a Workshop<'a>) -> Result<Self, BuildError> {
        let source: Arc<dyn Source> = workshop.library.open(REPOSITORY).await?;
        let turns = Semaphore::new(request.threads.max(1));
        Ok(Self { request, workshop, source, turns, runs: Mutex::default() })
    }

    /// Returns how a step's layer is written. Those that go into no image are not compressed: only commands read them.
    pub(super) fn settings(&self, target: &Target, is_shipped: bool) -> Settings {
        let layout = if target.platform.os == "windows" { Layout::Windows } else { Layout::Plain };
        let options = Options { newest: self.request.epoch, layout };
        let compression = if is_shipped { self.request.compression } else { Compression::None };
        Settings { compression, threads: self.request.threads, options }
    }

    /// Returns the layer of a step, which is in the library then.
    pub(super) async fn layer(&self, target: &Target, made: &Made) -> Result<Layer, BuildError> {
        made.layer.get_or_try_init(|| self.make(target, made)).await.cloned()
    }

    async fn make(&self, target: &Target, made: &Made) -> Result<Layer, BuildError> {
        // It is never closed; if it were, going without a turn would be right.
        let _turn = self.turns.acquire().await;
        self.workshop.progress.tell(Happening::Begun(made.name.clone()));
        let wanted = Wanted {
            lay: made.lay.clone(),
            contents: made.contents.clone(),
            settings: self.settings(target, made.is_shipped),
            words: made.words.clone(),
            reuse: self.reuse(&made.stage),
        };
        let found = self.workshop.cache.layer(wanted, self.workshop.library).await?;
        self.workshop.progress.tell(Happening::Done { step: made.name.clone(), cached: found.is_cached });
        // What is not known by what is in it is known by its layer.
        let content = made.content.clone().or(found.content).unwrap_or_else(|| found.packed.layer.diff_id.0.clone());
        Ok(Layer { packed: found.packed, is_cached: found.is_cached, content })
    }

    /// Tells whether what was made before may be used in a stage.
    pub(super) fn reuse(&self, stage: &str) -> Reuse {
        if self.request.is_made_anew(stage) { Reuse::Never } else { Reuse::Allowed }
    }

    /// Returns a layer as what can be read again.
    pub(super) fn read_again(&self, packed: &Packed) -> Layers {
        // How it is compressed is seen when it is read.
        Layers::new("this build", Arc::clone(&self.source), vec![described(&packed.layer, Compression::None)])
    }

    /// Returns where the outcome of a command is put for all who run the same.
    pub(super) fn run(&self, key: &RunKey) -> Arc<Outcome> {
        Arc::clone(self.runs.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default())
    }
}

/// Describes a layer as a manifest does.
pub(super) fn described(layer: &Compressed, compression: Compression) -> (Descriptor, DiffId) {
    let media_type = match compression {
        Compression::None => MediaType::OciLayer,
        Compression::Gzip(_) => MediaType::OciLayerGzip,
        Compression::Zstd(_) => MediaType::OciLayerZstd,
    };
    (Descriptor::new(media_type, layer.digest.clone(), layer.size), layer.diff_id.clone())
}
