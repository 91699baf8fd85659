//! Which image a host takes from an index: containerd's `Only` and `OnlyStrict`.

use super::{Platform, windows};

/// Chooses among the platforms of an index as containerd does on a given host.
///
/// ```
/// use oci::{Matcher, Platform};
///
/// let listed = [Platform::new("linux", "arm", Some("v6")), Platform::new("linux", "arm", Some("v7"))];
/// let host = Matcher::only(&Platform::new("linux", "arm64", None));
/// assert_eq!(host.best(listed.iter()), Some(1));
/// assert!(!host.matches(&Platform::new("linux", "amd64", None)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    host: Platform,
    accepted: Vec<Platform>,
}

/// Sorts candidates: place in the list, then Windows version, then the number of features.
type Rank = (usize, std::cmp::Reverse<Vec<u32>>, std::cmp::Reverse<usize>);

impl Matcher {
    /// Matches everything that `host` runs natively, its own platform best: `arm64` goes down to `arm/v5`, `amd64`
    /// to `386`.
    ///
    /// An `arm64` host of an unknown variant matches nothing, not even itself; so does containerd.
    pub fn only(host: &Platform) -> Matcher {
        let host = host.normalized();
        let accepted = lower_levels(&host)
            .into_iter()
            .map(|(architecture, variant)| Platform::new(&host.os, architecture, Some(&variant)).normalized())
            .collect();
        Matcher { host, accepted }
    }

    /// Matches `platform` alone, under any of its names.
    pub fn strict(platform: &Platform) -> Matcher {
        let host = platform.normalized();
        let accepted = vec![Platform::new(&host.os, &host.architecture, host.variant.as_deref()).normalized()];
        Matcher { host, accepted }
    }

    /// Returns the platforms this matcher takes, normalised and best first, without versions and features.
    ///
    /// ```
    /// # use oci::{Matcher, Platform};
    /// let names: Vec<String> =
    ///     Matcher::only(&Platform::new("linux", "amd64", None)).accepted().iter().map(Platform::to_string).collect();
    /// assert_eq!(names, ["linux/amd64", "linux/386"]);
    /// ```
    pub fn accepted(&self) -> &[Platform] {
        &self.accepted
    }

    /// Tells whether the host runs `candidate`.
    pub fn matches(&self, candidate: &Platform) -> bool {
        self.rank(candidate).is_some()
    }

    /// Returns the position of the best match, the first listed among equals.
    pub fn best<'a>(&self, candidates: impl Iterator<Item = &'a Platform>) -> Option<usize> {
        candidates
            .enumerate()
            .filter_map(|(position, candidate)| Some((self.rank(candidate)?, position)))
            .min()
            .map(|(_, position)| position)
    }

    /// Returns the positions of all that match, best first.
    ///
    /// ```
    /// # use oci::{Matcher, Platform};
    /// let listed = [Platform::new("linux", "386", None), Platform::new("linux", "s390x", None),
    ///     Platform::new("linux", "amd64", None)];
    /// assert_eq!(Matcher::only(&Platform::new("linux", "amd64", None)).order(&listed), [2, 0]);
    /// ```
    pub fn order(&self, candidates: &[Platform]) -> Vec<usize> {
        let mut ranked: Vec<(Rank, usize)> =
            candidates.iter().enumerate().filter_map(|(position, candidate)| Some((self.rank(candidate)?, position))).collect();
        ranked.sort();
        ranked.into_iter().map(|(_, position)| position).collect()
    }

    /// Returns where `candidate` stands; smaller is better.
    fn rank(&self, candidate: &Platform) -> Option<Rank> {
        let mut candidate = candidate.normalized();
        if candidate.os.is_empty() {
            // containerd puts its own operating system where an entry has none.
            candidate.os.clone_from(&self.host.os);
        }
        let place = self.accepted.iter().position(|accepted| {
            (&accepted.os, &accepted.architecture, &accepted.variant) == (&candidate.os, &candidate.architecture, &candidate.variant)
        })?;
        let on_windows = self.host.os == "windows";
        if on_windows {
            // Nano Server lacks win32k, and its hosts ran such images before features were compared.
            candidate.os_features.retain(|feature| feature != "win32k");
            if !windows::runs(self.host.os_version.as_deref(), candidate.os_version.as_deref()) {
                return None;
            }
        }
        if !candidate.os_features.iter().all(|feature| self.host.os_features.contains(feature)) {
            return None;
        }
        let version = candidate.os_version.as_deref().filter(|_| on_windows);
        Some((place, windows::newest_first(version), std::cmp::Reverse(candidate.os_features.len())))
    }
}

/// Lists architecture and variant of all that a normalised host runs, best first.
fn lower_levels(host: &Platform) -> Vec<(&str, String)> {
    let variant = host.variant.as_deref().unwrap_or_default();
    let mut levels = vec![(host.architecture.as_str(), variant.to_owned())];
    match host.architecture.as_str() {
        "amd64" => {
            levels.extend((1..level(variant)).rev().map(|level| ("amd64", format!("v{level}"))));
            levels.push(("386", String::new()));
        }
        "arm" => levels.extend(arm_below(level(variant))),
        "arm64" => levels = arm64_levels(variant),
        _ => {}
    }
    levels
}

/// Reads the number of `v7` or `7`. The small type bounds the list for a host that claims to be `v4000000000`.
fn level(variant: &str) -> u8 {
    variant.strip_prefix('v').unwrap_or(variant).parse().unwrap_or_default()
}

fn arm_below<'a>(level: u8) -> impl Iterator<Item = (&'a str, String)> {
    (5..level).rev().map(|level| ("arm", format!("v{level}")))
}

/// Goes down through 9.x, 8.x and 32-bit arm. 9.0 grew out of 8.5, so 9.x also runs 8.(x+5), and 8.9 was the last.
fn arm64_levels(variant: &str) -> Vec<(&'static str, String)> {
    let Some((major, minor)) = arm64_version(variant) else {
        return Vec::new();
    };
    let (nines, eight) = if major == 9 { (Some(minor), (minor + 5).min(9)) } else { (None, minor) };
    let nines = nines.into_iter().flat_map(|minor| (0..=minor).rev()).map(|minor| ("arm64", format!("v9.{minor}")));
    let eights = (0..=eight).rev().map(|minor| ("arm64", format!("v8.{minor}")));
    nines.chain(eights).chain(arm_below(9)).collect()
}

/// Reads a normalised variant of arm64, where none means 8.0.
fn arm64_version(variant: &str) -> Option<(u8, u8)> {
    match variant.as_bytes() {
        b"" => Some((8, 0)),
        b"v9" => Some((9, 0)),
        [b'v', major @ (b'8' | b'9'), b'.', minor @ b'0'..=b'9'] => Some((major - b'0', minor - b'0')),
        _ => None,
    }
}
