//! The words of `ls`, `rm`, `tag` and `store`.

use std::time::Duration;

use clap::{Args, Subcommand};
use oci::Reference;

use crate::args::IfDigest;

/// List the images in the local store.
#[derive(Args, Debug)]
pub struct List {
    /// Only names that begin with one of these
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// Remove names from the local store.
///
/// Content that no name needs any more goes with the next `polyarch store prune`.
#[derive(Args, Debug)]
pub struct Remove {
    /// Names to remove
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<Reference>,
}

/// Give an image in the local store one more name.
#[derive(Args, Debug)]
pub struct Tag {
    /// The image
    #[arg(value_name = "NAME")]
    pub source: Reference,
    /// Its new name
    #[arg(value_name = "NEW")]
    pub target: Reference,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Move the name only if it points at this digest, or does not exist yet
    #[arg(long, value_name = "DIGEST|absent")]
    pub if_digest: Option<IfDigest>,
}

/// Find, measure, check and tidy the local store.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Print the folder of the local store
    Path,
    /// Tell how much the local store holds
    Du,
    /// Read everything in the local store again and tell what is broken (exit 1 if anything is)
    Check,
    /// Remove content that no name needs
    Prune(Prune),
}

/// Remove content that no name needs.
///
/// Shows the plan, and does it with --apply.
#[derive(Args, Debug)]
pub struct Prune {
    /// Do it
    #[arg(long)]
    pub apply: bool,
    /// Spare content younger than this (30m, 12h, 7d): somebody may be about to name it
    #[arg(long, value_name = "AGE", default_value = "1h", value_parser = duration)]
    pub grace: Duration,
}

/// Reads `90`, `90s`, `30m`, `12h` or `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|character: char| !character.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let scale = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 0,
    };
    match number.parse::<u64>().ok().filter(|_| scale > 0).and_then(|number| number.checked_mul(scale)) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err("expected a number and s, m, h or d".to_owned()),
    }
}
