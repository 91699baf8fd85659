//! What is to be pushed: the one value that a YAML file and arguments both become.

use fault::{Fault, Hint, Kind};
use oci::Platform;

use super::{YamlError, yaml};

/// A manifest list to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// What it is to be called.
    pub image: String,
    /// More tags for it, in the same repository.
    pub tags: Vec<String>,
    /// Annotations of the index, in their order.
    pub annotations: Vec<(String, String)>,
    /// The images.
    pub manifests: Vec<Member>,
}

/// One image of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Where it is.
    pub image: String,
    /// What it is said to be for, letter for letter; what is not said is empty.
    pub platform: Platform,
}

impl Spec {
    /// Reads a YAML file.
    ///
    /// # Errors
    /// Whatever is wrong with it, by line and column where a place in it is meant.
    pub fn parse(bytes: &[u8]) -> Result<Self, YamlError> {
        yaml::read(bytes)
    }
}

impl Member {
    /// Returns what is said of the platform, where anything is.
    pub fn stated(&self) -> Option<&Platform> {
        (self.platform != Platform::default()).then_some(&self.platform)
    }
}

/// What is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// A Docker manifest list.
    #[default]
    Docker,
    /// An OCI index.
    Oci,
}

/// Words that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Only OCI's indexes have annotations.
    #[error("manifest list (Docker media type) does not support annotations; use --type oci instead")]
    DockerAnnotations,
    /// `--type` of neither kind. manifest-tool takes every other word for `docker`.
    #[error("unknown manifest type {0:?}: expected docker or oci")]
    UnknownType(String),
    /// A platform that is no pair.
    #[error("the --platforms argument must be a string slice where one value is of the form 'os/arch'")]
    Platforms(String),
    /// An annotation that is no pair.
    #[error("the --annotations argument must be a string in the form 'key=value': {0}")]
    Annotation(String),
    /// An annotation that is given two values.
    #[error("--annotations gives {0:?} twice")]
    Twice(String),
}

impl ListType {
    /// Reads the word behind `--type`.
    ///
    /// # Errors
    /// For any other word.
    pub fn parse(word: &str) -> Result<Self, SpecError> {
        match word {
            "docker" => Ok(Self::Docker),
            "oci" => Ok(Self::Oci),
            other => Err(SpecError::UnknownType(other.to_owned())),
        }
    }
}

impl Fault for SpecError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Platforms(got) => Some(Hint::new(format!("got {got:?}: write linux/amd64 or linux/arm/v7"))),
            Self::Annotation(got) if got.matches('=').count() > 1 => {
                Some(Hint::new("a value with = is written in a YAML file, under annotations:"))
            }
            _ => None,
        }
    }
}
