//! The words of `inspect` and `digest`.

use clap::Args;
use oci::{Locator, Platform};

/// Show an image: platforms, digests, sizes, attestations.
///
/// The default view of an image in a registry costs one request.
#[derive(Args, Debug)]
pub struct Inspect {
    /// The image, in any place
    #[arg(value_name = "NAME")]
    pub name: Locator,
    /// Show compressed sizes, layers and dates too (two requests a platform)
    #[arg(long)]
    pub full: bool,
    /// Show one image: its config, layers and history
    #[arg(long, value_name = "PLATFORM", conflicts_with = "full")]
    pub platform: Option<Platform>,
    /// Show what speaks for it: signatures, provenance, SBOMs and VEX, of the index and each platform
    #[arg(long, conflicts_with = "raw")]
    pub referrers: bool,
    /// Print fields of the JSON: '{{.digest}}', '{{range .platforms}}{{.platform}} {{.digest}}{{"\n"}}{{end}}', '{{json .}}'
    #[arg(long, value_name = "TEMPLATE", conflicts_with_all = ["json", "raw"])]
    pub format: Option<String>,
    /// Print the exact bytes of the document
    #[arg(long, conflicts_with_all = ["full", "json"])]
    pub raw: bool,
}

/// Print the digest a name points to.
#[derive(Args, Debug)]
pub struct Digest {
    /// The image, in any place
    #[arg(value_name = "NAME")]
    pub name: Locator,
    /// Print the digest of the image for a platform, not that of the index
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
}
