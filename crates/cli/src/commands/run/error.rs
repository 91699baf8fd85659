//! Why a program is not run, where that is no business of the engine.

use std::io;
use std::path::PathBuf;

use fault::{Fault, Hint, Kind};
use graph::WhyNot;
use oci::{LocatorError, Platform};

/// A program that is not run.
#[derive(Debug, thiserror::Error)]
pub enum RunVerbError {
    /// The image is none by its word.
    #[error(transparent)]
    Locator(#[from] LocatorError),
    /// The word of the image is no text.
    #[error("bad image {0:?}: expected text (UTF-8)")]
    NoText(String),
    /// None of its images is for this machine.
    #[error("{}", self.why_not())]
    NotForHere {
        /// The name.
        label: String,
        /// What this machine is.
        host: Box<Platform>,
        /// The platform that was asked for.
        asked: Option<Box<Platform>>,
        /// What there is.
        offered: Vec<String>,
        /// Why this machine does not run what was asked for, if it does not.
        why: Option<WhyNot>,
    },
    /// Its config says something else than its name or its index.
    #[error("{label} is for {says} by its config, whose programs do not run here, since {}", why.reason)]
    Disagrees {
        /// The name.
        label: String,
        /// What its config says.
        says: Box<Platform>,
        /// Why they do not run.
        why: WhyNot,
    },
    /// A file of variables that cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        problem: io::Error,
    },
    /// A line of it that is no variable. Nothing of it is repeated, which may be a secret.
    #[error("{}:{line}: expected KEY=VALUE or KEY, {got}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line.
        line: usize,
        /// What is there instead.
        got: &'static str,
    },
    /// What is to be mounted is not there.
    #[error("cannot mount {} at {target}", path.display())]
    Source {
        /// What was to be mounted.
        path: PathBuf,
        /// Where.
        target: String,
        /// Why not.
        #[source]
        problem: io::Error,
    },
    /// Nobody types.
    #[error("the standard input is no terminal, which -t and -i together take")]
    NoTerminal,
    /// A stream of this program that cannot be used.
    #[error("cannot pass on the {what}")]
    Stream {
        /// Which.
        what: &'static str,
        /// Why not.
        #[source]
        problem: io::Error,
    },
}

impl RunVerbError {
    fn why_not(&self) -> String {
        let Self::NotForHere { label, host, asked, offered, why } = self else { return String::new() };
        let offers = if offered.is_empty() { "no image that says its platform".to_owned() } else { offered.join(", ") };
        match (asked, why) {
            (None, _) => format!("no image of {label} runs on this machine, which is {host}: it offers {offers}"),
            (Some(asked), None) => format!("no {asked} image in {label}: it offers {offers}"),
            (Some(asked), Some(why)) => format!("programs for {asked} do not run here, since {}; {label} offers {offers}", why.reason),
        }
    }
}

impl Fault for RunVerbError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotForHere { .. } | Self::Disagrees { .. } => Kind::Answer,
            Self::Locator(_) | Self::NoText(_) | Self::Line { .. } | Self::NoTerminal => Kind::Usage,
            Self::Unreadable { .. } | Self::Source { .. } | Self::Stream { .. } => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::NotForHere { why: Some(WhyNot { remedy: Some(remedy), .. }), .. } => return Some(Hint::new(remedy.clone())),
            Self::NotForHere { asked: Some(_), .. } => "leave --platform out, or run it on such a machine",
            Self::NotForHere { asked: None, .. } => "run it on such a machine, or build the image for this one",
            Self::Disagrees { .. } => "its index is wrong, or it is not meant for this machine: polyarch inspect --full tells",
            Self::NoTerminal => "leave -t out: what comes by a pipe or from a file is passed on by -i alone",
            Self::Source { problem, .. } if problem.kind() == io::ErrorKind::NotFound => "make it first: mkdir or touch",
            _ => return None,
        }))
    }
}
