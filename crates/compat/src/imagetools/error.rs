//! What `imagetools` refuses, in buildx's words where buildx has some.

use std::fmt;
use std::io;
use std::path::PathBuf;

use content::Item;
use fault::{Fault, Hint, Kind};
use index::{AnnotationError, IndexError};
use oci::{LocatorError, PlatformError};

/// A line of `imagetools` that is refused.
#[derive(Debug, thiserror::Error)]
pub enum ImagetoolsError {
    /// Nothing to make an image of.
    #[error("no sources specified")]
    NoSources,
    /// Nothing to call the result.
    #[error("can't push with no tags specified, please set --tag or --dry-run")]
    NoTags,
    /// Nothing to add the sources to.
    #[error("can't append with no tags specified, please set --tag")]
    NothingToAppendTo,
    /// A digest alone, and no repository to look for it in.
    #[error("no repositories specified, please set a reference in tag or source")]
    NoRepository,
    /// A digest alone, and more than one repository that it may be in.
    #[error("multiple repositories specified, cannot infer repository for {0:?}")]
    SeveralRepositories(String),
    /// A source that is none.
    #[error("failed to parse source {text:?}, valid sources are digests, references and descriptors: {why}")]
    Source {
        /// As written, or as it stood in the file.
        text: String,
        /// What is wrong with it, in Go's words.
        why: String,
        /// What is wrong with it, in ours, where they say more.
        hint: Option<String>,
    },
    /// A name that is none.
    #[error("invalid reference format")]
    Name(Box<LocatorError>),
    /// A file with a descriptor that cannot be read.
    #[error("open {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        problem: io::Error,
    },
    /// A file with a descriptor that is far too long for one.
    #[error("{}: expected a descriptor of at most {limit} bytes", path.display())]
    LongFile {
        /// Which.
        path: PathBuf,
        /// The most bytes that are read.
        limit: u64,
    },
    /// An annotation of something that an index does not hold.
    #[error("{} annotations are {}", quoted(level), if level == "index-descriptor" { "invalid while creating an image" } else { "not supported yet" })]
    Level {
        /// Which level, empty where none was written.
        level: String,
        /// What is known of it here.
        problem: Box<AnnotationError>,
    },
    /// An annotation that is none.
    #[error("failed to parse annotations")]
    Annotation(#[source] Box<AnnotationError>),
    /// A platform that is none.
    #[error(transparent)]
    Platform(PlatformError),
    /// A filter that leaves nothing.
    #[error("none of the manifests match the provided platforms")]
    NoneMatch,
    /// A filter that does not leave the one manifest that was to be copied.
    #[error("input platform {0} does not match any of the provided platforms")]
    OtherPlatform(String),
    /// A source or a tag that does not exist.
    #[error("{0}: not found")]
    NotFound(String),
    /// A descriptor that says another size than the manifest has.
    #[error("invalid size mismatch for {label}, {stated} != {got}")]
    OtherSize {
        /// Of which source.
        label: String,
        /// As the descriptor says.
        stated: u64,
        /// As it is.
        got: u64,
    },
    /// A descriptor that says another type than the manifest has.
    #[error("invalid media type mismatch for {label}, {stated} != {got}")]
    OtherType {
        /// Of which source.
        label: String,
        /// As the descriptor says.
        stated: String,
        /// As it is.
        got: String,
    },
    /// A descriptor of an index with what only the entry of an image can carry.
    #[error("{label} is an index: the {what} of its descriptor would be lost")]
    LostWords {
        /// Of which source.
        label: String,
        /// `annotations` or `platform`.
        what: &'static str,
    },
    /// A way to show progress that does not exist.
    #[error("invalid progress mode {0}")]
    Progress(String),
    /// A way to show progress that is buildx's alone.
    #[error("--progress rawjson is not supported: it is the inner protocol of BuildKit, and no build runs here")]
    RawProgress,
    /// Two ways to print at once.
    #[error("format and raw cannot be used together")]
    FormatAndRaw,
    /// What `index` refuses.
    #[error(transparent)]
    Index(Reworded),
}

/// An error of `index` in buildx's words; what caused it stays.
#[derive(Debug)]
pub struct Reworded(Box<IndexError>);

impl fmt::Display for Reworded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&plain(&self.0))
    }
}

impl std::error::Error for Reworded {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Go's `%q` of a level.
fn quoted(level: &str) -> String {
    format!("{level:?}")
}

/// A digest cut short is of no use to a script.
fn plain(error: &IndexError) -> String {
    match error {
        IndexError::AlreadyThere { label, platform, digest } => format!("two images for {platform}: {label} has {digest} already"),
        IndexError::SamePlatform { platform, first, first_digest, second, second_digest } => {
            format!("two images for {platform}: {first_digest} from {first} and {second_digest} from {second}")
        }
        error => error.to_string(),
    }
}

impl Fault for ImagetoolsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Index(Reworded(error)) => error.kind(),
            Self::NoneMatch | Self::OtherPlatform(_) | Self::OtherSize { .. } | Self::OtherType { .. } => Kind::Answer,
            Self::NotFound(_) | Self::File { .. } | Self::LongFile { .. } => Kind::Place,
            _ => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Hint> {
        let text = match self {
            Self::Source { hint, .. } => hint.clone()?,
            Self::Name(problem) => problem.to_string(),
            Self::Annotation(problem) if matches!(**problem, AnnotationError::Shape(_)) => {
                "write index:KEY=VALUE or manifest-descriptor[PLATFORM]:KEY=VALUE".to_owned()
            }
            Self::Level { problem, .. } | Self::Annotation(problem) => return problem.hint(),
            Self::Platform(problem) => problem.hint()?,
            Self::NoneMatch | Self::OtherPlatform(_) => "leave --platform out to take all of them".to_owned(),
            Self::NothingToAppendTo => "without --append the sources alone are the image".to_owned(),
            Self::RawProgress => "use --progress plain".to_owned(),
            Self::Index(Reworded(error)) => return hint(error),
            _ => return None,
        };
        Some(Hint::new(text))
    }
}

/// The ways out that exist in buildx's words, else the command of ours that has one.
fn hint(error: &IndexError) -> Option<Hint> {
    let text = match error {
        IndexError::SamePlatform { .. } => "leave one out, or keep one platform of an index with `polyarch create PLATFORM=SOURCE`",
        IndexError::Disagrees { .. } => "correct the image, or publish it as it is called with `polyarch create --force-platform`",
        IndexError::NoPlatform(_) => "give a descriptor with a platform: --file",
        IndexError::AlreadyThere { .. } => "put the new one in its place with `polyarch create --replace`",
        IndexError::NotAnImage { .. } => "an index of images holds images: let the artifact refer to the index (its subject)",
        IndexError::Annotation { .. } => {
            "they go on index:KEY=VALUE or manifest-descriptor[PLATFORM]:KEY=VALUE of a platform that is there; \
             `polyarch create --type oci` makes an OCI index of Docker images"
        }
        IndexError::OtherDigest { .. } => "leave the digest out of the tag, or find out which source changed",
        error => return error.hint(),
    };
    Some(Hint::new(text))
}

/// Puts what `index` refused into buildx's words. `filtered` says whether a filter of platforms was given.
pub fn explain(error: IndexError, filtered: bool) -> ImagetoolsError {
    match error {
        IndexError::NoBase { label } => ImagetoolsError::NotFound(label),
        IndexError::Source { label, problem } if is_absence(&problem, &label) => ImagetoolsError::NotFound(label),
        IndexError::Empty if filtered => ImagetoolsError::NoneMatch,
        other => ImagetoolsError::Index(Reworded(Box::new(other))),
    }
}

/// A piece that is missing below an image is damage, and said as such.
fn is_absence(problem: &content::Error, label: &str) -> bool {
    match problem {
        content::Error::Missing { item: Item::Tag(_) | Item::Repository | Item::Image, .. } => true,
        content::Error::Missing { item: Item::Manifest(digest), .. } => label.ends_with(&digest.to_string()),
        _ => false,
    }
}

impl ImagetoolsError {
    /// Puts what a place said of the image with this label into buildx's words.
    pub fn of_place(problem: content::Error, label: &str) -> Self {
        explain(IndexError::Source { label: label.to_owned(), problem: Box::new(problem) }, false)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use fault::Failure;

    #[derive(Debug, thiserror::Error)]
    #[error("denied")]
    struct Denied(#[source] io::Error);

    impl Fault for Denied {
        fn kind(&self) -> Kind {
            Kind::Place
        }
    }

    #[test]
    fn causes_are_kept() {
        let problem = || content::Error::place(Denied(io::Error::other("the registry reg.lan wants more")));
        let causes = |error: IndexError| Failure::from(explain(error, false)).causes();
        assert_eq!(causes(IndexError::Content(problem())), ["the registry reg.lan wants more"]);
        let source = IndexError::Source { label: "a".to_owned(), problem: Box::new(problem()) };
        assert_eq!(causes(source), ["the registry reg.lan wants more"]);
    }
}
