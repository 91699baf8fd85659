//! Bases for Windows, of which every release has its own: a container runs on the one that its image says.

use oci::{Descriptor, Platform};

/// Tells whether a base is of the release that is wanted: the version that was named, or one below it.
pub(super) fn is_of(base: &Platform, wanted: &Platform) -> bool {
    match (&base.os_version, &wanted.os_version) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(base), Some(wanted)) => base == wanted || base.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with('.')),
    }
}

/// Chooses among the images of an index: the newest of the one release that fits. None where it is not one.
pub(super) fn choose<'a>(images: &[(&'a Descriptor, &'a Platform)], wanted: &Platform) -> Option<&'a Descriptor> {
    let is_same = |platform: &Platform| {
        let (platform, wanted) = (platform.normalized(), wanted.normalized());
        platform.os == wanted.os && platform.architecture == wanted.architecture && is_of(&platform, &wanted)
    };
    let mut fitting: Vec<_> = images.iter().filter(|(_, platform)| is_same(platform)).collect();
    let mut releases: Vec<_> = fitting.iter().map(|(_, platform)| release(platform)).collect();
    releases.sort();
    releases.dedup();
    // Among equals the first counts, as everywhere.
    fitting.sort_by_key(|(_, platform)| std::cmp::Reverse(numbers(platform)));
    if releases.len() > 1 { None } else { fitting.first().map(|(entry, _)| *entry) }
}

/// Returns what tells releases apart: a fourth number is the state of its patches.
fn release(platform: &Platform) -> Vec<u64> {
    let mut numbers = numbers(platform);
    numbers.truncate(3);
    numbers
}

fn numbers(platform: &Platform) -> Vec<u64> {
    platform.os_version.iter().flat_map(|version| version.split('.')).map(|number| number.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use oci::{Digest, MediaType};

    use super::*;

    fn chosen(offered: &[&str], wanted: &str) -> Option<String> {
        let platforms: Vec<Platform> = offered.iter().map(|text| text.parse().unwrap()).collect();
        let entries: Vec<Descriptor> =
            offered.iter().map(|text| Descriptor::new(MediaType::OciManifest, Digest::of(text.as_bytes()), 1)).collect();
        let images: Vec<(&Descriptor, &Platform)> = entries.iter().zip(&platforms).collect();
        let entry = choose(&images, &wanted.parse().unwrap())?;
        let at = entries.iter().position(|other| other.digest == entry.digest).unwrap();
        Some(offered[at].to_owned())
    }

    #[test]
    fn a_base_is_of_the_release_that_is_wanted() {
        let old = "windows/amd64:10.0.17763.6893";
        let (patched, new) = ("windows/amd64:10.0.20348.3207", "windows/amd64:10.0.20348.999");
        assert_eq!(chosen(&[old, new, patched], "windows(ltsc2022)/amd64").as_deref(), Some(patched));
        assert_eq!(chosen(&[old, new, patched], new).as_deref(), Some(new));
        assert_eq!(chosen(&[old, patched], "windows(ltsc2019)/amd64").as_deref(), Some(old));
        assert_eq!(chosen(&[old, patched], "windows(ltsc2025)/amd64"), None);
        assert_eq!(chosen(&[old, patched], "windows/amd64"), None, "it has to be said which");
        assert_eq!(chosen(&[patched, "linux/amd64", new], "windows/amd64").as_deref(), Some(patched));
        assert_eq!(chosen(&["windows/amd64"], "windows(ltsc2022)/amd64"), None);
        assert_eq!(chosen(&[old], "windows/arm64"), None);
    }
}
