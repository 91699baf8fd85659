//! Images that stages begin with or take files from: found once for all platforms, then chosen for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use content::Source;
use fault::AnyFault;
use oci::{Descriptor, ImageIndex, Matcher, Platform, RawManifest, Selector};
use tokio::sync::OnceCell;

use super::error::ImageError;
use super::releases;
use crate::base::Base;

/// The words that an image is asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    /// A name, as `FROM` and `--from` have it.
    Name(String),
    /// A place, as `--build-context` has it.
    Place(String),
}

impl Asked {
    /// Returns the words.
    pub fn word(&self) -> &str {
        match self {
            Self::Name(word) | Self::Place(word) => word,
        }
    }
}

/// An image that was found: one manifest, or an index of several.
#[derive(Clone)]
pub struct Found {
    /// What it is called in messages.
    pub label: String,
    /// Where its content is.
    pub source: Arc<dyn Source>,
    /// Its document.
    pub root: RawManifest,
}

/// Finds images. Who answers for a name, and saying so, is the business of whoever implements it.
#[async_trait]
pub trait Images: Send + Sync {
    /// Finds an image; it is asked once for each.
    ///
    /// # Errors
    /// Where there is none, or its place does not answer.
    async fn find(&self, asked: &Asked) -> Result<Found, AnyFault>;
}

type Answer<T> = Arc<OnceCell<Result<T, ImageError>>>;

/// The images of one build.
pub(super) struct Bases<'a> {
    images: &'a dyn Images,
    /// An image may be for another machine than is said (`--allow-foreign all`).
    believes: bool,
    found: Mutex<HashMap<Asked, Answer<Found>>>,
    bases: Mutex<HashMap<(Asked, Platform), Answer<Base>>>,
}

impl<'a> Bases<'a> {
    pub(super) fn new(images: &'a dyn Images, believes: bool) -> Self {
        Self { images, believes, found: Mutex::default(), bases: Mutex::default() }
    }

    /// Returns the image for a platform.
    pub(super) async fn base(&self, asked: &Asked, platform: &Platform) -> Result<Base, ImageError> {
        let key = (asked.clone(), platform.normalized());
        let cell = self.bases.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
        cell.get_or_init(|| self.read(asked, platform)).await.clone()
    }

    async fn found(&self, asked: &Asked) -> Result<Found, ImageError> {
        let cell = self.found.lock().unwrap_or_else(PoisonError::into_inner).entry(asked.clone()).or_default().clone();
        cell.get_or_init(|| async { self.images.find(asked).await.map_err(ImageError::found) }).await.clone()
    }

    async fn read(&self, asked: &Asked, platform: &Platform) -> Result<Base, ImageError> {
        let Found { label, source, root } = self.found(asked).await?;
        let Some(index) = root.as_index() else {
            let base = Base::read(&label, source, &root).await?;
            return self.checked(label, base, platform, None);
        };
        let entry = choose(index, platform).ok_or_else(|| ImageError::offers(&label, platform, index))?;
        let manifest = source.manifest(&Selector::Digest(entry.digest.clone())).await?;
        let base = Base::read(&label, source, &manifest).await?.of_index(root.digest());
        self.checked(label, base, platform, entry.platform.as_ref())
    }

    /// Refuses an image whose config says that it is for another machine (an index or a name may say anything).
    fn checked(&self, label: String, base: Base, wanted: &Platform, stated: Option<&Platform>) -> Result<Base, ImageError> {
        let mut says = base.platform().clone();
        if says.variant.is_none() {
            // Configs of 32-bit ARM often leave the variant to the index.
            says.variant = stated.filter(|stated| stated.architecture == says.architecture).and_then(|stated| stated.variant.clone());
        }
        if self.believes {
            return Ok(base);
        }
        if wanted.os == "windows" && says.os == "windows" && says.os_version.is_none() {
            return Err(ImageError::NoVersion { label });
        }
        if runs_on(&says, wanted) {
            return Ok(base);
        }
        let (wanted, says) = (Box::new(wanted.clone()), Box::new(says));
        Err(ImageError::OtherPlatform { label, wanted, says, is_stated: stated.is_some() })
    }
}

/// Tells whether an image for `image` is one for `wanted`: that platform, or a lower level of the same processor. Another
/// processor is another platform, even where machines of `wanted` would run its programs.
fn runs_on(image: &Platform, wanted: &Platform) -> bool {
    let (image, wanted) = (image.normalized(), wanted.normalized());
    if wanted.os == "windows" {
        return image.os == wanted.os && image.architecture == wanted.architecture && releases::is_of(&image, &wanted);
    }
    image.architecture == wanted.architecture && (Matcher::only(&wanted).matches(&image) || image.same_as(&wanted))
}

/// Chooses the entry of an index for a platform: the highest level that it runs.
fn choose<'a>(index: &'a ImageIndex, wanted: &Platform) -> Option<&'a Descriptor> {
    let entries: Vec<(&Descriptor, &Platform)> = images(index).collect();
    let wanted = wanted.normalized();
    if wanted.os == "windows" {
        return releases::choose(&entries, &wanted);
    }
    let same = entries.iter().filter(|(_, platform)| platform.normalized().architecture == wanted.architecture);
    let same: Vec<&(&Descriptor, &Platform)> = same.collect();
    let best = Matcher::only(&wanted).best(same.iter().map(|(_, platform)| *platform));
    let exact = || same.iter().position(|(_, platform)| platform.same_as(&wanted));
    best.or_else(exact).and_then(|at| same.get(at)).map(|(entry, _)| *entry)
}

/// Lists the images of an index with their platforms.
pub(super) fn images(index: &ImageIndex) -> impl Iterator<Item = (&Descriptor, &Platform)> {
    let entries = index.manifests.iter().filter(|entry| entry.media_type.is_manifest() && !entry.is_attestation());
    entries.filter_map(|entry| Some((entry, entry.platform.as_ref()?))).filter(|(_, platform)| !platform.is_unknown())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use oci::{Digest, MediaType};

    use super::*;

    fn chosen(offered: &[&str], wanted: &str) -> Option<String> {
        let entry = |text: &&str| {
            let platform: Platform = text.parse().unwrap();
            serde_json::to_value(Descriptor::new(MediaType::OciManifest, Digest::of(text.as_bytes()), 1).with_platform(platform)).unwrap()
        };
        let manifests: Vec<serde_json::Value> = offered.iter().map(entry).collect();
        let index: ImageIndex = serde_json::from_value(serde_json::json!({"manifests": manifests})).unwrap();
        let wanted = wanted.parse().unwrap();
        choose(&index, &wanted).map(|entry| entry.platform.as_ref().unwrap().to_string())
    }

    #[test]
    fn item_83_a_variant_falls_back_to_a_lower_one_and_a_processor_to_no_other() {
        let arm = ["linux/amd64", "linux/arm/v7", "linux/arm/v5", "linux/386"];
        assert_eq!(chosen(&arm, "linux/arm/v7").as_deref(), Some("linux/arm/v7"));
        assert_eq!(chosen(&arm, "linux/arm/v6").as_deref(), Some("linux/arm/v5"));
        assert_eq!(chosen(&arm, "linux/amd64/v3").as_deref(), Some("linux/amd64"));
        assert_eq!(chosen(&arm, "linux/arm64"), None, "an arm64 machine runs arm/v7, and an arm64 image holds arm64 files");
        assert_eq!(chosen(&["linux/386"], "linux/amd64"), None);
        assert_eq!(chosen(&["linux/arm/v7"], "linux/arm/v6"), None);
        assert_eq!(chosen(&["linux/s390x"], "linux/s390x").as_deref(), Some("linux/s390x"));
    }

    #[test]
    fn a_config_of_a_lower_level_is_one_for_the_platform() {
        let runs = |image: &str, wanted: &str| runs_on(&image.parse().unwrap(), &wanted.parse().unwrap());
        assert!(runs("linux/amd64", "linux/amd64/v2") && runs("linux/arm/v6", "linux/arm/v7") && runs("linux/arm64/v8", "linux/arm64"));
        assert!(!runs("linux/amd64/v2", "linux/amd64") && !runs("linux/arm/v7", "linux/arm64") && !runs("windows/amd64", "linux/amd64"));
    }
}
