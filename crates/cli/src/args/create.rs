//! The words of `create`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use content::Expected;
use index::Annotation;
use oci::{DigestError, Locator, Platform, PlatformSource};

/// Make one tag from images that exist, wherever they are.
///
/// SOURCE is a name, or a place: oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF],
/// docker-daemon:NAME, store:NAME, docker://NAME, or a path. An index brings all its images.
/// PLATFORM=SOURCE says what a source is for, and takes that one image of an index.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch create --tag hello:1.0 oci:examples/hello
  polyarch create --push -t ghcr.io/acme/api:1 ghcr.io/acme/api:1-amd64 quay.io/acme/api:1-arm64
  polyarch create --push -t ghcr.io/acme/api:1 --replace linux/arm64=oci:dist")]
pub struct Create {
    /// Name of the result; may be repeated, in other repositories and registries too
    #[arg(short, long = "tag", value_name = "NAME")]
    pub tags: Vec<Locator>,
    /// Images to take
    #[arg(value_name = "[PLATFORM=]SOURCE")]
    pub sources: Vec<PlatformSource>,
    /// Send the result to the registry in its name, not to the local store
    #[arg(long)]
    pub push: bool,
    /// Add the sources to what the first tag holds
    #[arg(long)]
    pub append: bool,
    /// Put the sources in the places of the images for their platforms
    #[arg(long)]
    pub replace: bool,
    /// Take the image for a platform out of what the first tag holds
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub remove: Vec<Platform>,
    /// Refuse a result without these platforms
    #[arg(long, value_name = "PLATFORM,...", value_delimiter = ',')]
    pub require: Vec<Platform>,
    /// Leave out sources that do not exist
    #[arg(long)]
    pub ignore_missing: bool,
    /// Believe PLATFORM= and the source's index even where the image's config says something else
    #[arg(long)]
    pub force_platform: bool,
    /// What becomes of the images' attestations
    #[arg(long, value_name = "WHAT", default_value = "keep")]
    pub attestations: Attestations,
    /// Annotate the result: index:KEY=VALUE or manifest-descriptor[PLATFORM]:KEY=VALUE
    #[arg(long = "annotation", value_name = "LEVEL:KEY=VALUE")]
    pub annotations: Vec<Annotation>,
    /// Kind of index; auto is what the images are
    #[arg(long = "type", value_name = "TYPE", default_value = "auto")]
    pub media_type: MediaType,
    /// Write what was made to a file, as JSON
    #[arg(long, value_name = "FILE")]
    pub metadata_file: Option<PathBuf>,
    /// Show the plan and the exact bytes, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Move the tag only if it points at this digest, or does not exist yet
    #[arg(long, value_name = "DIGEST|absent")]
    pub if_digest: Option<IfDigest>,
}

/// Which kind of document the index is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum MediaType {
    /// As the children are.
    Auto,
    /// An OCI image index.
    Oci,
    /// A Docker manifest list.
    Docker,
}

/// What becomes of attestations.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Attestations {
    /// They follow their image.
    Keep,
    /// They are left out.
    Drop,
}

/// What the tag must be before it is moved.
#[derive(Clone, Debug)]
pub struct IfDigest(pub Expected);

impl FromStr for IfDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Ok(Self(if text == "absent" { Expected::Absent } else { Expected::Digest(text.parse()?) }))
    }
}
