//! Why a command of a build did not do what it was to do.

use dockerfile::quote;
use fault::{Fault, Hint, Kind};
use layer::LayerError;
use sandbox::{Exit, SandboxError};

use super::output::TAIL;
use crate::differ::DiffError;
use crate::ground::GroundError;
use crate::roots::RootsError;

/// A command that was not run, or did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program says that it failed, or was ended.
    #[error("process {} did not complete successfully: {}", quote(command), ended(*exit))]
    Failed {
        /// Its words.
        command: String,
        /// How it ended.
        exit: Exit,
        /// The last lines that it wrote.
        tail: Vec<String>,
        /// There is no user but root where it ran.
        is_lone: bool,
        /// What ran it, where this machine does not run its programs itself.
        emulator: Option<String>,
        /// Why that runs nothing that the command starts, where it does not.
        unfollowed: Option<Box<SandboxError>>,
    },
    /// It could not be started.
    #[error("process {} could not be run: {problem}", quote(command))]
    Sandbox {
        /// Its words.
        command: String,
        /// Why not.
        problem: SandboxError,
    },
    /// It has nothing to run on.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// Whom it is to run as is not known.
    #[error("unable to find user {user}: {problem}")]
    User {
        /// The user.
        user: String,
        /// Why not.
        problem: Box<LayerError>,
    },
    /// A right that the build was not given.
    #[error("{0} is not allowed")]
    Right(&'static str),
    /// What it needs beside the root cannot be had.
    #[error("{0}")]
    Mount(String),
    /// A secret that is not given.
    #[error("secret {0}: not found")]
    NoSecret(String),
    /// A secret that is no text, for the environment.
    #[error("secret {0}: a variable holds no NUL byte")]
    SecretText(String),
    /// An agent that is not given.
    #[error("unset ssh forward key {0}")]
    NoAgent(String),
    /// What it changed cannot be told.
    #[error(transparent)]
    Diff(#[from] DiffError),
}

fn ended(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit code: {code}"),
        Exit::Signal(signal) => format!("it was ended by signal {signal}"),
        Exit::Killed => "it was stopped".to_owned(),
        Exit::OutOfMemory(code) => format!("exit code: {code}, since there was not enough memory"),
    }
}

/// Tells whether a program ended as one does that its machine refuses to go on with: by a signal, or its shell's word for that.
fn is_crash(exit: Exit) -> bool {
    // SIGILL, SIGTRAP, SIGABRT, SIGBUS and SIGSEGV (signal(7)), which have these numbers on every machine of ours.
    matches!(exit, Exit::Signal(4 | 5 | 6 | 7 | 11) | Exit::Code(132 | 133 | 134 | 135 | 139))
}

impl RunError {
    /// Tells whether there is no shell to read the command.
    pub(crate) fn lacks_shell(&self) -> bool {
        matches!(self, Self::Sandbox { problem: SandboxError::NotFound { program }, .. } if program == "/bin/sh")
    }

    /// Returns the last lines that the program wrote.
    pub fn tail(&self) -> &[String] {
        match self {
            Self::Failed { tail, .. } => tail,
            _ => &[],
        }
    }
}

impl From<RootsError> for RunError {
    fn from(problem: RootsError) -> Self {
        Self::Ground(problem.into())
    }
}

impl Fault for RunError {
    fn kind(&self) -> Kind {
        match self {
            Self::Sandbox { problem, .. } => problem.kind(),
            Self::Ground(problem) => problem.kind(),
            Self::Diff(problem) => problem.kind(),
            Self::Right(_) | Self::NoSecret(_) | Self::NoAgent(_) | Self::SecretText(_) => Kind::Usage,
            Self::Failed { exit: Exit::Killed, .. } => Kind::Interrupted,
            Self::Failed { .. } | Self::User { .. } | Self::Mount(_) => Kind::Build,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            _ if self.lacks_shell() => Some(Hint::new(
                "the image has no shell: write the program and its arguments as RUN [\"program\", \"argument\"], or begin with an image that has one",
            )),
            Self::Sandbox { problem, .. } => problem.hint(),
            Self::Ground(problem) => problem.hint(),
            Self::User { .. } => Some(Hint::new("make the user before, such as by `RUN adduser`, or write its number in USER")),
            Self::Right(right) => Some(Hint::new(format!("add `--allow {right}` if this Dockerfile may have it"))),
            Self::NoSecret(id) => Some(Hint::new(format!("add `--secret id={id},src=FILE` or `--secret id={id},env=VARIABLE`"))),
            Self::NoAgent(id) if id == "default" => Some(Hint::new("add `--ssh default`, with SSH_AUTH_SOCK set by ssh-agent")),
            Self::NoAgent(id) => Some(Hint::new(format!("add `--ssh {id}=SOCKET`"))),
            Self::Diff(problem) => problem.hint(),
            Self::Failed { exit: Exit::OutOfMemory(_), .. } => {
                Some(Hint::new("let the command do less at once, or give this machine more memory"))
            }
            Self::Failed { exit: Exit::Code(126 | 127), unfollowed: Some(refusal), .. } => {
                let mend = refusal.hint().map_or_else(String::new, |hint| format!(": {hint}"));
                Some(Hint::new(format!(
                    "an emulator stands in front of this command, and what the command starts does not run by it{mend}"
                )))
            }
            Self::Failed { exit, emulator: Some(emulator), .. } if is_crash(*exit) => Some(Hint::new(format!(
                "it ran by {emulator}, and emulators crash where a processor does not: try another version of it, move the work to a stage `FROM --platform=$BUILDPLATFORM`, or build on such a machine"
            ))),
            Self::Failed { is_lone: true, exit: Exit::Code(_), .. } => Some(Hint::new(
                "if it wanted another owner or user: there is none but root here, until newuidmap is installed (`apt-get install uidmap`) and /etc/subuid grants some",
            )),
            Self::Failed { tail, .. } if tail.len() == TAIL => Some(Hint::new("`polyarch logs --failed` shows all that it wrote")),
            Self::Failed { .. } | Self::Mount(_) | Self::SecretText(_) => None,
        }
    }
}
