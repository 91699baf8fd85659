//! The words of `cache`.

use std::time::Duration;

use clap::{Args, Subcommand};
use store::CacheWish;

use super::serve::Size;
use super::store::duration;

/// How long what builds remember stays unused where nobody says what goes.
const USUAL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Measure and tidy what builds remember.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Tell how much builds remember
    Du,
    /// Remove what builds remember
    Prune(CachePrune),
}

/// Remove what builds remember.
///
/// Nothing of it is needed: the next build does again what it does not find. Logs of builds go, too. The layers
/// themselves are in the local store, and go with `polyarch store prune` where no name needs them.
///
/// Without a word that says what goes: what no build used for 30 days. Days are told apart, hours are not.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch cache prune --all
  polyarch cache prune --older-than 7d --max-used-space 500MB")]
pub struct CachePrune {
    /// Remove everything
    #[arg(short, long, conflicts_with_all = ["older_than", "filter", "max_used_space"])]
    pub all: bool,
    /// Remove only what no build used for so long: 12h, 7d
    #[arg(long, value_name = "AGE", value_parser = duration)]
    pub older_than: Option<Duration>,
    /// The same in docker's words
    #[arg(long, value_name = "until=AGE", value_parser = until, conflicts_with = "older_than")]
    pub filter: Option<Duration>,
    /// Remove only until at most so much stays: 500MB, 2GiB; what was used longest ago goes first
    #[arg(long, value_name = "SIZE", visible_alias = "keep-storage")]
    pub max_used_space: Option<Size>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl CachePrune {
    /// Tells what is to go.
    pub fn wish(&self) -> CacheWish {
        let most_bytes = self.max_used_space.map(|size| size.0);
        CacheWish { unused_for: self.older_than.or(self.filter).or(self.is_usual().then_some(USUAL)), most_bytes }
    }

    /// Tells whether nobody said what is to go.
    pub const fn is_usual(&self) -> bool {
        !self.all && self.older_than.is_none() && self.filter.is_none() && self.max_used_space.is_none()
    }
}

/// Reads the one filter there is.
fn until(text: &str) -> Result<Duration, String> {
    match text.split_once('=') {
        Some(("until", age)) => duration(age),
        _ => Err("expected until=AGE".to_owned()),
    }
}
