//! What can be wrong with a word of a build.

use dockerfile::AddressError;
use fault::{Fault, Hint, Kind};
use layer::LayerError;
use oci::{LocatorError, Platform, PlatformError, ReferenceError};

/// A word of a build that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum WordError {
    /// The platform before `=`, or in brackets, is none.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The name of an image is none.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The place of an image is none.
    #[error(transparent)]
    Locator(#[from] LocatorError),
    /// The compressor has no such level.
    #[error(transparent)]
    Level(#[from] LayerError),
    /// Another form than this word has.
    #[error("bad {what} {text:?}: expected {expected}")]
    Shape {
        /// What it was to be: `label`, `build argument`.
        what: &'static str,
        /// As written.
        text: String,
        /// The forms there are.
        expected: &'static str,
    },
    /// An address that nobody can fetch.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A word in braces that stands for nothing.
    #[error("bad file {text:?}: expected {{os}}, {{arch}}, {{variant}} or {{platform}}, got {{{word}}}")]
    Placeholder {
        /// As written.
        text: String,
        /// What is in the braces.
        word: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// Two files for one platform.
    #[error("two files {}: expected one of {first:?} and {second:?}", .platform.as_ref().map_or_else(|| "for every platform".to_owned(), |platform| format!("for {platform}")))]
    TwoFiles {
        /// The platform; none where both are for every one.
        platform: Option<Box<Platform>>,
        /// The one that came first.
        first: String,
        /// The other one.
        second: String,
    },
    /// More than one thing to be read from the standard input.
    #[error("two things on the standard input: expected one of CONTEXT and the files")]
    TwoStdin,
    /// More than one thing to be written to the standard output.
    #[error("two outputs to the standard output: expected one")]
    TwoStdout,
    /// Something to be pushed under no name.
    #[error("nothing says where to push to: expected a name")]
    NoName,
    /// A name that always means the same.
    #[error("bad build context {text:?}: {name} has a meaning of its own, which nothing can take the place of")]
    Reserved {
        /// As written.
        text: String,
        /// The name.
        name: String,
    },
    /// A kind of context that polyarch does not have.
    #[error(
        "bad build context {text:?}: no kind {kind}, expected a folder, a tar, docker-image://, oci-layout://, oci:, oci-archive: or docker-archive:"
    )]
    ContextKind {
        /// As written.
        text: String,
        /// What stands before the colon.
        kind: String,
    },
    /// A level of annotations that a build does not have.
    #[error("bad annotation {text:?}: expected manifest, manifest-descriptor or index before the key, got {level:?}")]
    AnnotationLevel {
        /// As written.
        text: String,
        /// The level as written.
        level: String,
    },
    /// A level where nothing is to be compressed.
    #[error("bad compression level {0}: expected none, for nothing is compressed")]
    NoLevel(i64),
    /// A kind of compression that is left to others.
    #[error("bad compression \"estargz\": expected gzip, zstd, none or uncompressed")]
    Estargz,
    /// No number of seconds.
    #[error("bad SOURCE_DATE_EPOCH {0:?}: expected seconds since 1970, a whole number")]
    Epoch(String),
}

impl WordError {
    /// Says that a word has another form.
    pub(super) fn shape(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self::Shape { what, text: text.to_owned(), expected }
    }
}

impl Fault for WordError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let hint = match self {
            Self::Platform(platform) | Self::Locator(LocatorError::Platform(platform)) => platform.hint()?,
            Self::Address(problem) => return problem.hint(),
            Self::Placeholder { nearest: Some(nearest), .. } => format!("did you mean {{{nearest}}}"),
            Self::TwoStdin => "pack the Dockerfile into the tar: tar -c . | polyarch build -".to_owned(),
            Self::TwoStdout => "write one of them to a file: --output type=oci,dest=FILE".to_owned(),
            Self::NoName => "polyarch build --push -t REGISTRY/NAME:TAG ...".to_owned(),
            Self::TwoFiles { platform: None, .. } => "say which platform one of them is for: -f linux/arm64=FILE".to_owned(),
            Self::ContextKind { kind, .. } if kind == "docker-image" || kind == "oci-layout" => format!("{kind}://..., with two slashes"),
            Self::ContextKind { text, .. } => {
                format!("a folder of that name is ./{}", text.rsplit_once('=').map_or("", |(_, value)| value))
            }
            Self::AnnotationLevel { text, level } => {
                let rest = text.split_once(':').map_or(text.as_str(), |(_, rest)| rest);
                if level == "index-descriptor" { format!("--annotation 'index:{rest}'") } else { format!("--annotation 'manifest:{rest}'") }
            }
            Self::Estargz => "zstd is smaller and as quick to unpack".to_owned(),
            Self::Epoch(_) => "$(git log -1 --format=%ct) is the time of the last commit".to_owned(),
            _ => return None,
        };
        Some(Hint::new(hint))
    }
}
