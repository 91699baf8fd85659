//! Why a log cannot be shown.

use std::io;
use std::path::PathBuf;

use fault::{Fault, Hint, Kind};
use store::KeptLog;

/// A log that cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is none at all.
    #[error("no build has run commands here yet")]
    Nothing,
    /// There is none of this build.
    #[error("no log of a build {0}")]
    Unknown(String),
    /// The beginning of an ID that several have.
    #[error("{count} builds begin with {word}: expected one")]
    Several {
        /// The beginning.
        word: String,
        /// How many there are.
        count: usize,
    },
    /// A newer polyarch wrote it.
    #[error("the log of build {id} has version {version}, expected at most {}", super::record::VERSION)]
    Newer {
        /// Which.
        id: String,
        /// Its version.
        version: u64,
    },
    /// The disk does not give it, or it is no log.
    #[error("cannot read the log {}", path.display())]
    Unreadable {
        /// Its file.
        path: PathBuf,
        /// Why not.
        #[source]
        problem: io::Error,
    },
}

impl LogError {
    pub(super) fn unreadable(log: &KeptLog, problem: io::Error) -> Self {
        Self::Unreadable { path: log.path.clone(), problem }
    }
}

impl Fault for LogError {
    fn kind(&self) -> Kind {
        match self {
            Self::Several { .. } => Kind::Usage,
            Self::Nothing | Self::Unknown(_) | Self::Newer { .. } | Self::Unreadable { .. } => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Nothing => "what is taken from the cache writes nothing: `polyarch build --no-cache` runs it again".to_owned(),
            Self::Unknown(_) | Self::Several { .. } => "`polyarch logs ls` lists the builds whose output is kept".to_owned(),
            Self::Newer { .. } => "use the newer polyarch that wrote it".to_owned(),
            Self::Unreadable { path, .. } => format!("remove {}", path.display()),
        }))
    }
}
