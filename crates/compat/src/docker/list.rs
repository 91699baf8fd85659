//! A list that is being made: its images, and how they change.

use std::collections::BTreeSet;

use oci::{Descriptor, Digest, Platform, Reference};

use super::entry::{Entry, Location};
use super::error::DockerError;
use super::folder::file_name;
use super::platforms::is_supported;

/// The images of a list, in the order of docker's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    name: Reference,
    entries: Vec<Entry>,
    /// Files that it had and has no more.
    gone: Vec<String>,
    /// Files that are another one now: only they are written, as somebody else may change the others meanwhile.
    changed: BTreeSet<String>,
}

/// What `annotate` is told. An empty text is "not given", as in docker.
#[derive(Clone, Debug, Default)]
pub struct Annotate {
    /// The operating system.
    pub os: String,
    /// The architecture.
    pub architecture: String,
    /// The variant; docker takes any.
    pub variant: String,
    /// The version of the operating system.
    pub os_version: String,
    /// Features to add; none can be taken away.
    pub os_features: Vec<String>,
}

/// What became of a source's old images when it was read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The image.
    pub reference: Reference,
    /// The platform that it was said to be for, and is no more.
    pub platform: Platform,
}

impl List {
    /// Makes a list of what it holds.
    pub fn new(name: Reference, entries: Vec<Entry>) -> Self {
        let mut list = Self { name, entries, gone: Vec::new(), changed: BTreeSet::new() };
        list.sort();
        list
    }

    /// Returns the list's name.
    pub const fn name(&self) -> &Reference {
        &self.name
    }

    /// Returns its images.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the files that it had and has no more.
    pub(super) fn gone(&self) -> &[String] {
        &self.gone
    }

    /// Tells whether it is another one than it was made of.
    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty() || !self.gone.is_empty()
    }

    /// Returns the files that are other ones now.
    pub(super) const fn changed(&self) -> &BTreeSet<String> {
        &self.changed
    }

    /// Finds an image by its name, or by the locator it came from.
    pub fn find(&self, image: &str) -> Option<&Entry> {
        let named = image.parse::<Reference>().ok().map(|reference| file_name(&reference));
        let is_meant = |entry: &&Entry| match &entry.location {
            Location::Elsewhere(locator) if locator == image => true,
            _ => named.as_ref().is_some_and(|named| *named == file_name(&entry.reference)),
        };
        self.entries.iter().find(is_meant)
    }

    /// Takes in what a source is now, in the place of what it was. An image that is the same stays
    /// as it was annotated; one that is new has the platform of its own config. Returns the images
    /// whose annotations went that way.
    ///
    /// An image that was named for itself keeps its place: the list's own tag does not bring back what stood there for its
    /// platform.
    ///
    /// # Errors
    /// Where two images would be kept in one file.
    pub fn take(&mut self, source: &Reference, new: Vec<Entry>) -> Result<Vec<Forgotten>, DockerError> {
        let mut forgotten = Vec::new();
        refuse_several_platforms(&new)?;
        let new: Vec<Entry> = new.into_iter().filter(|entry| !self.is_replaced(entry)).collect();
        for entry in &new {
            let file = file_name(&entry.reference);
            let other = self.entries.iter().find(|old| file_name(&old.reference) == file && old.reference != entry.reference);
            if let Some(other) = other {
                let (one, other) = (other.reference.to_string(), entry.reference.to_string());
                return Err(DockerError::SameFile { one, other, file });
            }
            self.give_way_to(entry);
        }
        // An index that was read before may have had other images.
        let is_from = |old: &Entry| match new.first().map(|entry| &entry.location) {
            Some(Location::Elsewhere(locator)) => matches!(&old.location, Location::Elsewhere(other) if other == locator),
            _ => is_of(old, source) || (old.reference == *source && old.location == Location::Named),
        };
        let is_stale = |old: &Entry| is_from(old) && !new.iter().any(|entry| entry.reference == old.reference);
        self.drop_where(is_stale);
        for entry in new {
            match self.entries.iter_mut().find(|old| old.reference == entry.reference) {
                Some(old) if old.descriptor.digest == entry.descriptor.digest => {
                    // What was annotated stays; bytes that were not kept are kept now.
                    let descriptor = Descriptor { platform: old.descriptor.platform.clone(), ..entry.descriptor.clone() };
                    let new = Entry { descriptor, ..entry };
                    if *old != new {
                        self.changed.insert(file_name(&new.reference));
                        *old = new;
                    }
                }
                Some(old) => {
                    if old.platform() != entry.platform() {
                        forgotten.push(Forgotten { reference: old.reference.clone(), platform: old.platform() });
                    }
                    self.changed.insert(file_name(&entry.reference));
                    *old = entry;
                }
                None => {
                    self.changed.insert(file_name(&entry.reference));
                    self.entries.push(entry);
                }
            }
        }
        self.drop_orphans();
        self.sort();
        Ok(forgotten)
    }

    /// Takes away what the list had from its own tag in the registry for the platform of a new image.
    fn give_way_to(&mut self, new: &Entry) {
        let platform = new.platform();
        if platform.os.is_empty() || new.descriptor.is_attestation() {
            return;
        }
        let name = self.name.clone();
        self.drop_where(|old| {
            is_of(old, &name) && old.reference != new.reference && !old.descriptor.is_attestation() && old.platform().same_as(&platform)
        });
    }

    /// Tells whether something else was named for the platform of an image that the list's own tag has.
    fn is_replaced(&self, new: &Entry) -> bool {
        let (platform, name) = (new.platform(), &self.name);
        let replaces = |old: &Entry| !old.descriptor.is_attestation() && !is_of(old, name) && old.platform().same_as(&platform);
        is_of(new, name) && !platform.os.is_empty() && !new.descriptor.is_attestation() && self.entries.iter().any(replaces)
    }

    /// Notes that the list's own tag is the list itself now.
    pub fn was_pushed(&mut self, pushed: &Digest) {
        let name = self.name.clone();
        for entry in self.entries.iter_mut().filter(|entry| is_of(entry, &name)) {
            if let Location::Child { digest, .. } = &mut entry.location
                && digest != pushed
            {
                digest.clone_from(pushed);
                self.changed.insert(file_name(&entry.reference));
            }
        }
    }

    /// Takes away attestations of images that are not in the list any more.
    fn drop_orphans(&mut self) {
        let images: Vec<Digest> = self.entries.iter().map(|entry| entry.descriptor.digest.clone()).collect();
        self.drop_where(|entry| entry.descriptor.attests().is_some_and(|subject| !images.contains(&subject)));
    }

    fn drop_where(&mut self, is_dropped: impl Fn(&Entry) -> bool) {
        let (dropped, kept) = std::mem::take(&mut self.entries).into_iter().partition(is_dropped);
        self.entries = kept;
        self.gone.extend(dropped.iter().map(|entry: &Entry| file_name(&entry.reference)));
    }

    fn sort(&mut self) {
        self.entries.sort_by_cached_key(|entry| file_name(&entry.reference));
        let here: Vec<String> = self.entries.iter().map(|entry| file_name(&entry.reference)).collect();
        self.gone.retain(|file| !here.contains(file));
    }

    /// Changes what the list says of an image's platform.
    ///
    /// # Errors
    /// Where it is in no such list, or docker does not know the platform that it would have.
    pub fn annotate(&mut self, image: &str, words: &Annotate) -> Result<(), DockerError> {
        let found = self.find(image).map(|entry| entry.reference.clone());
        let Some(entry) = self.entries.iter_mut().find(|entry| Some(&entry.reference) == found.as_ref()) else {
            let has = self.entries.iter().map(|entry| entry.reference.to_string()).collect();
            return Err(DockerError::NotInList { image: image.to_owned(), list: self.name.to_string(), has });
        };
        self.changed.insert(file_name(&entry.reference));
        let platform = entry.descriptor.platform.get_or_insert_default();
        let set = |field: &mut String, word: &str| {
            if !word.is_empty() {
                word.clone_into(field);
            }
        };
        set(&mut platform.os, &words.os);
        set(&mut platform.architecture, &words.architecture);
        for feature in &words.os_features {
            if !platform.os_features.contains(feature) {
                platform.os_features.push(feature.clone());
            }
        }
        let given = |word: &String| Some(word.clone()).filter(|word| !word.is_empty());
        platform.variant = given(&words.variant).or_else(|| platform.variant.take());
        platform.os_version = given(&words.os_version).or_else(|| platform.os_version.take());
        if is_supported(&platform.os, &platform.architecture) {
            return Ok(());
        }
        Err(DockerError::Unsupported { os: platform.os.clone(), architecture: platform.architecture.clone() })
    }
}

/// Tells whether an image came with a source that was an index.
fn is_of(entry: &Entry, source: &Reference) -> bool {
    matches!(&entry.location, Location::Child { index, .. } if index == source)
}

/// Docker keeps one file for a digest, so that a list cannot say two things of it.
fn refuse_several_platforms(new: &[Entry]) -> Result<(), DockerError> {
    let same = |one: &Entry, other: &Entry| one.reference == other.reference && one.platform() != other.platform();
    for (at, one) in new.iter().enumerate() {
        if let Some(other) = new.iter().skip(at + 1).find(|other| same(one, other)) {
            let (image, one, other) = (Box::new(one.reference.clone()), one.platform().to_string(), other.platform().to_string());
            return Err(DockerError::SeveralPlatforms { image, one, other });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use testkit::fixtures::{BuiltImage, Image, attestation_entry, attestation_for};

    use super::*;

    fn entry(name: &str, image: &BuiltImage) -> Entry {
        Entry::new(name.parse().unwrap(), image.descriptor(), &image.manifest)
    }

    /// One that came with an index.
    fn child(index: &str, image: &BuiltImage) -> Entry {
        let location = Location::Child { index: named(index), digest: Digest::of(b"the index") };
        Entry { location, ..entry(&format!("{index}@{}", image.digest()), image) }
    }

    fn named(name: &str) -> Reference {
        name.parse().unwrap()
    }

    fn names(list: &List) -> Vec<String> {
        list.entries().iter().map(|entry| entry.reference.to_string()).collect()
    }

    #[test]
    fn images_stand_in_the_order_of_their_files() {
        let image = Image::new("linux/amd64").build();
        let list = List::new(named("r.io/app:1"), vec![entry("r.io/app:b", &image), entry("r.io/app:a", &image)]);
        assert_eq!(names(&list), ["r.io/app:a", "r.io/app:b"]);
    }

    #[test]
    fn an_image_that_is_the_same_stays_annotated_and_another_one_does_not() {
        let (old, new) = (Image::new("linux/arm").build(), Image::new("linux/arm").text("new").build());
        let mut list = List::new(named("r.io/app:1"), vec![entry("r.io/app:arm", &old)]);
        list.annotate("r.io/app:arm", &Annotate { variant: "v6".into(), os_features: vec!["a".into(), "a".into()], ..Annotate::default() })
            .unwrap();
        assert_eq!(list.take(&named("r.io/app:arm"), vec![entry("r.io/app:arm", &old)]).unwrap(), []);
        assert_eq!(list.entries()[0].platform().variant.as_deref(), Some("v6"));
        let forgotten = list.take(&named("r.io/app:arm"), vec![entry("r.io/app:arm", &new)]).unwrap();
        assert_eq!((forgotten.len(), list.entries()[0].platform().variant.clone()), (1, None));
        assert_eq!(list.entries()[0].descriptor.digest, *new.digest());
    }

    #[test]
    fn what_came_from_the_list_s_own_tag_gives_way_to_a_new_image_for_its_platform() {
        let (old, arm, new) =
            (Image::new("linux/amd64").build(), Image::new("linux/arm64").build(), Image::new("linux/amd64").text("n").build());
        let attestation = attestation_for(&old);
        let at = |image: &BuiltImage| format!("r.io/app:1@{}", image.digest());
        let own = |image: &BuiltImage| child("r.io/app:1", image);
        let attested = Entry::new(named(&at(&attestation)), attestation_entry(&attestation, &old), &attestation.manifest);
        let attested = Entry { location: own(&old).location, ..attested };
        let mut list = List::new(named("r.io/app:1"), vec![own(&old), own(&arm), attested]);
        list.take(&named("r.io/app:new"), vec![entry("r.io/app:new", &new)]).unwrap();
        assert_eq!(names(&list), [at(&arm), "r.io/app:new".to_owned()]);
        assert_eq!(list.gone().len(), 2, "{:?}", list.gone());
        // Nor does the tag bring it back when it is read again; what is new there comes.
        let riscv = Image::new("linux/riscv64").build();
        list.take(&named("r.io/app:1"), vec![own(&old), own(&arm), own(&riscv)]).unwrap();
        let mut expected = [at(&arm), at(&riscv), "r.io/app:new".to_owned()];
        expected.sort_by_key(|name| file_name(&named(name)));
        assert_eq!(names(&list), expected);
    }

    #[test]
    fn an_image_that_was_named_with_its_digest_stays() {
        let (pinned, moved) = (Image::new("linux/amd64").build(), Image::new("linux/amd64").text("2").build());
        let at = format!("r.io/app:1@{}", pinned.digest());
        for (one, other) in [(("r.io/app:1", &moved), (at.as_str(), &pinned)), ((&at, &pinned), ("r.io/app:1", &moved))] {
            // The list's own tag, and another list's.
            for list in ["r.io/app:1", "r.io/app:2"] {
                let mut list = List::new(named(list), Vec::new());
                for (name, image) in [one, other] {
                    list.take(&named(name), vec![entry(name, image)]).unwrap();
                }
                assert_eq!(names(&list), ["r.io/app:1", at.as_str()]);
            }
        }
    }

    #[test]
    fn one_image_for_two_platforms_is_refused_rather_than_lost() {
        let image = Image::new("linux/amd64").build();
        let mut i386 = child("r.io/app:multi", &image);
        i386.descriptor.platform = Some("linux/386".parse().unwrap());
        let mut list = List::new(named("r.io/app:1"), Vec::new());
        let error = list.take(&named("r.io/app:multi"), vec![child("r.io/app:multi", &image), i386]).unwrap_err();
        assert!(matches!(error, DockerError::SeveralPlatforms { .. }), "{error}");
        assert!(list.entries().is_empty());
    }

    #[test]
    fn only_what_changed_is_written() {
        let (one, two) = (Image::new("linux/amd64").build(), Image::new("linux/arm64").build());
        let mut list = List::new(named("r.io/app:1"), vec![entry("r.io/app:a", &one), entry("r.io/app:b", &two)]);
        list.take(&named("r.io/app:a"), vec![entry("r.io/app:a", &one)]).unwrap();
        assert!(list.changed().is_empty());
        list.annotate("r.io/app:b", &Annotate { variant: "v9".into(), ..Annotate::default() }).unwrap();
        assert_eq!(list.changed().iter().collect::<Vec<_>>(), ["r.io_app-b"]);
    }

    #[test]
    fn a_push_makes_the_list_s_own_tag_what_the_list_is() {
        let (own, other) = (Image::new("linux/amd64").build(), Image::new("linux/arm64").build());
        let mut list = List::new(named("r.io/app:1"), vec![child("r.io/app:1", &own), child("r.io/app:2", &other)]);
        list.was_pushed(&Digest::of(b"pushed"));
        let bases = |list: &List| -> Vec<bool> {
            let is = |entry: &Entry| matches!(&entry.location, Location::Child { digest, .. } if *digest == Digest::of(b"pushed"));
            list.entries().iter().map(is).collect()
        };
        assert_eq!((bases(&list), list.changed().len()), (vec![true, false], 1));
    }

    #[test]
    fn an_index_that_is_read_again_brings_only_what_it_has_now() {
        let (one, two) = (Image::new("linux/amd64").build(), Image::new("linux/amd64").text("2").build());
        let at = |image: &BuiltImage| format!("r.io/app:multi@{}", image.digest());
        let child = |image: &BuiltImage| child("r.io/app:multi", image);
        let mut list = List::new(named("r.io/app:1"), vec![child(&one)]);
        list.take(&named("r.io/app:multi"), vec![child(&two)]).unwrap();
        assert_eq!(names(&list), [at(&two)]);
        // The name may be a single image's by then, and an index's again.
        list.take(&named("r.io/app:multi"), vec![entry("r.io/app:multi", &one)]).unwrap();
        assert_eq!(names(&list), ["r.io/app:multi"]);
        list.take(&named("r.io/app:multi"), vec![child(&two)]).unwrap();
        assert_eq!(names(&list), [at(&two)]);
    }

    #[test]
    fn a_place_on_this_machine_replaces_what_it_had_and_nothing_else() {
        let (one, two, riscv) =
            (Image::new("linux/s390x").build(), Image::new("linux/s390x").text("2").build(), Image::new("linux/riscv64").build());
        let from_dist = |image: &BuiltImage| {
            let location = Location::Elsewhere("oci:/dist".to_owned());
            Entry { location, ..entry(&format!("r.io/app@{}", image.digest()), image) }
        };
        // The last one is from the registry, under the list's own tag.
        let mut list = List::new(named("r.io/app:1"), vec![from_dist(&one), child("r.io/app:1", &riscv)]);
        list.take(&named("r.io/app:1"), vec![from_dist(&two)]).unwrap();
        let digests: Vec<&Digest> = list.entries().iter().map(|entry| &entry.descriptor.digest).collect();
        assert!(digests.len() == 2 && digests.contains(&two.digest()) && digests.contains(&riscv.digest()), "{digests:?}");
    }

    #[test]
    fn hole_17_two_names_for_one_file_are_refused() {
        let image = Image::new("linux/amd64").build();
        let mut list = List::new(named("r.io/app:1"), vec![entry("r.io/app:1-2", &image)]);
        let error = list.take(&named("r.io/app-1:2"), vec![entry("r.io/app-1:2", &image)]).unwrap_err();
        assert!(matches!(error, DockerError::SameFile { .. }), "{error}");
    }

    #[test]
    fn annotating_says_docker_s_words() {
        let mut list = List::new(named("r.io/app:1"), vec![entry("r.io/app:a", &Image::new("linux/arm64").build())]);
        let arch = |text: &str| Annotate { architecture: text.to_owned(), ..Annotate::default() };
        let error = list.annotate("r.io/app:a", &arch("loong64")).unwrap_err();
        // Hole 21: docker says "/loong64".
        assert_eq!(error.to_string(), "manifest entry for image has unsupported os/arch combination: linux/loong64");
        let error = list.annotate("r.io/app:b", &arch("arm")).unwrap_err();
        assert_eq!(error.to_string(), "manifest for image r.io/app:b does not exist in r.io/app:1");
        list.annotate("r.io/app:a", &arch("s390x")).unwrap();
        assert_eq!(list.entries()[0].platform().to_string(), "linux/s390x");
    }
}
