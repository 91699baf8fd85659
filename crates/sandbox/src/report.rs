//! What the caller and the init say to each other.

use serde::{Deserialize, Serialize};

use crate::{Exit, SandboxError};

/// One thing that the caller says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// To start what is handed over: a spec with its control groups, the process's standard input where it has one, and what the
    /// groups are entered by.
    Start,
    /// To send the process a signal.
    Signal(i32),
    /// To end it, if a signal that its terminal is about to send to a group of processes is for it, and would end any other. What is
    /// handed over is closed afterwards.
    Typed {
        /// The signal.
        number: i32,
        /// The group.
        group: i32,
    },
}

/// One thing that the init says, or the process to be on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// A path that will be made for a mount now; told in the order of making.
    Stub(Stub),
    /// The last of these could not be made.
    NoStub,
    /// It could not enter its control groups.
    NoCgroups,
    /// The caller's side of the terminal, which is handed over.
    Terminal,
    /// It waits to be followed, and for whether it is.
    Follow,
    /// What answers the calls of the filter that asks, which is handed over.
    Listener,
    /// Nobody can follow it, for this reason.
    Unfollowed(SandboxError),
    /// The process runs.
    Running,
    /// There will be no process.
    Failed(SandboxError),
    /// The process has ended, and all others with it. A list of what should be somebody's is handed over, if there is one.
    Ended(Exit),
}

/// A file or a folder that is made in the root for something to be mounted on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stub {
    /// Where its folder is in the root, without links.
    pub folder: Vec<u8>,
    /// Its name in that folder.
    pub name: Vec<u8>,
    /// Whether it is a folder itself.
    pub is_folder: bool,
}
