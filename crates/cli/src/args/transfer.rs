//! The words of `copy`, `push`, `pull`, `load` and `save`.

use std::path::PathBuf;

use clap::Args;
use oci::{Locator, Platform, Reference};

use crate::args::IfDigest;

/// What all of them have in common.
#[derive(Args, Clone, Debug, Default)]
pub struct Moving {
    /// Only the images for these platforms, as a smaller index with their attestations
    #[arg(long, value_name = "PLATFORM,...", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What those have in common that write a name somewhere else.
#[derive(Args, Clone, Debug, Default)]
pub struct Sending {
    /// What all of them have.
    #[command(flatten)]
    pub moving: Moving,
    /// Bring signatures, SBOMs and whatever else refers to the image, too
    #[arg(long)]
    pub referrers: bool,
    /// Move the tag only if it points at this digest, or does not exist yet
    #[arg(long, value_name = "DIGEST|absent")]
    pub if_digest: Option<IfDigest>,
}

/// Copy an image byte for byte between any two places.
///
/// Every platform and every attestation is taken, and the digest stays the same. A bare name is in
/// its registry; store:NAME is in the local store.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch copy ghcr.io/acme/api:1.4 registry.example/api:1.4
  polyarch copy --platform linux/amd64,linux/arm64 ghcr.io/acme/api:1.4 oci:dist:1.4
  polyarch copy --all-tags ghcr.io/acme/api registry.example/api
  polyarch copy --referrers ghcr.io/acme/api:1.4 registry.example/api:1.4")]
pub struct Copy {
    /// The image, in any place
    #[arg(value_name = "SRC")]
    pub source: Locator,
    /// Where it goes: NAME[:TAG], or any other place
    #[arg(value_name = "DST")]
    pub target: Locator,
    /// Every tag of the repository SRC, to the same tags of DST
    #[arg(long, short = 'a', conflicts_with_all = ["all_images", "if_digest"])]
    pub all_tags: bool,
    /// Every image of the layout or archive SRC, by its own name
    #[arg(long, conflicts_with = "if_digest")]
    pub all_images: bool,
    /// What others have, too.
    #[command(flatten)]
    pub sending: Sending,
}

/// Send images from the local store to a registry.
///
/// Each goes to the registry in its name; a second name that is not in the store is where the first
/// one goes.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch push ghcr.io/acme/api:1.4
  polyarch push hello:1.0 ghcr.io/acme/hello:1.0")]
pub struct Push {
    /// Images in the local store; the last of two may be another name to push to
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<Reference>,
    /// Every tag that the repository NAME has in the local store
    #[arg(long, short = 'a', conflicts_with = "if_digest")]
    pub all_tags: bool,
    /// What others have, too.
    #[command(flatten)]
    pub sending: Sending,
}

/// Fetch images, with all their platforms, into the local store.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch pull ghcr.io/acme/api:1.4
  polyarch pull --all-tags ghcr.io/acme/api")]
pub struct Pull {
    /// Images in their registries
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<Reference>,
    /// Every tag of the repository NAME
    #[arg(long, short = 'a')]
    pub all_tags: bool,
    /// Bring signatures, SBOMs and whatever else refers to the image, too
    #[arg(long)]
    pub referrers: bool,
    /// What others have, too.
    #[command(flatten)]
    pub moving: Moving,
}

/// Hand an image to the Docker on this machine.
///
/// An engine with the classic image store keeps one platform of an image: its own, unless another
/// one is named.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch load hello:1.0
  polyarch load --platform linux/arm64 hello:1.0
  polyarch load -i images.tar")]
pub struct Load {
    /// The image, in any place; with -i, what the one image of FILE is to be called
    #[arg(value_name = "NAME", required_unless_present = "input")]
    pub name: Option<Locator>,
    /// Load the images of an archive, by the names in it; - is the standard input
    #[arg(long, short, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// What others have, too.
    #[command(flatten)]
    pub moving: Moving,
}

/// Write images to an archive, which every Docker, podman and containerd can load.
///
/// The archive holds an OCI layout with every platform, and the list that `docker load` reads.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch save hello:1.0 -o hello.tar
  polyarch save --platform linux/arm64 hello:1.0 -o hello-arm64.tar")]
pub struct Save {
    /// The images, in any place
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<Locator>,
    /// The archive; without it, standard output that is no terminal
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What others have, too.
    #[command(flatten)]
    pub moving: Moving,
}
