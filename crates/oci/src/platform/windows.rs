//! Windows versions: the names of releases, and which host runs which image.

use std::cmp::Reverse;

/// Builds whose images a later host runs, the stable ABI's long-term releases, oldest first.
const LONG_TERM: &[u32] = &[20348, 26100];

/// Tags of Microsoft's base images and their versions. `21H2` and `23H2` are left out: they mean one build of the
/// server and another of the client.
pub(super) const RELEASES: &[(&str, &str)] = &[
    ("ltsc2016", "10.0.14393"),
    ("1607", "10.0.14393"),
    ("1709", "10.0.16299"),
    ("1803", "10.0.17134"),
    ("ltsc2019", "10.0.17763"),
    ("1809", "10.0.17763"),
    ("1903", "10.0.18362"),
    ("1909", "10.0.18363"),
    ("2004", "10.0.19041"),
    ("20H2", "10.0.19042"),
    ("ltsc2022", "10.0.20348"),
    ("ltsc2025", "10.0.26100"),
];

/// Turns a release's name, or a version of three or four numbers, into a version; `Err` holds a suggestion.
///
/// Two numbers or a word are refused although containerd reads them: it cannot compare such a version and so
/// matches it with everything.
pub(super) fn resolve(text: &str) -> Result<String, Option<&'static str>> {
    if let Some((_, version)) = RELEASES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Ok((*version).to_owned());
    }
    let numbers: Vec<&str> = text.split('.').collect();
    let numeric = numbers.iter().all(|number| number.parse::<u32>().is_ok() && !number.starts_with('+'));
    if numeric && (3..=4).contains(&numbers.len()) {
        return Ok(text.to_owned());
    }
    // `2022` and `20348` are what people cut from `ltsc2022` and `10.0.20348`.
    let cut =
        RELEASES.iter().find(|(name, version)| name.strip_prefix("ltsc") == Some(text) || version.strip_prefix("10.0.") == Some(text));
    Err(cut.map(|(_, version)| *version))
}

/// Reads major, minor and build; a fourth number is the patch level, which never decides.
fn read(version: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

/// Tells whether a host of version `host` runs an image of version `image`.
///
/// Before 20348 the builds must be equal. From then on a host runs images down to the long-term release before its
/// own generation: 26100 and 26200 both go down to 20348. containerd 1.0.0-rc.4 stops 26200 at 26100, rc.5 does not.
pub(super) fn runs(host: Option<&str>, image: Option<&str>) -> bool {
    let (Some(host), Some(image)) = (host.and_then(read), image) else {
        return true;
    };
    let Some(image) = read(image) else {
        return false;
    };
    if (host.0, host.1) != (image.0, image.1) {
        return false;
    }
    let generation = LONG_TERM.iter().rposition(|release| *release <= host.2);
    match generation.and_then(|position| LONG_TERM.get(position.saturating_sub(1))) {
        Some(floor) => (*floor..=host.2).contains(&image.2),
        None => host.2 == image.2,
    }
}

/// Sorts higher versions first, number by number: `10.0.20348.2340` before `10.0.20348.999`, which comparing the
/// texts, as containerd 1.0.0-rc.4 does, gets wrong.
pub(super) fn newest_first(version: Option<&str>) -> Reverse<Vec<u32>> {
    let numbers = version.map(|version| version.split('.').map(|number| number.parse().unwrap_or_default()).collect());
    Reverse(numbers.unwrap_or_default())
}
