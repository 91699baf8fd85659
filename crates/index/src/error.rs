//! Why an image cannot be assembled.

use fault::{Fault, Hint, Kind};
use oci::{Digest, Platform};

/// A wish that was refused before anything was written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A place did not do what was asked.
    #[error(transparent)]
    Content(#[from] content::Error),
    /// A source cannot be read.
    #[error("{problem}")]
    Source {
        /// The source as the person wrote it.
        label: String,
        /// What its place said.
        #[source]
        problem: Box<content::Error>,
    },
    /// A name could not be moved after others were.
    #[error("{} moved already, {name} was not", moved.join(" and "))]
    HalfMoved {
        /// The names that point at the result.
        moved: Vec<String>,
        /// The one that does not.
        name: String,
        /// Why.
        #[source]
        problem: Box<content::Error>,
    },
    /// Two images claim one platform; a client would take either.
    #[error("two images for {platform}: {first} ({}) and {second} ({})", first_digest.short(), second_digest.short())]
    SamePlatform {
        /// The platform both have after normalising.
        platform: Box<Platform>,
        /// Where the first comes from.
        first: String,
        /// Its digest.
        first_digest: Digest,
        /// Where the second comes from.
        second: String,
        /// Its digest.
        second_digest: Digest,
    },
    /// The label and the content disagree.
    #[error("{source_label} is not what it is said to be: expected {stated}, its config says {config}")]
    Disagrees {
        /// Which image.
        source_label: String,
        /// What the argument or the index says.
        stated: Box<Platform>,
        /// What the config says.
        config: Box<Platform>,
    },
    /// Neither the index nor the config says what machine the image is for.
    #[error("{0} does not say what platform it is for")]
    NoPlatform(String),
    /// Something else than an image.
    #[error("{label} is no image: its config is {config}")]
    NotAnImage {
        /// What was given.
        label: String,
        /// The media type of its config.
        config: String,
    },
    /// An index without the platform that was asked of it.
    #[error("no {platform} image in {label}: it offers {offered}")]
    Absent {
        /// The platform asked for.
        platform: Box<Platform>,
        /// Where it was looked for.
        label: String,
        /// What is there, separated by commas.
        offered: String,
    },
    /// A change of something that is not there.
    #[error("there is no {label} to change")]
    NoBase {
        /// The target.
        label: String,
    },
    /// Every source was missing.
    #[error("none of the {0} sources exists")]
    AllMissing(usize),
    /// There is nothing to make an image of.
    #[error("no image is left for the index")]
    Empty,
    /// A platform that must be there is not.
    #[error("required platforms are missing: expected {expected}, got {got}")]
    Required {
        /// The ones that must be there.
        expected: String,
        /// The ones that are.
        got: String,
    },
    /// `--append` of a platform that is there.
    #[error("{label} has a {platform} image already: {}", digest.short())]
    AlreadyThere {
        /// The target.
        label: String,
        /// The platform.
        platform: Box<Platform>,
        /// The digest of what is there.
        digest: Digest,
    },
    /// `--replace` or `--remove` of a platform that is not there.
    #[error("no {platform} image to {verb} in {label}: it has {offered}")]
    NothingTo {
        /// "replace" or "remove".
        verb: &'static str,
        /// The platform.
        platform: Box<Platform>,
        /// The target.
        label: String,
        /// What is there, separated by commas.
        offered: String,
    },
    /// An annotation that would not be anywhere in the result.
    #[error("annotation {annotation} would be lost: {why}")]
    Annotation {
        /// As it was written.
        annotation: String,
        /// What stands against it.
        why: String,
    },
    /// A Docker list of OCI manifests is not valid, and children are never rewritten.
    #[error("a Docker manifest list needs Docker children: {label} is an OCI image")]
    NeedsOtherBytes {
        /// The child.
        label: String,
    },
    /// The target names a digest that the result does not have.
    #[error("expected the result to be {expected}, got {got}")]
    OtherDigest {
        /// The digest in the target's name.
        expected: Digest,
        /// The digest of the result.
        got: Digest,
    },
    /// What was written does not come back.
    #[error("{place} took {expected} and gives back {got}: the tag was not moved")]
    ReadBack {
        /// The place.
        place: String,
        /// The digest that was put.
        expected: Digest,
        /// The digest it answered with.
        got: Digest,
    },
}

impl Fault for IndexError {
    fn kind(&self) -> Kind {
        match self {
            Self::Content(error) => error.kind(),
            Self::Source { problem, .. } => problem.kind(),
            Self::SamePlatform { .. }
            | Self::NotAnImage { .. }
            | Self::Empty
            | Self::Disagrees { .. }
            | Self::Required { .. }
            | Self::OtherDigest { .. }
            | Self::NoPlatform(_) => Kind::Answer,
            Self::NoBase { .. } | Self::HalfMoved { .. } | Self::AllMissing(_) | Self::Absent { .. } | Self::ReadBack { .. } => Kind::Place,
            _ => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Hint> {
        let text = match self {
            Self::Content(error) => return error.hint(),
            Self::Source { problem, .. } | Self::HalfMoved { problem, .. } => return problem.hint(),
            Self::SamePlatform { first, second, second_digest, .. } if first == second => {
                format!("{first} holds both: take one of them by its digest, such as {first}@{second_digest}")
            }
            Self::SamePlatform { .. } => "leave one out, or take one platform of an index with PLATFORM=SOURCE".to_owned(),
            Self::Disagrees { .. } => "correct the image, or publish it as it is called with --force-platform".to_owned(),
            Self::NoPlatform(label) => format!("say it: PLATFORM={label}"),
            Self::NoBase { .. } => "leave --append, --replace and --remove out to make it".to_owned(),
            Self::AlreadyThere { .. } => "use --replace to put the new one in its place".to_owned(),
            Self::NothingTo { verb: "replace", .. } => "use --append to add it".to_owned(),
            Self::Annotation { .. } => {
                "annotations go on index:KEY=VALUE or manifest-descriptor[PLATFORM]:KEY=VALUE, and need --type oci".to_owned()
            }
            Self::NeedsOtherBytes { .. } => "use --type oci, or leave --type out".to_owned(),
            Self::OtherDigest { .. } => "leave the digest out of the new name, or find out which source changed".to_owned(),
            Self::Required { .. } => "add the missing sources, or shorten --require".to_owned(),
            _ => return None,
        };
        Some(Hint::new(text))
    }
}
