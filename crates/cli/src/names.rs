//! The rule of names: what a bare word means when it is read, and when it is written.

use fault::{Fault, Hint, Kind};
use oci::{Locator, Reference};

/// A name that cannot be used as it was.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// Docker publishes there and nobody else.
    #[error("docker.io/library/ belongs to Docker")]
    Official {
        /// The command with a name that could work.
        instead: String,
    },
    /// `--push` of something that is no registry.
    #[error("{0} is no name in a registry")]
    NotPushable(Locator),
    /// A name made here and not in its registry either.
    #[error("no image {name} here or on {registry}")]
    Nowhere {
        /// The name as it was written.
        name: String,
        /// The registry that was asked.
        registry: String,
        /// A folder or file of that name, and what it seems to be.
        #[source]
        instead: Option<Lookalike>,
    },
}

/// Something on disk that has the name of an image that was not found.
#[derive(Debug, thiserror::Error)]
#[error("a {kind} of that name {holds}")]
pub struct Lookalike {
    /// "folder" or "file".
    kind: &'static str,
    /// What is in it.
    holds: &'static str,
    /// The word that would have meant it.
    word: String,
}

impl Fault for NameError {
    fn kind(&self) -> Kind {
        match self {
            Self::Official { .. } | Self::NotPushable(_) => Kind::Usage,
            Self::Nowhere { .. } => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Official { instead } => Some(Hint::new(instead)),
            Self::NotPushable(locator) => Some(Hint::new(format!("leave --push out: {locator} is written where it is"))),
            Self::Nowhere { instead: Some(lookalike), .. } => Some(Hint::new(&lookalike.word)),
            Self::Nowhere { .. } => Some(Hint::new("`polyarch ls` shows what is here")),
        }
    }
}

impl Lookalike {
    /// Looks for a folder or file with the name of an image.
    pub fn find(word: &str) -> Option<Self> {
        let path = std::path::Path::new(word);
        if path.join("oci-layout").is_file() {
            return Some(Self { kind: "folder", holds: "holds an OCI layout", word: format!("oci:{word}") });
        }
        if path.is_file() {
            return Some(Self { kind: "file", holds: "may be an archive", word: format!("docker-archive:{word} or oci-archive:{word}") });
        }
        path.is_dir().then(|| Self { kind: "folder", holds: "is no OCI layout", word: format!("./{word}") })
    }
}

/// Refuses to push where only Docker itself publishes.
///
/// # Errors
/// [`NameError::Official`], with the line that would work.
pub fn check_pushable(name: &Reference, command: &str) -> Result<(), NameError> {
    if !name.is_docker_official() {
        return Ok(());
    }
    Err(NameError::Official { instead: command.replace("{}", &format!("docker.io/YOU/{}", name.familiar())) })
}
