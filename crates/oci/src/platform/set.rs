//! The platforms that `--platform` names.

use std::fmt;
use std::str::FromStr;

use super::{Platform, PlatformError};

/// Holds normalised platforms without repeats, in the order they were named.
///
/// ```
/// use oci::PlatformSet;
///
/// let set: PlatformSet = "linux/arm64, linux/aarch64,linux/arm".parse()?;
/// assert_eq!(set.to_string(), "linux/arm64,linux/arm/v7");
/// # Ok::<(), oci::PlatformError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PlatformSet(Vec<Platform>);

impl PlatformSet {
    /// Parses the values of a flag that may be repeated, each with commas or without.
    ///
    /// ```
    /// # use oci::{Platform, PlatformSet};
    /// let host = Platform::new("linux", "s390x", None);
    /// let set = PlatformSet::parse_for(["linux/amd64,arm64", "local"], &host)?;
    /// assert_eq!(set.to_string(), "linux/amd64,linux/arm64,linux/s390x");
    /// # Ok::<(), oci::PlatformError>(())
    /// ```
    pub fn parse_for<I>(values: I, host: &Platform) -> Result<PlatformSet, PlatformError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut set = PlatformSet::default();
        for value in values {
            let value = value.as_ref();
            for text in value.split(',').map(str::trim) {
                if text.is_empty() {
                    // The whole value shows where the comma too many is.
                    return Err(PlatformError::Empty { text: value.to_owned() });
                }
                set.insert(&Platform::parse_for(text, host)?);
            }
        }
        Ok(set)
    }

    /// Adds a platform unless it is there under some name, and tells whether it was new.
    pub fn insert(&mut self, platform: &Platform) -> bool {
        let platform = platform.normalized();
        let new = !self.0.contains(&platform);
        if new {
            self.0.push(platform);
        }
        new
    }

    /// Tells whether the set holds this platform, by any of its names.
    pub fn contains(&self, platform: &Platform) -> bool {
        self.0.contains(&platform.normalized())
    }

    /// Goes through the platforms in the order they were named.
    pub fn iter(&self) -> std::slice::Iter<'_, Platform> {
        self.0.iter()
    }

    /// Returns the platforms in the order they were named.
    pub fn as_slice(&self) -> &[Platform] {
        &self.0
    }

    /// Counts the platforms.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether no platform was named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Parses one value, with commas or without, on the platform that this binary was compiled for.
impl FromStr for PlatformSet {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<PlatformSet, PlatformError> {
        PlatformSet::parse_for([text], &Platform::host())
    }
}

impl FromIterator<Platform> for PlatformSet {
    fn from_iter<I: IntoIterator<Item = Platform>>(platforms: I) -> PlatformSet {
        let mut set = PlatformSet::default();
        for platform in platforms {
            set.insert(&platform);
        }
        set
    }
}

impl<'a> IntoIterator for &'a PlatformSet {
    type Item = &'a Platform;
    type IntoIter = std::slice::Iter<'a, Platform>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for PlatformSet {
    type Item = Platform;
    type IntoIter = std::vec::IntoIter<Platform>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for PlatformSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, platform) in self.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(formatter, "{comma}{platform}")?;
        }
        Ok(())
    }
}
