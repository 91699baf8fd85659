//! The words of `doctor`.

use clap::Args;

use super::registry::Site;

/// Find out what on this machine would stop a build, a push or a run.
///
/// Every check does what it is about, in a folder that is removed again: it starts a process in a sandbox, mounts, writes. A check
/// is ok; or limited, where the work can be done with something less; or missing, where it cannot. What mends it is printed as
/// commands. No registry is asked but the one that is named.
///
/// The exit code is 0 where nothing is missing, and else 1.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch doctor
  polyarch doctor --json ghcr.io")]
pub struct Doctor {
    /// A registry that is asked, too: a host, or a repository there
    #[arg(value_name = "REGISTRY")]
    pub registry: Option<Site>,
}
