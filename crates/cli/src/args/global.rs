//! Flags that every verb has.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

/// Flags that mean the same on every verb.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Print what a command reports as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but data, warnings and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell every request, without secrets
    #[arg(long, global = true)]
    pub verbose: bool,
    /// Show progress as a picture (tty), in lines (plain), or not (quiet)
    #[arg(long, global = true, value_name = "HOW", default_value = "auto", hide_possible_values = true)]
    pub progress: ProgressFlag,
    /// Folder of docker's config.json [default: $DOCKER_CONFIG, else ~/.docker]
    #[arg(long, global = true, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Folder of the local store [default: $POLYARCH_STORE, else ~/.local/share/polyarch]
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Speak HTTP to a registry (to every one without HOST)
    #[arg(long, global = true, value_name = "HOST", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    pub plain_http: Vec<HostFlag>,
    /// Do not verify the certificate of a registry (of any without HOST)
    #[arg(long, global = true, value_name = "HOST", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    pub insecure: Vec<HostFlag>,
    /// Trust the certificate authorities in a PEM file too
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_file: Vec<PathBuf>,
}

/// How progress is shown, in buildx's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressFlag {
    /// A picture on a terminal; elsewhere, and with --verbose, a line for each large blob
    Auto,
    /// A line for each blob that was sent or mounted
    Plain,
    /// A picture, also with --verbose
    Tty,
    /// Nothing
    #[value(alias = "none")]
    Quiet,
    /// BuildKit's statuses of a build's steps, a JSON document in each line
    Rawjson,
}

/// Whom a relaxed rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFlag {
    /// Every registry.
    All,
    /// One `HOST[:PORT]`.
    Host(String),
}

impl FromStr for HostFlag {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "*" { Self::All } else { Self::Host(text.to_owned()) })
    }
}
