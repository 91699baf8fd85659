//! By what the programs of a platform run here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fault::Hint;
use oci::Platform;

use crate::error::install;
use crate::{Answer, Emulator, Handler, Machine, Probe, Trouble};

/// By what programs should run that this machine does not run by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Wish {
    /// The first that works: a private handler, the host's, a wrapper.
    #[default]
    Auto,
    /// A handler that is registered with the kernel, for all of this machine.
    Host,
    /// A handler that only the sandbox has.
    Private,
    /// An emulator in front of the command.
    Wrap,
}

/// What was decided for a platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The platform, as it was given.
    pub platform: Platform,
    /// By what its programs run.
    pub means: Means,
}

/// By what the programs of a platform run.
#[derive(Clone, Debug, PartialEq)]
pub enum Means {
    /// By this machine itself.
    Native,
    /// By a handler that is registered with the kernel.
    Host(Host),
    /// By this emulator, registered for the sandbox alone. What is registered there hides everything of the host's, so all
    /// emulators that there are belong into it: see [`Machine::registration`] and [`Emulator::flags`].
    Private(Emulator),
    /// By this emulator, which the command is an argument of. QEMU leaves to the kernel what the command starts, which has to be
    /// followed for that.
    Wrapped(Emulator),
    /// Not at all.
    None(Obstacle),
}

/// A handler of the host's, and what it takes so that it works in another root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The handler; `None` where it works, and binfmt_misc cannot be seen.
    pub handler: Option<Handler>,
    /// The interpreter, where the kernel looks for it in the root of the program: it has to be bound to this same path there.
    pub bind: Option<PathBuf>,
}

/// Why programs of a platform do not run here, or not as wished.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// It is no Linux platform.
    System,
    /// Its architecture, or the level of it, is not known here.
    Unknown,
    /// It is of this machine, whose processor does not have the level.
    Level,
    /// No handler is registered for it, and no emulator was found.
    Nothing(Machine),
    /// No handler is registered for it.
    NoHandler(Machine),
    /// A handler is registered, and switched off; a 1 in this file switches it on.
    Disabled(PathBuf),
    /// A handler is registered, and its interpreter is not where it was.
    Gone(PathBuf),
    /// A handler is registered without the flag `F`, and its interpreter runs in no root but this one.
    Unfixed(PathBuf),
    /// By the handler that is registered, this became of a probe.
    Handler(PathBuf, Answer),
    /// The kernel should run it by itself, and this became of a probe.
    Kernel(Answer),
    /// No emulator was found.
    NoEmulator(Machine),
    /// An emulator was found, and cannot be used for the reason that it says.
    Unusable(String),
    /// By the emulator that was found, this became of a probe.
    Emulator(PathBuf, Answer),
    /// This machine lets nobody register handlers of their own.
    NoPrivate,
    /// It is of this machine, and a handler for that would be asked to run itself.
    Own,
}

impl Means {
    /// Tells whether set-user-ID programs, such as `sudo`, gain nothing by it: the process has the rights of the emulator.
    ///
    /// It is false where that is not known.
    pub fn loses_setuid(&self) -> bool {
        match self {
            Self::Host(host) => host.handler.as_ref().is_some_and(|handler| !handler.flags.takes_credentials),
            Self::Wrapped(_) => true,
            Self::Native | Self::Private(_) | Self::None(_) => false,
        }
    }

    /// Returns the emulator, where one has been found by us.
    pub fn emulator(&self) -> Option<&Emulator> {
        match self {
            Self::Private(emulator) | Self::Wrapped(emulator) => Some(emulator),
            Self::Native | Self::Host(_) | Self::None(_) => None,
        }
    }

    /// Lists what is known to go wrong with a platform's programs.
    pub fn troubles(&self, platform: &Platform) -> Vec<&'static Trouble> {
        match (self, Machine::of(platform)) {
            (Self::Native | Self::None(_), _) | (_, None) => Vec::new(),
            (_, Some(machine)) => Trouble::of(machine, self.emulator().and_then(|emulator| emulator.version)).collect(),
        }
    }

    /// Returns the file that runs the programs, where one is known.
    pub fn interpreter(&self) -> Option<&Path> {
        match self {
            Self::Host(host) => host.handler.as_ref().map(|handler| handler.path.as_path()),
            _ => self.emulator().map(|emulator| emulator.path.as_path()),
        }
    }
}

impl Obstacle {
    /// Returns what can be done.
    pub fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Nothing(_) | Self::NoEmulator(_) | Self::Unusable(_) | Self::Emulator(..) | Self::Unfixed(_) => return Some(install()),
            Self::Level | Self::Kernel(_) => {
                "build this platform on a machine that has it, and put the parts together by `polyarch create`"
            }
            Self::NoHandler(_) => "`apt-get install qemu-user-static` registers handlers",
            Self::Disabled(path) => return Some(Hint::new(format!("as root: `echo 1 > {}`", path.display()))),
            Self::Gone(_) | Self::Handler(..) => "reinstall what registered it: `apt-get install --reinstall qemu-user-static`",
            Self::NoPrivate => "this takes Linux 6.7 and user namespaces",
            Self::System | Self::Unknown | Self::Own => return None,
        }))
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => formatter.write_str("not a Linux platform"),
            Self::Unknown => formatter.write_str("its architecture or level is not known"),
            Self::Level => formatter.write_str("this processor does not have all instructions of that level"),
            Self::Nothing(machine) => write!(formatter, "no handler is registered for {machine} programs, and no emulator was found"),
            Self::NoHandler(machine) => write!(formatter, "no handler is registered for {machine} programs"),
            Self::Disabled(_) => formatter.write_str("its handler is switched off"),
            Self::Gone(path) => write!(formatter, "its handler's interpreter is gone: {}", path.display()),
            Self::Unfixed(path) => {
                write!(formatter, "its handler is registered without the flag F, and {} cannot run in another root", path.display())
            }
            Self::Handler(path, answer) => write!(formatter, "by its handler {}, a probe {answer}", path.display()),
            Self::Kernel(answer) => write!(formatter, "a probe {answer}"),
            Self::NoEmulator(machine) => write!(formatter, "no emulator for {machine} programs was found"),
            Self::Unusable(reason) => formatter.write_str(reason),
            Self::Emulator(path, answer) => write!(formatter, "by {}, a probe {answer}", path.display()),
            Self::NoPrivate => formatter.write_str("handlers of one's own cannot be registered here"),
            Self::Own => formatter.write_str("it is this machine's own, and an emulator would be asked to run itself"),
        }
    }
}

impl Wish {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Host => "host",
            Self::Private => "private",
            Self::Wrap => "wrap",
        }
    }

    /// Returns what it means, as words that follow "runs".
    pub(crate) const fn way(self) -> &'static str {
        match self {
            Self::Auto => "here",
            Self::Host => "by a handler of the host's",
            Self::Private => "by a private handler",
            Self::Wrap => "by an emulator in front of it",
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// Reads the word for a wish; the error lists all of them.
impl FromStr for Wish {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Auto, Self::Host, Self::Private, Self::Wrap];
        all.into_iter().find(|wish| wish.word() == text).ok_or("expected auto, host, private or wrap")
    }
}

/// Says for a platform why there is no probe for it.
pub(crate) fn probe_for(platform: &Platform) -> Result<Probe, Obstacle> {
    let is_linux = platform.normalized().os == "linux";
    Probe::of(platform).ok_or(if is_linux { Obstacle::Unknown } else { Obstacle::System })
}
