//! The words of `run`.

mod capability;
mod error;
mod hostname;
mod mount;
mod refused;
mod security;
mod variable;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use engine::program::Confinement;
use fault::Failure;
use oci::Platform;

pub use capability::CapabilityWord;
pub use error::ProgramWordError;
pub use hostname::HostnameWord;
pub use mount::{MountFlag, MountWord, TmpfsFlag, VolumeFlag};
pub use refused::ProgramFlags;
pub use security::SecurityWord;
pub use variable::VariableWord;

use super::build::{HostWord, LimitWord, MemorySize, NetworkWord, truth};
use super::emulation::EmulationWords;
use super::foreign::Refused;

/// What runs, what it sees, and what it may.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true, override_usage = "polyarch run [OPTIONS] IMAGE [ARG]...")]
#[command(after_help = "Examples:
  polyarch run hello:1.0
  polyarch run --network none --read-only hello:1.0
  polyarch run --all-platforms hello:1.0
  echo words | polyarch run -i -e NAME=value hello:1.0")]
pub struct Run {
    /// The image, in any place; a name that is not here is pulled. Behind it stands what its program gets
    #[arg(value_name = "IMAGE", required = true, trailing_var_arg = true)]
    pub words: Vec<OsString>,
    /// Pull the image where it is missing, always or never
    #[arg(long, value_name = "missing|always|never", default_value = "missing", hide_default_value = true, hide_possible_values = true)]
    pub pull: PullWord,
    /// The platform of the image; without it this machine's own, or else one that an emulator runs
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// Run the images for all platforms, and show what became of each; exit 1 if any fails
    #[arg(long, conflicts_with_all = ["platform", "interactive", "tty"])]
    pub all_platforms: bool,
    /// By what programs of other machines run.
    #[command(flatten)]
    pub emulation: EmulationWords,
    /// What it is called in messages
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Throw away what the program has written, which is always done
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true",
        hide_default_value = true,
        action = clap::ArgAction::Set,
        value_parser = truth
    )]
    pub rm: bool,
    /// The program, instead of the image's entrypoint and its arguments; "" is none
    #[arg(long, value_name = "PROGRAM", help_heading = "What runs")]
    pub entrypoint: Option<OsString>,
    /// A variable; KEY alone is the one of the environment, or none
    #[arg(short = 'e', long = "env", value_name = "KEY[=VALUE]", value_parser = OsStringValueParser::new().try_map(VariableWord::try_from), help_heading = "What runs")]
    pub variables: Vec<VariableWord>,
    /// A file of variables, one a line
    #[arg(long = "env-file", value_name = "FILE", help_heading = "What runs")]
    pub variable_files: Vec<PathBuf>,
    /// The folder it begins in, which is made if need be
    #[arg(short, long, value_name = "DIR", help_heading = "What runs")]
    pub workdir: Option<String>,
    /// Whom it runs as, by names of the image or by numbers
    #[arg(short, long, value_name = "USER[:GROUP]", help_heading = "What runs")]
    pub user: Option<String>,
    /// Pass the standard input on
    #[arg(short, long, help_heading = "What runs")]
    pub interactive: bool,
    /// Give it a terminal
    #[arg(short, long, help_heading = "What runs")]
    pub tty: bool,
    /// A file or folder of this machine, in the root of the program
    #[arg(short, long = "volume", value_name = "PATH:TARGET[:ro]", help_heading = "What it sees")]
    pub volumes: Vec<VolumeFlag>,
    /// The same, or memory: type=bind,source=PATH,target=PATH[,readonly] or type=tmpfs,target=PATH[,tmpfs-size=SIZE]
    #[arg(long = "mount", value_name = "type=bind|tmpfs,...", help_heading = "What it sees")]
    pub mounts: Vec<MountFlag>,
    /// A folder in memory: size=64m, mode=1777, ro, exec, suid, dev
    #[arg(long, value_name = "TARGET[:OPTIONS]", help_heading = "What it sees")]
    pub tmpfs: Vec<TmpfsFlag>,
    /// Let it write to nothing but what is mounted, and what the image calls volumes
    #[arg(long, help_heading = "What it sees")]
    pub read_only: bool,
    /// The network: default and host are this machine's, none is none
    #[arg(
        long,
        visible_alias = "net",
        value_name = "default|host|none",
        default_value = "default",
        hide_default_value = true,
        help_heading = "What it sees"
    )]
    pub network: NetworkWord,
    /// A name and its addresses, for /etc/hosts
    #[arg(long = "add-host", value_name = "NAME:IP", help_heading = "What it sees")]
    pub hosts: Vec<HostWord>,
    /// What its machine is called [default: as this one]
    #[arg(long, value_name = "NAME", help_heading = "What it sees")]
    pub hostname: Option<HostnameWord>,
    /// The size of /dev/shm [default: 64m]
    #[arg(long = "shm-size", value_name = "BYTES", help_heading = "What it sees")]
    pub shared_memory: Option<MemorySize>,
    /// A limit of each process: nofile=1024:4096, core=0, nproc=unlimited
    #[arg(long = "ulimit", value_name = "TYPE=SOFT[:HARD]", help_heading = "What it may")]
    pub limits: Vec<LimitWord>,
    /// How much memory all of its processes may take
    #[arg(short, long, value_name = "BYTES", help_heading = "What it may")]
    pub memory: Option<MemorySize>,
    /// How many processes and threads there may be; -1 for any number
    #[arg(long = "pids-limit", value_name = "COUNT", allow_negative_numbers = true, help_heading = "What it may")]
    pub processes: Option<i64>,
    /// A capability that it gets beside Docker's usual ones; ALL is every one
    #[arg(long = "cap-add", value_name = "NAME", help_heading = "What it may")]
    pub added: Vec<CapabilityWord>,
    /// A capability of these that it does not get
    #[arg(long = "cap-drop", value_name = "NAME", help_heading = "What it may")]
    pub dropped: Vec<CapabilityWord>,
    /// no-new-privileges, seccomp=unconfined or systempaths=unconfined
    #[arg(long = "security-opt", value_name = "OPTION", help_heading = "What it may")]
    pub security: Vec<SecurityWord>,
    /// Hold nothing back but the machine's devices: all capabilities, no seccomp profile, nothing hidden
    #[arg(long, help_heading = "What it may")]
    pub privileged: bool,
    /// Flags of other tools, refused by name.
    #[command(flatten)]
    pub refused: Refused<ProgramFlags>,
}

/// Whether an image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PullWord {
    /// Where it is not here.
    #[default]
    Missing,
    /// In any case.
    Always,
    /// It is here, or it is not run.
    Never,
}

impl Run {
    /// Passes words that make sense together.
    ///
    /// # Errors
    /// A flag that is not there, and a program whose files are to be kept.
    pub fn check(&self) -> Result<(), Failure> {
        self.refused.check()?;
        if self.rm { Ok(()) } else { Err(ProgramWordError::Kept.into()) }
    }

    /// Returns what is mounted, in order.
    ///
    /// # Errors
    /// [`ProgramWordError::Twice`]
    pub fn mounted(&self) -> Result<Vec<&MountWord>, ProgramWordError> {
        let volumes = self.volumes.iter().map(|flag| &flag.0);
        MountWord::settle(volumes.chain(self.mounts.iter().map(|flag| &flag.0)).chain(self.tmpfs.iter().map(|flag| &flag.0)))
    }

    /// Returns what the program may do.
    pub fn confinement(&self) -> Confinement {
        let mut confinement = if self.privileged {
            Confinement::NONE
        } else {
            Confinement { capabilities: CapabilityWord::settle(&self.added, &self.dropped), ..Confinement::USUAL }
        };
        for word in &self.security {
            match word {
                SecurityWord::NoNewPrivileges(is_set) => confinement.no_new_privileges = *is_set,
                SecurityWord::Unfiltered => confinement.is_filtered = false,
                SecurityWord::Unmasked => confinement.is_masked = false,
                SecurityWord::Nothing => {}
            }
        }
        confinement
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Polyarch, Verb};

    fn read(words: &[&str]) -> Run {
        let words = ["polyarch", "run"].iter().chain(words);
        match Polyarch::try_parse_from(words.clone()).map(|command| command.verb) {
            Ok(Verb::Run(run)) => *run,
            other => panic!("{:?}: {other:?}", words.collect::<Vec<_>>()),
        }
    }

    #[test]
    fn what_stands_behind_the_image_is_the_programs() {
        let run = read(&["-it", "--rm", "-e", "A=1", "image", "-e", "B", "--help", "--", "-q", "--rm=false"]);
        assert_eq!(run.words, ["image", "-e", "B", "--help", "--", "-q", "--rm=false"]);
        assert!(run.interactive && run.tty && run.rm && run.check().is_ok());
        assert_eq!(run.variables.len(), 1);
        assert_eq!(read(&["--", "image", "x"]).words, ["image", "x"]);
        assert!(Polyarch::try_parse_from(["polyarch", "run"]).is_err());
        assert!(Polyarch::try_parse_from(["polyarch", "run", "--no-such-flag", "image"]).is_err());
        for words in [&["--rm=false", "image"][..], &["-d", "image"], &["-p", "80:80", "image"]] {
            assert!(read(words).check().is_err(), "{words:?}");
        }
    }

    #[test]
    fn rights_are_given_and_taken() {
        assert_eq!(read(&["image"]).confinement(), Confinement::USUAL);
        assert_eq!(read(&["--privileged", "--cap-drop=ALL", "image"]).confinement(), Confinement::NONE);
        let run = read(&["--cap-drop=ALL", "--security-opt=no-new-privileges", "--security-opt", "seccomp=unconfined", "image"]);
        let expected =
            Confinement { capabilities: sandbox::Capabilities::NONE, is_filtered: false, is_masked: true, no_new_privileges: true };
        assert_eq!(run.confinement(), expected);
    }

    #[test]
    fn mounts_of_all_flags_are_in_one_order() {
        let run = read(&["--tmpfs=/a/b/c", "-v", "/1:/a/b", "--mount", "type=bind,src=/2,dst=/a", "image"]);
        assert_eq!(run.mounted().unwrap().iter().map(|mount| mount.target()).collect::<Vec<_>>(), ["/a", "/a/b", "/a/b/c"]);
        assert!(read(&["--tmpfs=/a", "-v/1:/a/", "image"]).mounted().is_err());
    }
}
