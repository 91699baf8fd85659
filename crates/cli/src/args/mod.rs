//! The words of the command line. Parsing ends here: what comes out is typed.

mod build;
mod cache;
mod create;
mod doctor;
mod emulation;
mod emulators;
mod foreign;
mod global;
mod login;
mod logs;
mod look;
mod registry;
mod run;
mod serve;
mod shims;
mod store;
mod transfer;

pub use build::{
    AgentWord, AttestationError, Build, BuildAnnotation, BuildArgument, Call, ContextWord, FileSource, Home, ImageOptions, LimitWord,
    Method, NamedContext, NamedSource, NetworkWord, Output, OutputError, Plan, Pointer, Right, RunWordError, RunWords, SOURCE_DATE_EPOCH,
    SecretError, SecretSource, SecretWord, Target, WordError, source_date_epoch,
};
pub use cache::{CacheCommand, CachePrune};
pub use create::{Attestations, Create, IfDigest, MediaType};
pub use doctor::Doctor;
pub use emulation::EmulationWords;
pub use emulators::{EmulatorsCommand, EmulatorsInstall, EmulatorsList};
pub use global::{Global, HostFlag, ProgressFlag};
pub use login::{Login, Logout};
pub use logs::{Logs, LogsCommand};
pub use look::{Digest, Inspect};
pub use registry::{Probe, RegistryCommand, RegistryList, Site, SiteError};
pub use run::{HostnameWord, MountWord, ProgramWordError, PullWord, Run};
pub use serve::{ListenError, Serve, Size};
pub use shims::ShimsCommand;
pub use store::{List, Prune, Remove, StoreCommand, Tag};
pub use transfer::{Copy, Load, Moving, Pull, Push, Save, Sending};

use std::ffi::OsString;

use clap::{Command, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::fronts;

/// One tag, every platform: builds, assembles, copies and serves multi-architecture container images.
#[derive(Debug, Parser)]
#[command(name = "polyarch", version, disable_help_subcommand = true, infer_long_args = false, max_term_width = 100)]
#[command(after_help = "`polyarch help VERB` tells more of a verb, `polyarch help TOPIC` of a topic:
names, platforms, exit-codes, environment.")]
pub struct Polyarch {
    /// What holds for every verb.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

impl Polyarch {
    /// Reads words that may be a whole command line, or the beginning of one that a front goes on with.
    pub fn verb_of(words: &[OsString]) -> Option<Verb> {
        Self::try_parse_from(words).ok().map(|command| command.verb)
    }

    /// Returns the whole tree, with the words of the fronts in it.
    pub fn tree() -> Command {
        fronts::graft(Self::command())
    }
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Build an image for every platform you name
    Build(Box<Build>),
    /// Show bases, platforms and steps of a build, and do nothing
    Plan(Box<Plan>),
    /// Make one tag from images that exist, wherever they are
    Create(Box<Create>),
    /// Show an image: platforms, digests, sizes, attestations
    Inspect(Inspect),
    /// Print the digest a name points to
    Digest(Digest),
    /// Run a program of an image, on this machine's own platform
    ///
    /// The words are those of `docker run`, and nothing stands behind them: no daemon, no container that stays, and nobody needs to be
    /// root. What the program writes to the files of the image is thrown away; its network is this machine's. What stands behind the
    /// image is the program's, flags too.
    ///
    /// The exit code is the program's; 128 and the number of a signal that ended it; 127 where it is not found, 126 where it is none
    /// that can be run, and 125 where something else goes wrong before.
    Run(Box<Run>),
    /// Show the output of a build's steps again
    Logs(Logs),
    /// Send images from the local store to a registry
    Push(Box<Push>),
    /// Fetch images, with all their platforms, into the local store
    Pull(Pull),
    /// Copy an image byte for byte between any two places
    Copy(Box<Copy>),
    /// Hand an image to the Docker on this machine
    Load(Load),
    /// Write images to an archive
    Save(Save),
    /// Offer the local store as a registry on this machine (while CMD runs)
    Serve(Serve),
    /// Store a registry password where docker keeps it
    Login(Login),
    /// Remove a registry password from where docker keeps it
    Logout(Logout),
    /// List the images in the local store
    Ls(List),
    /// Remove names from the local store
    Rm(Remove),
    /// Give an image in the local store one more name
    Tag(Tag),
    /// Find, measure, check and tidy the local store
    Store {
        /// What to do with it.
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Measure and tidy what builds remember
    Cache {
        /// What to do with it.
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Manage the emulators that run other machines' programs
    Emulators {
        /// What to do with them.
        #[command(subcommand)]
        command: EmulatorsCommand,
    },
    /// List platform names, their aliases, and how each runs here
    ///
    /// Native is what this machine runs by itself. Else it is told by what a build or `run` would: a handler that only they have
    /// (private), one that is registered on this machine (the host's), or an emulator in front of each command and of what that
    /// starts (wrapped); or why nothing does. A tiny program of each platform is run to find out. The exit code is 0 all the
    /// same.
    #[command(after_help = "Examples:
  polyarch platforms
  polyarch platforms --binfmt host --json")]
    Platforms(EmulationWords),
    /// Find out what on this machine would stop a build, a push or a run
    ///
    /// Every check does what it is about, in a folder that is removed again: it starts a process in a sandbox, mounts, writes. A check
    /// is ok; or limited, where the work can be done with something less; or missing, where it cannot. What mends it is printed as
    /// commands. No registry is asked but the one that is named.
    ///
    /// The exit code is 0 where nothing is missing, and else 1.
    Doctor(Doctor),
    /// Ask a registry what it has, and what it can
    Registry {
        /// What to ask.
        #[command(subcommand)]
        command: RegistryCommand,
    },
    /// The words of `docker manifest`, without its traps
    Manifest,
    /// The words of manifest-tool
    ManifestTool,
    /// The words of `docker buildx imagetools`
    Buildx,
    /// The words of mquery
    Mquery,
    /// Let docker manifest, manifest-tool and mquery mean polyarch
    Shims {
        /// What to do with them.
        #[command(subcommand)]
        command: ShimsCommand,
    },
    /// Explain a verb or a topic: names, platforms, exit-codes, environment
    Help {
        /// A verb (`create`, `store prune`) or a topic.
        #[arg(value_name = "VERB|TOPIC")]
        words: Vec<String>,
        /// Print the whole command line as Markdown.
        #[arg(long, hide = true)]
        markdown: bool,
    },
    /// Print the completion script of a shell
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Print the version
    Version,
}
