//! What architectures are called in addresses, and what shows that somebody chooses between them.

/// A processor that downloads are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    Amd64,
    Arm64,
    Arm,
    Ppc64le,
    S390x,
    Riscv64,
}

/// The names, and the argument that has them: `TARGETARCH` as Go does, `TARGETUNAME` as `uname -m` does.
const NAMES: [(&str, Architecture, &str); 13] = [
    ("amd64", Architecture::Amd64, GO),
    ("x86_64", Architecture::Amd64, UNAME),
    ("x86-64", Architecture::Amd64, GO),
    ("linux-x64", Architecture::Amd64, GO),
    ("arm64", Architecture::Arm64, GO),
    ("aarch64", Architecture::Arm64, UNAME),
    ("armv7l", Architecture::Arm, UNAME),
    ("armv7", Architecture::Arm, GO),
    ("armhf", Architecture::Arm, "TARGETDEBARCH"),
    ("ppc64le", Architecture::Ppc64le, GO),
    ("ppc64el", Architecture::Ppc64le, "TARGETDEBARCH"),
    ("s390x", Architecture::S390x, GO),
    ("riscv64", Architecture::Riscv64, GO),
];

const GO: &str = "TARGETARCH";
const UNAME: &str = "TARGETUNAME";

/// What Go's compiler takes for an architecture, beside the names above.
const OF_GO: [&str; 5] = ["386", "arm", "loong64", "mips64le", "ppc64"];

/// What tells a command which machine it is on, or which one is wanted.
const SELECTING: [&str; 14] = [
    "uname",
    "print-architecture",
    "dpkg-architecture",
    "print-arch",
    "$(arch)",
    "`arch`",
    "go env",
    "rustc -v",
    "getconf",
    "lscpu",
    "hosttype",
    "machtype",
    "opsys",
    "platform.machine",
];

/// Parts of the names of variables that hold an architecture.
const OF_VARIABLES: [&str; 7] = ["arch", "platform", "variant", "uname", "machine", "triple", "target"];

/// Names of files that are for every machine, wherever they lie.
const FOR_ALL: [&str; 4] = ["noarch", "_all.deb", "any.whl", "universal"];

impl Architecture {
    /// Returns the argument of every build that has the name as it is written.
    pub fn variable(self, written: &str) -> &'static str {
        NAMES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(written)).map_or(GO, |(.., variable)| variable)
    }
}

/// Finds the architectures that a text names, with the names as they are written. Letters and digits around make another
/// word of a name.
pub fn found_in(text: &str) -> impl Iterator<Item = (Architecture, &str)> {
    let ends = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_ascii_alphanumeric());
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for (name, architecture, _) in NAMES {
        for (at, _) in lower.match_indices(name) {
            let (before, behind) = (lower.get(..at).unwrap_or_default(), lower.get(at + name.len()..).unwrap_or_default());
            if ends(before.chars().next_back()) && ends(behind.chars().next()) {
                found.push((at, architecture, at + name.len()));
            }
        }
    }
    found.sort_unstable();
    found.into_iter().filter_map(move |(at, architecture, end)| Some((architecture, text.get(at..end)?)))
}

/// Returns a value of `GOARCH` that is an architecture, and no variable.
pub fn fixed_value(value: &str) -> Option<&str> {
    let value = value.trim_matches(['"', '\'']);
    let is_known = OF_GO.contains(&value) || NAMES.iter().any(|(name, .., variable)| *name == value && *variable == GO);
    is_known.then_some(value)
}

/// Tells whether a text looks at the platform: then what it names may be one of several branches.
pub fn is_selecting(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    SELECTING.iter().any(|word| lower.contains(word)) || references(&lower).any(|name| OF_VARIABLES.iter().any(|part| name.contains(part)))
}

/// Lists the variables that a text refers to.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split(['$', '%']).skip(1).map(|rest| {
        let name = rest.trim_start_matches('{').trim_start_matches("env:");
        let length = name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(name.len());
        name.get(..length).unwrap_or_default()
    })
}

/// Tells whether a file is for every machine, though its folder is called after one.
pub fn is_for_all(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    FOR_ALL.iter().any(|part| lower.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_words() {
        let names = |text: &str| found_in(text).map(|(_, written)| written.to_owned()).collect::<Vec<_>>();
        assert_eq!(names("tool_linux_amd64.tar.gz"), ["amd64"]);
        assert_eq!(names("Miniconda3-Linux-X86_64.sh"), ["X86_64"]);
        assert_eq!(names("node-v20.1.0-linux-x64.tar.xz"), ["linux-x64"]);
        assert_eq!(names("x86_64-and-aarch64"), ["x86_64", "aarch64"]);
        for none in ["", "camd64", "amd640", "arm64v8", "x86_6", "charm64"] {
            assert!(names(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn whoever_looks_at_the_platform_is_left_alone() {
        for text in ["curl $(uname -m)", "x-${TARGETARCH}", "$ARCH", "$(dpkg --print-architecture)", "${DOCKER_ARCH}", "$Env:PLATFORM"] {
            assert!(is_selecting(text), "{text}");
        }
        for text in ["ARCH=amd64", "$VERSION", "${URL}/amd64", "100%"] {
            assert!(!is_selecting(text), "{text}");
        }
    }
}
