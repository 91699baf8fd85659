//! The words about programs of other machines.

use std::path::PathBuf;

use clap::Args;
use emulate::Wish;

/// By what programs of other machines run.
#[derive(Args, Clone, Debug)]
pub struct EmulationWords {
    /// By what programs of other machines run: private handlers, the host's, an emulator in front of the command and of all that
    /// it starts; the first that works without this
    #[arg(long, value_name = "auto|host|private|wrap", default_value_t, hide_default_value = true, help_heading = "Other machines")]
    pub binfmt: Wish,
    /// Folder whose emulators (QEMU) are taken first
    #[arg(long, value_name = "DIR", help_heading = "Other machines")]
    pub emulators: Option<PathBuf>,
}
