//! The words of `logs`.

use clap::{Args, Subcommand};

/// Show the output of a build's steps again.
///
/// Every build that runs commands keeps what they write in the local store, also one that fails; the last 20 of them stay. What is
/// taken from the cache has written nothing. No secret is in a log, unless a command has printed it.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  polyarch logs
  polyarch logs --failed
  polyarch logs ls")]
pub struct Logs {
    /// The build: its ID, or the beginning of it, or a name that it was for; without one it is the last
    #[arg(value_name = "BUILD")]
    pub build: Option<String>,
    /// Only the steps that failed
    #[arg(long)]
    pub failed: bool,
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<LogsCommand>,
}

/// What else there is to do with logs.
#[derive(Debug, Subcommand)]
pub enum LogsCommand {
    /// List the builds whose output is kept, the newest first
    Ls,
}
