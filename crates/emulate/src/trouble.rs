//! What is known to go wrong under emulators: few, and each with the thread where it was told.

use std::fmt;

use crate::{Machine, Version};

/// Something that programs meet under some QEMU and not on their own machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whose programs meet it; empty for those of all machines.
    pub machines: &'static [Machine],
    /// The first version that has it; `None` if all before `until` have.
    pub since: Option<Version>,
    /// The first version of which it is not told any more; `None` if there is none.
    pub until: Option<Version>,
    /// Words of a command that is likely to meet it; empty if no word tells.
    pub programs: &'static [&'static str],
    /// What happens, in one line.
    pub what: &'static str,
    /// Where it was told.
    pub thread: &'static str,
}

const TROUBLES: [Trouble; 6] = [
    Trouble {
        machines: &[],
        since: None,
        until: None,
        programs: &["dotnet"],
        what: ".NET programs may crash or hang: .NET supports no QEMU",
        thread: "https://github.com/dotnet/dotnet-docker/issues/5355",
    },
    Trouble {
        machines: &[],
        since: None,
        until: None,
        programs: &["go"],
        what: "building with Go 1.23 and later may hang",
        thread: "https://github.com/golang/go/issues/70329",
    },
    Trouble {
        machines: &[Machine::Arm, Machine::I386],
        since: None,
        until: None,
        programs: &[],
        what: "listing a folder may fail with \"Value too large for defined data type\", unless the folder is on a tmpfs",
        thread: "https://github.com/ntop/nDPI/pull/3088",
    },
    Trouble {
        machines: &[Machine::Arm64],
        since: None,
        until: version(5, 0),
        programs: &["apt", "apt-get", "dpkg", "ldconfig"],
        what: "installing packages may fail, for ldconfig of Debian 11 crashes",
        thread: "https://github.com/moby/moby/issues/43039",
    },
    Trouble {
        machines: &[Machine::Arm64],
        since: version(5, 1),
        until: version(6, 0),
        programs: &[],
        what: "small programs crash now and then",
        thread: "https://github.com/docker/buildx/issues/542",
    },
    Trouble {
        machines: &[Machine::Arm64],
        since: version(8, 1),
        until: None,
        programs: &["apt", "apt-get", "dpkg", "ldconfig"],
        what: "installing packages may fail, for ldconfig of Debian 11 and of Ubuntu 22.04 crashes at times",
        thread: "https://github.com/tonistiigi/binfmt/issues/245",
    },
];

impl Trouble {
    /// Tells whether a command is likely to meet it, by its words.
    pub fn concerns(&self, command: &str) -> bool {
        let mut words = command.split(|character: char| !(character.is_alphanumeric() || matches!(character, '-' | '_' | '.')));
        words.any(|word| self.programs.contains(&word))
    }

    /// Lists what is known for a machine and a version; without a version, only what all versions have.
    pub(crate) fn of(machine: Machine, version: Option<Version>) -> impl Iterator<Item = &'static Self> {
        TROUBLES.iter().filter(move |trouble| {
            let is_since = trouble.since.is_none_or(|since| version.is_some_and(|version| version >= since));
            let is_until = trouble.until.is_none_or(|until| version.is_some_and(|version| version < until));
            (trouble.machines.is_empty() || trouble.machines.contains(&machine)) && is_since && is_until
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.what, self.thread)
    }
}

const fn version(major: u16, minor: u16) -> Option<Version> {
    Some(Version { major, minor })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads(machine: Machine, version: Option<Version>) -> Vec<&'static str> {
        Trouble::of(machine, version).filter_map(|trouble| trouble.thread.rsplit('/').next()).collect()
    }

    #[test]
    fn a_command_tells_by_its_words() {
        let told = |command: &str| Trouble::of(Machine::Arm64, version(7, 2)).any(|trouble| trouble.concerns(command));
        assert!(told("dotnet restore") && told("cd /src && /usr/bin/dotnet build") && told("go build ./..."));
        assert!(!told("cp dotnet.txt /go-files") && !told("apt-get update"));
    }

    #[test]
    fn versions_have_their_own_troubles() {
        assert_eq!(threads(Machine::Arm64, version(7, 2)), ["5355", "70329"]);
        assert_eq!(threads(Machine::Arm64, version(9, 2)), ["5355", "70329", "245"]);
        assert_eq!(threads(Machine::Arm64, version(4, 2)), ["5355", "70329", "43039"]);
        assert_eq!(threads(Machine::Arm, None), ["5355", "70329", "3088"]);
    }
}
