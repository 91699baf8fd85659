//! The tables of names, and the normaliser's rules for an architecture and an operating system.

use super::Platform;

/// Says where an alias is understood.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// In stored documents too: containerd's own list.
    Stored,
    /// Wherever a person types an architecture.
    Typed,
    /// Only as a bare word. After `linux/` containerd would take it for an architecture of that name, silently.
    Joined,
}

/// Pairs a word with the architecture it means.
pub(super) struct Alias {
    pub(super) word: &'static str,
    pub(super) architecture: &'static str,
    /// The variant the word forces; `None` keeps the one given.
    pub(super) variant: Option<&'static str>,
    pub(super) reach: Reach,
}

const fn alias(word: &'static str, architecture: &'static str, variant: Option<&'static str>, reach: Reach) -> Alias {
    Alias { word, architecture, variant, reach }
}

/// Read from containerd/platforms 1.0.0-rc.4 (the `Stored` ones), from `uname -m`, Debian, Rust and .NET (the
/// `Typed` ones) and from Docker Hub's account names (`arm32v7`).
const ALIASES: &[Alias] = &[
    alias("x86_64", "amd64", None, Reach::Stored),
    alias("x86-64", "amd64", None, Reach::Stored),
    alias("x64", "amd64", None, Reach::Typed),
    alias("aarch64", "arm64", None, Reach::Stored),
    alias("arm64v8", "arm64", Some(""), Reach::Joined),
    alias("armv8", "arm64", Some(""), Reach::Joined),
    alias("armv9", "arm64", Some("v9"), Reach::Joined),
    alias("armhf", "arm", Some("v7"), Reach::Stored),
    alias("armv7", "arm", Some("v7"), Reach::Joined),
    alias("armv7l", "arm", Some("v7"), Reach::Joined),
    alias("arm32v7", "arm", Some("v7"), Reach::Joined),
    // `uname -m` of a 64-bit CPU under a 32-bit kernel.
    alias("armv8l", "arm", Some("v8"), Reach::Joined),
    alias("armel", "arm", Some("v6"), Reach::Stored),
    alias("armv6", "arm", Some("v6"), Reach::Joined),
    alias("armv6l", "arm", Some("v6"), Reach::Joined),
    alias("arm32v6", "arm", Some("v6"), Reach::Joined),
    alias("armv5", "arm", Some("v5"), Reach::Joined),
    alias("armv5l", "arm", Some("v5"), Reach::Joined),
    alias("arm32v5", "arm", Some("v5"), Reach::Joined),
    alias("i386", "386", Some(""), Reach::Stored),
    alias("i686", "386", Some(""), Reach::Typed),
    alias("x86", "386", Some(""), Reach::Typed),
    alias("ppc64el", "ppc64le", None, Reach::Typed),
    alias("mips64el", "mips64le", None, Reach::Typed),
    alias("mipsel", "mipsle", None, Reach::Typed),
    alias("loongarch64", "loong64", None, Reach::Typed),
];

/// Go's list, the common ones first: of two equally close names the first is suggested.
pub(super) const SYSTEMS: &[&str] = &[
    "linux",
    "windows",
    "darwin",
    "freebsd",
    "netbsd",
    "openbsd",
    "dragonfly",
    "solaris",
    "illumos",
    "android",
    "ios",
    "aix",
    "plan9",
    "js",
    "hurd",
    "nacl",
    "zos",
];

/// Go's list, the common ones first.
pub(super) const ARCHITECTURES: &[&str] = &[
    "amd64",
    "arm64",
    "arm",
    "386",
    "ppc64le",
    "s390x",
    "riscv64",
    "mips64le",
    "loong64",
    "wasm",
    "ppc64",
    "mips64",
    "mipsle",
    "mips",
    "riscv",
    "s390",
    "ppc",
    "sparc64",
    "sparc",
    "armbe",
    "arm64be",
    "amd64p32",
    "mips64p32",
    "mips64p32le",
];

/// Real architectures and systems that Go has no port for: close to a known word, yet no slip of the finger.
const OTHER_WORDS: &[&str] = &[
    "alpha", "arc", "avr", "hppa", "ia64", "loong32", "m68k", "or1k", "riscv32", "sh4", "sparcv9", "xtensa", "haiku", "none", "redox",
    "unknown", "wasi", "wasip1", "wasip2",
];

/// Words for a system that are too far from its name for the edit distance.
const SYSTEM_SLIPS: &[(&str, &str)] =
    &[("mac", "darwin"), ("macosx", "darwin"), ("osx", "darwin"), ("win", "windows"), ("win32", "windows"), ("win64", "windows")];

/// Lists every alias with the platform it means as a bare word.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Platform)> {
    ALIASES.iter().map(|alias| (alias.word, Platform::new("linux", alias.architecture, alias.variant).normalized()))
}

/// Returns the alias for `word`, which must be lower case.
pub(super) fn find(word: &str) -> Option<&'static Alias> {
    ALIASES.iter().find(|alias| alias.word == word)
}

/// Tells whether `word`, in lower case, names an architecture in any way.
pub(super) fn is_architecture(word: &str) -> bool {
    ARCHITECTURES.contains(&word) || find(word).is_some()
}

/// Normalises the name of an operating system.
pub(super) fn system(os: &str) -> String {
    let os = os.to_lowercase();
    if os == "macos" { "darwin".to_owned() } else { os }
}

/// Replaces an alias of any reach by its architecture, and says which variant goes with it.
pub(super) fn typed<'a>(word: &'a str, variant: Option<&str>) -> (&'a str, Option<String>) {
    match find(word) {
        Some(alias) => (alias.architecture, alias.variant.or(variant).map(str::to_owned)),
        None => (word, variant.map(str::to_owned)),
    }
}

/// Normalises architecture and variant by containerd's rules.
pub(super) fn stored(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let lowered = architecture.to_lowercase();
    let variant = variant.unwrap_or_default().to_lowercase();
    let (architecture, variant) = match find(&lowered).filter(|alias| alias.reach == Reach::Stored) {
        Some(alias) => (alias.architecture.to_owned(), alias.variant.map_or(variant, str::to_owned)),
        None => (lowered, variant),
    };
    let variant = match (architecture.as_str(), variant.as_str()) {
        ("amd64", "v1") | ("arm64", "8" | "v8" | "v8.0") => "",
        ("arm64", "9" | "9.0" | "v9.0") => "v9",
        ("arm", "" | "7") => "v7",
        ("arm", "5") => "v5",
        ("arm", "6") => "v6",
        ("arm", "8") => "v8",
        (_, other) => other,
    };
    let variant = Some(variant.to_owned()).filter(|variant| !variant.is_empty());
    (architecture, variant)
}

/// Returns the system that an unknown word was probably meant to be.
pub(super) fn near_system(word: &str) -> Option<&'static str> {
    nearest_system(word).map(|(_, system)| system)
}

/// Returns the architecture, or an alias of one, that an unknown word was probably meant to be.
pub(super) fn near_architecture(word: &str) -> Option<&'static str> {
    nearest_architecture(word).map(|(_, architecture)| architecture)
}

/// Says what an unknown word alone was probably meant to be.
pub(super) enum Near {
    /// A system.
    System(&'static str),
    /// An architecture or an alias of one.
    Architecture(&'static str),
}

/// Returns the nearest word of either kind; among equals the architecture, which people type alone more often.
pub(super) fn near_either(word: &str) -> Option<Near> {
    let system = nearest_system(word).map(|(distance, word)| (distance, Near::System(word)));
    let architecture = nearest_architecture(word).map(|(distance, word)| (distance, Near::Architecture(word)));
    architecture.into_iter().chain(system).min_by_key(|(distance, _)| *distance).map(|(_, near)| near)
}

fn nearest_system(word: &str) -> Option<(usize, &'static str)> {
    let slip = SYSTEM_SLIPS.iter().find(|(slip, _)| *slip == word).map(|(_, system)| (0, *system));
    slip.or_else(|| nearest(word, SYSTEMS.iter().copied().chain(["macos"])))
}

fn nearest_architecture(word: &str) -> Option<(usize, &'static str)> {
    nearest(word, ARCHITECTURES.iter().copied().chain(ALIASES.iter().map(|alias| alias.word)))
}

fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> Option<(usize, &'static str)> {
    // The longest known name has 11 letters: longer words are no slips, and cost the square of their length.
    if OTHER_WORDS.contains(&word) || word.len() > 16 {
        return None;
    }
    known
        .map(|candidate| (distance(word, candidate), candidate))
        // Two letters must be left in common: `foo` is two edits from `ios`.
        .filter(|(distance, candidate)| *distance <= 2 && word.len().max(candidate.len()) >= distance + 2)
        .min_by_key(|(distance, _)| *distance)
}

/// Counts the edits between two words; two swapped neighbours are one edit, so `arm46` is closer to `arm64` than to
/// `arm`.
fn distance(left: &str, right: &str) -> usize {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let mut best = (above[column] + usize::from(from != to)).min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *from == right[column - 1] && left[row - 1] == *to {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[right.len()]
}
