//! What is to be built.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use dockerfile::{Dockerfile, Source};
use layer::Compression;
use oci::Platform;

use crate::context::Context;
use crate::machines::Machines;
use crate::provenance::{Material, Order};
use crate::run::Settings;
use crate::truth::Allowed;

/// Everything that decides what a build makes.
#[derive(Clone)]
pub struct Request {
    /// The machine that builds, and those whose programs it runs.
    pub machines: Arc<Machines>,
    /// One image for each.
    pub targets: Vec<Target>,
    /// `--target`; the last stage without it.
    pub stage: Option<String>,
    /// `--label`, in the order of the command line.
    pub labels: Vec<(String, String)>,
    /// How layers are compressed.
    pub compression: Compression,
    /// How many threads compress, and how many layers are written at once.
    pub threads: usize,
    /// `SOURCE_DATE_EPOCH`, in seconds since 1970.
    pub epoch: Option<i64>,
    /// `--no-cache` and `--no-cache-filter`.
    pub anew: Anew,
    /// Files keep all of their extended attributes, and not `security.capability` alone.
    pub keeps_attributes: bool,
    /// `--allow-foreign`.
    pub allowed: Allowed,
    /// The files of the images are wanted, too: [`BuiltImage::files`](super::BuiltImage).
    pub wants_files: bool,
    /// Where files of images are put while they are copied from.
    pub scratch: PathBuf,
    /// What every command sees.
    pub commands: Settings,
    /// `--test`: what must succeed in each image that this machine runs by itself.
    pub tests: Vec<String>,
    /// `--test-all`: and in those of other machines, too.
    pub tests_all: bool,
    /// `--provenance`: what is to be told of how each image came to be.
    pub provenance: Option<Order>,
}

impl Request {
    /// Returns the platform of the machine that builds.
    pub fn host(&self) -> &Platform {
        self.machines.host()
    }

    /// Tells whether the steps of a stage are done again whatever is remembered.
    pub(super) fn is_made_anew(&self, stage: &str) -> bool {
        match &self.anew {
            Anew::Nothing => false,
            Anew::Everything => true,
            Anew::Stages(names) => names.iter().any(|name| name.eq_ignore_ascii_case(stage)),
        }
    }
}

/// Which steps are done again, though they were done before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Anew {
    /// None.
    #[default]
    Nothing,
    /// All.
    Everything,
    /// Those of these stages.
    Stages(Vec<String>),
}

/// One image of a build.
#[derive(Clone)]
pub struct Target {
    /// What it is for.
    pub platform: Platform,
    /// `--optional`: it may fail.
    pub is_optional: bool,
    /// Its Dockerfile.
    pub file: Arc<BuildFile>,
    /// `--build-arg`.
    pub arguments: BTreeMap<String, String>,
    /// Where its files come from.
    pub context: Arc<Context>,
    /// `--build-context`, by the names that [`graph::context_name`] writes.
    pub contexts: BTreeMap<String, Named>,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
}

/// A Dockerfile that was read, with its text.
#[derive(Clone, Debug)]
pub struct BuildFile {
    /// Its text, under its name.
    pub source: Source,
    /// What it says.
    pub parsed: Dockerfile,
    /// How it is told of, or the context that it lay in, where that came from elsewhere.
    pub material: Option<Material>,
}

/// What a named context is.
#[derive(Clone)]
pub enum Named {
    /// Files.
    Files(Arc<Context>),
    /// An image, by the word that names its place.
    Image(String),
}
