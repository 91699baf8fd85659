//! What a build tells of its work, as values. How it looks is decided by who listens.

use std::sync::Arc;

use oci::Platform;

use crate::run::Stream;

/// A step of a platform's build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepName {
    /// The image that it is for.
    pub platform: Platform,
    /// The name of its stage; none where the file has one stage alone.
    pub stage: Option<String>,
    /// Its place among the steps of that stage, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// The instruction, as it stands in the history.
    pub text: String,
}

impl StepName {
    /// Returns what tells it from all other steps, without its text.
    pub fn in_short(&self) -> String {
        let stage = self.stage.as_ref().map(|stage| format!(" {stage}")).unwrap_or_default();
        format!("[{}{stage} {}/{}]", self.platform, self.number, self.of)
    }
}

/// What commands do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Layers that lie over each other: each command stands on a copy of them.
    Overlays,
    /// Being followed: an emulator runs the command itself, and nothing of what it starts.
    Following,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A step begins.
    Begun(StepName),
    /// The command of a step runs: what it writes was not found as it was before.
    Runs(StepName),
    /// A command has written a line.
    Wrote {
        /// Which.
        step: StepName,
        /// Where to.
        stream: Stream,
        /// The line, without its end.
        line: String,
    },
    /// A step has its layer.
    Done {
        /// Which.
        step: StepName,
        /// It was made before.
        cached: bool,
    },
    /// The command of a step was not run, or did not succeed.
    Failed {
        /// Which.
        step: StepName,
        /// Why, in one line.
        problem: String,
    },
    /// This machine, against what was expected, refuses something to commands, and they do without.
    Limited {
        /// What they do without.
        lacks: Lack,
        /// Why, in one line.
        reason: String,
    },
    /// A layer of a base is looked into.
    Reading {
        /// The image that it is for.
        platform: Platform,
        /// The base.
        base: String,
    },
    /// An image is for another machine, so no test was run in it.
    NotTested {
        /// What it is for.
        platform: Platform,
        /// Why its programs do not run here.
        reason: String,
    },
    /// An optional platform cannot be built.
    LeftOut {
        /// Which.
        platform: Platform,
        /// Why.
        reason: String,
    },
}

/// Where happenings go.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Happening) + Send + Sync>);

impl Progress {
    /// Sends every happening to a listener.
    pub fn to(listener: impl Fn(Happening) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Drops every happening.
    pub fn none() -> Self {
        Self::to(|_| ())
    }

    pub(super) fn tell(&self, happening: Happening) {
        (self.0)(happening);
    }
}
