//! How much a sandbox may use.

use serde::{Deserialize, Serialize};

/// What all processes of a sandbox may use together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// How many processes and threads there may be at once.
    ///
    /// A control group holds them, where one can be made. Elsewhere the numbers of processes are limited (Linux 6.14), and how
    /// many the user has, which counts that user's other processes too and does not bind the machine's root.
    pub processes: Option<u64>,
    /// How many bytes of memory they may take. This takes a control group.
    pub memory: Option<u64>,
}

impl Bounds {
    /// Room for any build, and a bound for a mistake that goes on multiplying.
    pub const USUAL: Self = Self { processes: Some(8192), memory: None };
}

/// A bound of what one process may use: `ulimit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What is bounded.
    pub resource: Resource,
    /// The bound that counts; none means no bound.
    pub soft: Option<u64>,
    /// How far the process may raise it itself.
    pub hard: Option<u64>,
}

/// What can be bounded, by the names of `setrlimit(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the manual page")]
pub enum Resource {
    Core,
    Cpu,
    Data,
    FileSize,
    Locks,
    LockedMemory,
    MessageQueues,
    Nice,
    OpenFiles,
    Processes,
    ResidentSet,
    RealTimePriority,
    RealTimeTime,
    PendingSignals,
    Stack,
    AddressSpace,
}
