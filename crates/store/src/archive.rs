//! Image archives as places: `oci-archive:FILE` and `docker-archive:FILE`.
//!
//! Both are a tar of an OCI layout. A docker archive holds a `manifest.json` as well, so that every
//! `docker load` understands it; one that holds nothing else is read, too. Archives are read where
//! they lie, by position, and written anew beside their file, which changes only when a name moves.
//! Start at [`Archive`].

mod classic;
mod contents;
mod entries;
mod error;
mod input;
mod loadable;
mod names;
mod place;
mod section;
mod state;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use content::Result;
use oci::RawManifest;
use tokio::sync::Mutex;

pub use error::{ArchiveError, Compression};
pub use input::{Input, Settings};

use contents::Believe;
use state::State;

/// The two kinds of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A tar of an OCI image layout; names are free text.
    Layout,
    /// What `docker save` writes and `docker load` reads; names are references.
    Docker,
}

impl Kind {
    /// Returns what stands before the file's name in a locator.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Layout => "oci-archive:",
            Self::Docker => "docker-archive:",
        }
    }

    const fn list(self) -> &'static str {
        match self {
            Self::Layout => "index.json",
            Self::Docker => "manifest.json or index.json",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Layout => "OCI archive",
            Self::Docker => "docker archive",
        })
    }
}

/// An archive of images. Clones are the same archive.
///
/// Nothing is opened before it is needed. What is put goes into a new file in the target's folder,
/// together with what the target holds; moving a name writes the lists, makes the bytes safe and
/// renames the new file over the target. Another writer of the same file is noticed there: its
/// images are taken in as well, and whoever expected something else of a name is told.
///
/// Content that no name reaches any more stays until another writer begins.
#[derive(Clone, Debug)]
pub struct Archive {
    setup: Arc<Setup>,
    state: Arc<Mutex<State>>,
}

/// What an archive is, once and for all.
#[derive(Clone, Debug)]
struct Setup {
    kind: Kind,
    believe: Believe,
    /// How messages name the place.
    name: String,
    /// The file, where there is one that can be written.
    target: Option<PathBuf>,
    /// How errors name the file.
    path: String,
    settings: Settings,
}

impl Archive {
    /// Takes a tar of an OCI layout.
    pub fn layout(input: impl Into<Input>, settings: Settings) -> Self {
        Self::new(Kind::Layout, Believe::Index, input.into(), settings)
    }

    /// Takes an archive of `docker save`, podman, skopeo, or one that was written here.
    pub fn docker(input: impl Into<Input>, settings: Settings) -> Self {
        Self::new(Kind::Docker, Believe::Index, input.into(), settings)
    }

    /// Takes an archive of `docker save`, and makes manifests from its `manifest.json` even where it
    /// holds an index: an engine that keeps no manifests makes them up when it saves.
    pub fn docker_classic(input: impl Into<Input>, settings: Settings) -> Self {
        Self::new(Kind::Docker, Believe::Classic, input.into(), settings)
    }

    /// Takes a file of either kind, by what is in it. Blocks for the time of reading its headers, or a
    /// compressed file or a pipe to its end.
    ///
    /// # Errors
    /// As reading it, and where it is not there.
    pub fn recognise(path: &Path, settings: Settings) -> Result<Self> {
        let opened = input::Opened::at(path, &settings)?;
        let kind = if opened.entries.contains(classic::LIST) { Kind::Docker } else { Kind::Layout };
        let held = contents::Held::new(opened, kind, Believe::Index)?;
        let mut archive = Self::new(kind, Believe::Index, path.to_owned().into(), settings);
        // What was read is kept: a pipe can be read only once.
        archive.state = Arc::new(Mutex::new(State::holding(held)));
        Ok(archive)
    }

    /// Gives it another name in messages, where the file is only a copy of something else.
    #[must_use]
    pub fn called(mut self, name: &str) -> Self {
        let setup = Arc::make_mut(&mut self.setup);
        name.clone_into(&mut setup.name);
        name.clone_into(&mut setup.path);
        self
    }

    /// Returns which kind it is.
    pub fn kind(&self) -> Kind {
        self.setup.kind
    }

    /// Tells whether it can be written at all, without touching it: not the standard input or output,
    /// no pipe, no folder. To be asked before a target is read, as reading a pipe waits.
    ///
    /// # Errors
    /// Refuses everything that is no file.
    pub fn check_target(&self) -> Result<()> {
        self.setup.target().map(drop)
    }

    /// Returns the manifest of the one image that an engine of the settings' platform loads when it
    /// is given `root`, which was put here. `None` where `root` holds no image.
    ///
    /// # Errors
    /// Only where the archive cannot be read at all.
    pub async fn loadable(&self, root: &RawManifest) -> Result<Option<RawManifest>> {
        let root = root.descriptor();
        self.run(move |state, setup| state.loadable(setup, &root)).await
    }

    fn new(kind: Kind, believe: Believe, input: Input, settings: Settings) -> Self {
        let (target, path) = match &input {
            Input::Path(path) => (Some(path.clone()), path.display().to_string()),
            Input::File(_) | Input::Reader(_) => (None, "-".to_owned()),
        };
        let setup = Setup { kind, believe, name: format!("{}{path}", kind.prefix()), target, path, settings };
        Self { setup: Arc::new(setup), state: Arc::new(Mutex::new(State::new(input))) }
    }
}
