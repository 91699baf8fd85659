//! manifest_tool.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use fault::Failure;

use crate::commands::{Done, Session};
use crate::console::{self, Console};

/// Show which platforms an image is for.
#[derive(Debug, Parser)]
pub struct ManifestTool {
    /// The image
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Reads the words.
pub fn read(words: Vec<OsString>) -> Result<ManifestTool, ExitCode> {
    ManifestTool::try_parse_from(std::iter::once(OsString::from("manifest_tool")).chain(words)).map_err(|error| console::usage(&error))
}

/// Says what went wrong.
pub fn fail(console: &Console, failure: &Failure) -> u8 {
    console.fail(failure);
    1
}

/// Runs it.
pub async fn run(_session: Session, _words: ManifestTool) -> Result<Done, Failure> {
    Ok(Done::Well)
}
