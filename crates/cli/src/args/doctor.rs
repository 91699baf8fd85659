//! The words of `doctor`.

use clap::Args;

use super::registry::Site;

/// What `doctor` is to look at.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch doctor
  polyarch doctor --json ghcr.io")]
pub struct Doctor {
    /// A registry that is asked, too: a host, or a repository there
    #[arg(value_name = "REGISTRY")]
    pub registry: Option<Site>,
}
