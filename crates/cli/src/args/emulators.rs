//! The words of `emulators`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use oci::{Locator, LocatorError};

/// Manage the emulators that run other machines' programs.
#[derive(Debug, Subcommand)]
pub enum EmulatorsCommand {
    /// List the emulators of this machine, its handlers, and what goes wrong with them
    Ls(EmulatorsList),
    /// Put emulators where builds find them
    ///
    /// They are taken from a folder, or out of an image, which is not unpacked for that. What is no static program of this machine that
    /// runs those of another is named and passed over. They are kept beside the local store's images, for whoever uses that store.
    /// Nothing on this machine changes by that: builds register them for themselves alone.
    Install(EmulatorsInstall),
    /// Remove what `install` has put there
    Uninstall {
        /// Remove the handlers that `install --system` has registered, and leave the files
        #[arg(long)]
        system: bool,
    },
}

/// List the emulators of this machine, its handlers, and what goes wrong with them.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch emulators ls
  polyarch emulators ls --emulators /usr/bin --json")]
pub struct EmulatorsList {
    /// Folder whose emulators (QEMU) are taken first
    #[arg(long, value_name = "DIR")]
    pub emulators: Option<PathBuf>,
}

/// Put emulators where builds find them.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch emulators install --from /usr/bin")]
pub struct EmulatorsInstall {
    /// An image in any place, or a folder; without it an image of QEMU that is named by its digest
    #[arg(long, value_name = "IMAGE|DIR", value_parser = origin)]
    pub from: Option<Locator>,
    /// Also register them for every process of this machine until it starts again, as root
    #[arg(long)]
    pub system: bool,
}

fn origin(text: &str) -> Result<Locator, LocatorError> {
    text.parse()
}
