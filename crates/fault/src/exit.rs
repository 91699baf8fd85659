//! The one table of exit codes.

use crate::Kind;

/// A process exit code with its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode {
    number: u8,
    meaning: &'static str,
}

/// Every exit code of polyarch, in the order that `polyarch help exit-codes` prints.
pub const TABLE: [ExitCode; 7] = [
    ExitCode { number: 0, meaning: "done" },
    ExitCode { number: 1, meaning: "the answer is no: a check failed, a difference was found" },
    ExitCode { number: 2, meaning: "bad usage: the words given do not fit together" },
    ExitCode { number: 3, meaning: "a place refused, is unreachable, or holds something broken" },
    ExitCode { number: 4, meaning: "a build step failed" },
    ExitCode { number: 70, meaning: "a bug in polyarch" },
    ExitCode { number: 130, meaning: "interrupted" },
];

impl ExitCode {
    /// Returns the exit code for a kind of problem.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Answer => TABLE[1],
            Kind::Usage => TABLE[2],
            Kind::Place => TABLE[3],
            Kind::Build => TABLE[4],
            Kind::Bug => TABLE[5],
            Kind::Interrupted => TABLE[6],
        }
    }

    /// Returns the number the process ends with.
    pub const fn number(self) -> u8 {
        self.number
    }

    /// Returns what the number means, as one line.
    pub const fn meaning(self) -> &'static str {
        self.meaning
    }
}
