//! What goes wrong, in manifest-tool's words.

use fault::{Fault, Hint, Kind};

use oci::go_quote;

/// What stops a run, apart from what the rooms below say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A source that is not there.
    #[error("inspect of image {} failed with error: {name}: not found", go_quote(image))]
    NoSource {
        /// As it was written.
        image: String,
        /// Its full name.
        name: String,
    },
    /// A source that cannot be read.
    #[error("inspect of image {} failed with error: {cause}", go_quote(image))]
    Source {
        /// As it was written.
        image: String,
        /// What stands against it.
        cause: String,
        /// What can be done.
        hint: Option<Hint>,
        /// Whose turn it is.
        kind: Kind,
    },
    /// No source is there.
    #[error("all entries were skipped due to missing source image references; no manifest list to push")]
    AllSkipped,
    /// The target's name is none.
    #[error("error parsing name for manifest list ({image}): {cause}")]
    Target {
        /// As it was written.
        image: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A source's name is none.
    #[error("unable to parse image reference: {image}: {cause}")]
    Name {
        /// As it was written.
        image: String,
        /// What is wrong with it.
        cause: String,
    },
    /// One of the further tags is none.
    #[error("error parsing tag {}: {cause}", go_quote(tag))]
    Tag {
        /// As it was written.
        tag: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A spec that cannot be read from the disk.
    #[error("cannot read YAML file {}: {cause}", go_quote(file))]
    File {
        /// As it was written.
        file: String,
        /// Why.
        cause: String,
    },
    /// A spec that is none.
    #[error("cannot unmarshal YAML file {}: {problem}", go_quote(file))]
    Yaml {
        /// As it was written.
        file: String,
        /// What is wrong in it.
        problem: super::YamlError,
    },
    /// Flags that are left out.
    #[error("Required flag{} {} not set", if names.len() == 1 { "" } else { "s" }, go_quote(&names.join(", ")))]
    Required {
        /// Their names, without dashes.
        names: Vec<&'static str>,
    },
    /// `inspect` of a name without a tag.
    #[error("image reference must include a tag or a digest; manifest-tool does not default to 'latest'")]
    NoTag,
    /// `inspect` of something that is no name.
    #[error("error parsing image reference: {0}")]
    BadName(String),
    /// `--expand-config` alone.
    #[error("the --expand-config flag is only valid when used with --raw")]
    ExpandWithoutRaw,
    /// `inspect` of an image that is not there.
    #[error("error fetching image descriptor: {0}: not found")]
    NotFound(String),
    /// `inspect --raw` of an index with something other than images.
    #[error("error while generating raw JSON output: unknown media type for further display: {0}")]
    NoRaw(String),
    /// `--docker-cfg` of what is not there.
    #[error("can't load docker config file {file}: {cause}")]
    Config {
        /// As it was written.
        file: String,
        /// Why.
        cause: String,
    },
}

impl Fault for Problem {
    fn kind(&self) -> Kind {
        match self {
            Self::Source { kind, .. } => *kind,
            Self::NoSource { .. } | Self::AllSkipped | Self::NotFound(_) | Self::File { .. } | Self::Config { .. } => Kind::Place,
            Self::NoRaw(_) => Kind::Answer,
            _ => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoSource { .. } => Some(Hint::new("--ignore-missing leaves out what does not exist")),
            Self::Source { hint, .. } => hint.clone(),
            Self::Yaml { problem, .. } => problem.hint(),
            Self::NoRaw(_) => Some(Hint::new("`polyarch inspect --raw` prints any document as it is")),
            _ => None,
        }
    }
}
