//! Settles what platform an image is for, between what it is called and what its config says.

use oci::Platform;

use crate::IndexError;

/// Compares both and returns the more precise one.
///
/// A config without a variant or a version does not contradict one that was stated: builders of old
/// wrote none. One that states another does.
pub(crate) fn settle(label: &str, stated: Option<&Platform>, config: Option<&Platform>) -> Result<Platform, IndexError> {
    let (stated, config) = match (stated, config) {
        (None, None) => return Err(IndexError::NoPlatform(label.to_owned())),
        (None, Some(one)) | (Some(one), None) => return Ok(one.normalized()),
        (Some(stated), Some(config)) => (stated, config),
    };
    let (wanted, found) = (stated.normalized(), config.normalized());
    let silent = config.variant.is_none() && found.architecture == config.architecture;
    let same_variant = silent || wanted.variant == found.variant;
    let os_version = match (&wanted.os_version, &found.os_version) {
        (Some(one), Some(other)) => more_precise(one, other).map(|version| Some(version.to_owned())),
        (one, other) => Some(other.clone().or_else(|| one.clone())),
    };
    match os_version {
        Some(os_version) if same_variant && wanted.os == found.os && wanted.architecture == found.architecture => {
            let os_features = if wanted.os_features.is_empty() { found.os_features } else { wanted.os_features };
            let variant = if silent { wanted.variant } else { found.variant };
            Ok(Platform { os_version, os_features, ..Platform::new(&wanted.os, &wanted.architecture, variant.as_deref()) })
        }
        _ => Err(IndexError::Disagrees { source_label: label.to_owned(), stated: Box::new(wanted), config: Box::new(found) }),
    }
}

/// Joins both letter for letter: what is stated counts, and the config adds what it leaves out.
pub(crate) fn as_stated(stated: Option<&Platform>, config: Option<&Platform>) -> Platform {
    let (Some(stated), Some(config)) = (stated, config) else { return stated.or(config).cloned().unwrap_or_default() };
    let mut platform = stated.clone();
    if platform.os.is_empty() && platform.architecture.is_empty() {
        platform.os.clone_from(&config.os);
        platform.architecture.clone_from(&config.architecture);
    }
    platform.variant = platform.variant.or_else(|| config.variant.clone());
    platform.os_version = platform.os_version.or_else(|| config.os_version.clone());
    if platform.os_features.is_empty() {
        platform.os_features.clone_from(&config.os_features);
    }
    platform
}

/// `10.0.20348` and `10.0.20348.2340` speak of one version, `10.0.2034` of another.
fn more_precise<'a>(one: &'a str, other: &'a str) -> Option<&'a str> {
    let begins = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if begins(one, other) {
        Some(one)
    } else if begins(other, one) {
        Some(other)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(stated: Option<&str>, config: Option<&str>) -> Result<String, String> {
        let platform = |text: &str| {
            // As it stands in a document: the parser would normalise it.
            let (text, version) = text.split_once(':').map_or((text, None), |(text, version)| (text, Some(version)));
            let mut parts = text.split('/');
            let mut next = || parts.next().unwrap_or_default().to_owned();
            let (os, architecture, variant) = (next(), next(), next());
            let mut platform = Platform::new(&os, &architecture, Some(variant.as_str()).filter(|variant| !variant.is_empty()));
            platform.os_version = version.map(ToOwned::to_owned);
            platform
        };
        let settled = settle("x", stated.map(platform).as_ref(), config.map(platform).as_ref());
        settled.map(|platform| platform.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_stated_comes_from_the_config_letter_for_letter() {
        let config = Platform { os_version: Some("1.2".to_owned()), ..Platform::new("linux", "arm", Some("v6")) };
        let joined = |os: &str, architecture: &str, variant: Option<&str>| {
            as_stated(Some(&Platform::new(os, architecture, variant)), Some(&config)).to_string()
        };
        assert_eq!(joined("linux", "arm", None), "linux/arm/v6:1.2");
        assert_eq!(joined("linux", "arm", Some("v7")), "linux/arm/v7:1.2");
        // One of both alone is what was meant, however little sense it makes.
        assert_eq!(joined("linux", "", None), "linux/unknown/v6:1.2");
        assert_eq!(joined("", "", Some("v5")), "linux/arm/v5:1.2");
        assert_eq!(as_stated(None, Some(&config)), config);
    }

    #[test]
    fn the_more_precise_one_wins_and_contradictions_are_found() {
        for (stated, config, result) in [
            (None, "linux/arm", Some("linux/arm/v7")),
            (Some("linux/arm/v6"), "linux/arm", Some("linux/arm/v6")),
            (Some("linux/arm/v6"), "linux/arm/v7", None),
            (Some("linux/arm64/v8"), "linux/arm64", Some("linux/arm64")),
            (Some("linux/amd64/v2"), "linux/amd64", Some("linux/amd64/v2")),
            (Some("linux/amd64"), "linux/amd64/v2", None),
            (Some("linux/s390x"), "linux/amd64", None),
            (Some("windows/amd64"), "windows/amd64:10.0.20348.2340", Some("windows/amd64:10.0.20348.2340")),
            (Some("windows/amd64:10.0.20348"), "windows/amd64:10.0.20348.2340", Some("windows/amd64:10.0.20348.2340")),
            (Some("windows/amd64:10.0.2034"), "windows/amd64:10.0.20348.2340", None),
            (Some("linux/armhf"), "linux/arm/v7", Some("linux/arm/v7")),
        ] {
            let got = settled(stated, Some(config));
            assert_eq!(got.as_deref().ok(), result, "{stated:?} and {config}: {got:?}");
        }
        assert!(settled(None, None).is_err());
    }
}
