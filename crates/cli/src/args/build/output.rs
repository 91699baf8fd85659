//! `--output`: where the result of a build goes.

mod error;
mod keys;
mod options;

use std::path::PathBuf;
use std::str::FromStr;

use oci::Reference;

use super::annotation::BuildAnnotation;
use super::compression::CompressionChoice;
pub use error::OutputError;
use options::Options;

/// Where a result goes, and in which form.
///
/// `type=image,name=...,push=true` and the other words of buildx, as one line of CSV; `DIR` alone is a folder that gets
/// the files, and `-` a tar of them on the standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// `type=image`, `type=registry`: an image under its names.
    Image {
        /// Where it goes.
        home: Home,
        /// What points at it in a registry.
        pointer: Pointer,
        /// What the image is like.
        image: Box<ImageOptions>,
    },
    /// `type=oci`: an OCI layout, as an archive or a folder.
    Layout {
        /// Where it is written.
        target: Target,
        /// What the image is like.
        image: Box<ImageOptions>,
    },
    /// `type=docker`: an archive that every Docker loads. Without a target, Docker loads it now.
    Docker {
        /// Where it is written.
        target: Option<Target>,
        /// What the image is like.
        image: Box<ImageOptions>,
    },
    /// `type=tar`: the files, as a tar.
    Tar {
        /// Where it is written; never a folder.
        target: Target,
        /// Whether each platform has a folder of its own in it; where it is not said, it has if there are several.
        split: Option<bool>,
    },
    /// `type=local`: the files, in a folder.
    Local {
        /// The folder.
        folder: PathBuf,
        /// Whether each platform has a folder of its own in it; where it is not said, it has if there are several.
        split: Option<bool>,
    },
}

/// Where an image goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Home {
    /// The local store keeps it.
    #[default]
    Store,
    /// It is sent to the registries in its names.
    Registry,
}

/// What points at an image that is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pointer {
    /// The tags of its names move.
    #[default]
    Tags,
    /// Nothing but its digest, and no tag moves (`push-by-digest=true`).
    Digest,
}

/// What an archive or a layout is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The standard output, as a tar.
    Stdout,
    /// A file, as a tar.
    File(PathBuf),
    /// A folder (`tar=false`).
    Folder(PathBuf),
}

/// What the image of an output is like, as far as it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageOptions {
    /// Its names. As in buildx, they count only where the build has no `--tag`.
    pub names: Vec<Reference>,
    /// How its layers are compressed.
    pub compression: CompressionChoice,
    /// Whether layers of the base are compressed anew where they are compressed in another way.
    pub force_compression: bool,
    /// Whether its documents have OCI's media types, or Docker's.
    pub oci_media_types: Option<bool>,
    /// Its annotations, besides those of the build.
    pub annotations: Vec<BuildAnnotation>,
    /// Whether no file is newer than `SOURCE_DATE_EPOCH`.
    pub rewrite_timestamp: Option<bool>,
}

impl Output {
    /// Returns what a build does without `--output`: an image, pushed or kept in the local store.
    pub fn image(home: Home) -> Self {
        Self::Image { home, pointer: Pointer::default(), image: Box::default() }
    }

    /// Returns what `--load` means.
    pub fn loaded() -> Self {
        Self::Docker { target: None, image: Box::default() }
    }

    /// Returns what the image is like, for an output that is one.
    pub fn image_options(&self) -> Option<&ImageOptions> {
        match self {
            Self::Image { image, .. } | Self::Layout { image, .. } | Self::Docker { image, .. } => Some(image),
            Self::Tar { .. } | Self::Local { .. } => None,
        }
    }

    /// Tells whether it takes the standard output, which nothing else may be written to then.
    pub fn is_stdout(&self) -> bool {
        matches!(
            self,
            Self::Layout { target: Target::Stdout, .. }
                | Self::Docker { target: Some(Target::Stdout), .. }
                | Self::Tar { target: Target::Stdout, .. }
        )
    }
}

impl FromStr for Output {
    type Err = OutputError;

    fn from_str(text: &str) -> Result<Self, OutputError> {
        Options::read(text)?.output()
    }
}

/// Adds `--push` and `--load` to the outputs, as buildx does: an image that is an output already is the one that is pushed,
/// and one that Docker loads is not loaded twice.
pub fn settle(outputs: &[Output], push: bool, load: bool) -> Vec<Output> {
    let mut settled = outputs.to_vec();
    if push {
        let mut found = false;
        for output in &mut settled {
            if let Output::Image { home, .. } = output {
                (*home, found) = (Home::Registry, true);
            }
        }
        if !found {
            settled.push(Output::image(Home::Registry));
        }
    }
    if load && !settled.iter().any(|output| matches!(output, Output::Docker { target: None, .. })) {
        settled.push(Output::loaded());
    }
    if settled.is_empty() {
        settled.push(Output::image(Home::Store));
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_and_load_are_added_once() {
        let settled = |texts: &[&str], push, load| {
            let outputs: Vec<Output> = texts.iter().map(|text| text.parse().unwrap()).collect();
            settle(&outputs, push, load)
        };
        let parse = |text: &str| text.parse::<Output>().unwrap();
        let pushed = Output::image(Home::Registry);
        assert_eq!(settled(&[], false, false), [Output::image(Home::Store)]);
        assert_eq!(settled(&[], true, false), [Output::image(Home::Registry)]);
        assert_eq!(settled(&[], true, true), [pushed.clone(), Output::loaded()]);
        assert_eq!(settled(&["type=oci,dest=a.tar"], false, false), [parse("type=oci,dest=a.tar")]);
        assert_eq!(settled(&["type=oci,dest=a.tar"], true, false), [parse("type=oci,dest=a.tar"), pushed]);
        assert_eq!(settled(&["type=image,name=a/b"], true, false), [parse("type=image,name=a/b,push=true")]);
        assert_eq!(settled(&["type=image,push-by-digest=true"], true, false), [parse("type=registry,push-by-digest=true")]);
        assert_eq!(settled(&["type=docker,dest=a.tar"], false, true), [parse("type=docker,dest=a.tar"), Output::loaded()]);
        assert_eq!(settled(&["type=docker"], false, true), [Output::loaded()]);
    }
}
