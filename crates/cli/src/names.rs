//! The rule of names: what a bare word means when it is read, and when it is written.

use std::path::{Path, PathBuf};

use fault::{Fault, Hint, Kind};
use oci::{Digest, Locator, Reference};

use crate::paths::{Found, look, looks_like_archive};

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
    /// A name that means nothing here, where that was looked for, or in its registry.
    #[error("no image {name} {}on {registry}", if instead.as_ref().is_some_and(|instead| instead.is_kept) { "" } else { "here or " })]
    Nowhere {
        /// The name as it was written.
        name: String,
        /// The registry that was asked.
        registry: String,
        /// A folder or file of that name, and what it seems to be.
        #[source]
        instead: Option<Lookalike>,
    },
    /// One image was named where all of them are meant.
    #[error("{0} names one image, expected a place of which all are taken")]
    OneOfAll(Locator),
    /// Only what is in the local store can be pushed.
    #[error("no image {} in the local store", .0.familiar())]
    NotHere(Reference),
    /// Two names to push, of which the second is here only because it was pulled.
    #[error("{target} is here too, as it was pulled: it may be meant as an image or as the target")]
    PulledToo {
        /// The first name.
        image: String,
        /// The second.
        target: String,
    },
    /// Pulling would take the name of an image that is nowhere else.
    #[error("{} was made here and is another image, {}", name.familiar(), digest.short())]
    MadeHere {
        /// The name.
        name: Reference,
        /// What it points at.
        digest: Digest,
    },
    /// Several registries may be meant, and the person's own file lets nobody guess.
    #[error("{name} may be {}", candidates.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "))]
    Unclear {
        /// The name as it was written.
        name: String,
        /// What it could be.
        candidates: Vec<Reference>,
        /// The file.
        file: PathBuf,
    },
    /// A digest alone, which the local store would forget at once.
    #[error("the local store keeps images by tag, got none")]
    NoTag {
        /// The name.
        name: Reference,
        /// Its digest.
        digest: Digest,
    },
}

/// Something here that has the name of an image that was not found.
#[derive(Debug, thiserror::Error)]
#[error("{kind} of that name {holds}")]
pub struct Lookalike {
    /// "an image", "a folder" or "a file".
    kind: &'static str,
    /// What is in it, or where it is.
    holds: &'static str,
    /// The word that would have meant it.
    word: String,
    /// It is that very image, where nobody has looked.
    is_kept: bool,
    /// What kept the registry from answering, where it did not just say that there is no such image.
    #[source]
    problem: Option<Box<content::Error>>,
}

impl Fault for NameError {
    fn kind(&self) -> Kind {
        match self {
            Self::Official { .. }
            | Self::NotPushable(_)
            | Self::NoTag { .. }
            | Self::OneOfAll(_)
            | Self::Unclear { .. }
            | Self::PulledToo { .. } => Kind::Usage,
            Self::Nowhere { .. } | Self::NotHere(_) | Self::MadeHere { .. } => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Official { instead } => Some(Hint::new(instead)),
            Self::NotPushable(locator) => Some(Hint::new(format!("leave --push out: {locator} is written where it is"))),
            Self::NoTag { name, digest } => Some(Hint::new(format!("{}:TAG@{digest}", name.familiar_name()))),
            Self::OneOfAll(_) => Some(Hint::new("leave the tag out, or copy the one image without that flag")),
            Self::PulledToo { image, target } => Some(Hint::new(format!("polyarch copy store:{image} {target}"))),
            Self::NotHere(name) => {
                let name = name.familiar();
                Some(Hint::new(format!("`polyarch ls` shows what is here; polyarch copy {name} DST copies between registries")))
            }
            Self::MadeHere { name, .. } => {
                let (own, other) = (name.familiar(), format!("{}:mine", name.familiar_name()));
                Some(Hint::new(format!("keep it by another name first: polyarch tag {own} {other} && polyarch rm {own}")))
            }
            Self::Unclear { file, .. } => {
                Some(Hint::new(format!("write the registry out, or add an alias to {} (short-name-mode is enforcing)", file.display())))
            }
            Self::Nowhere { instead: Some(lookalike), .. } => Some(Hint::new(&lookalike.word)),
            Self::Nowhere { .. } => Some(Hint::new("`polyarch ls` shows what is here")),
        }
    }
}

impl Lookalike {
    /// Looks for an OCI layout or an archive with the name of an image. Other folders and files have
    /// nothing to do with it: a checkout is often called as its image.
    pub fn find(word: &str) -> Option<Self> {
        let path = Path::new(word);
        let (kind, holds, word) = match look(path) {
            Found::Layout => ("a folder", "holds an OCI layout", format!("oci:{word}")),
            Found::File if looks_like_archive(path) => ("a file", "looks like an archive", format!("./{word}")),
            _ => return None,
        };
        Some(Self { kind, holds, word, is_kept: false, problem: None })
    }

    /// Tells of an image that is kept under that name.
    pub fn kept(name: &Reference) -> Self {
        let word = format!("store:{}", name.familiar());
        Self { kind: "an image", holds: "is in the local store", word, is_kept: true, problem: None }
    }

    /// Adds what the registry said.
    #[must_use]
    pub fn behind(mut self, problem: content::Error) -> Self {
        self.problem = Some(Box::new(problem));
        self
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
