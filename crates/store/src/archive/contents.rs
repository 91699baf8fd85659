//! What an archive holds: its list of images, and where their content is.

use std::collections::HashSet;

use bytes::Bytes;
use content::{Error, Item, Result};
use oci::{Descriptor, Digest, MediaType, RawManifest, Reference};
use serde_json::Value;

use super::classic::{self, Classic};
use super::input::{Opened, Settings};
use super::section::Section;
use super::writer::INDEX;
use super::{ArchiveError, Kind, names};

/// Levels of indexes that are followed.
pub(crate) const MAX_DEPTH: usize = 4;

/// An archive that was opened.
#[derive(Debug)]
pub(crate) struct Held {
    pub opened: Opened,
    pub contents: Contents,
}

/// The images of an archive.
#[derive(Debug)]
pub(crate) enum Contents {
    /// An `index.json`: manifests and blobs as they were pushed.
    List {
        /// The document, byte for byte.
        exact: Box<RawManifest>,
        /// The same, with the names that only `manifest.json` tells.
        named: Box<RawManifest>,
    },
    /// Only a `manifest.json`.
    Classic(Classic),
}

/// Whether an `index.json` is believed where there is a `manifest.json` as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Believe {
    /// The content is taken as it is there.
    Index,
    /// Manifests are made anew from `manifest.json`.
    Classic,
}

impl Held {
    /// Reads the lists of an archive.
    ///
    /// # Errors
    /// Refuses an archive without the list of its kind.
    pub fn new(opened: Opened, kind: Kind, believe: Believe) -> Result<Self> {
        let has = |name: &str| opened.entries.contains(name);
        let classic = kind == Kind::Docker && has(classic::LIST) && (believe == Believe::Classic || !has(INDEX));
        if classic && let Some(images) = classic::read_list(&opened)? {
            return Ok(Self { opened, contents: Contents::Classic(Classic::new(images)) });
        }
        let Some(section) = opened.section(INDEX)? else {
            let instead = (kind == Kind::Layout && has(classic::LIST)).then_some(Kind::Docker);
            return Err(ArchiveError::NoList { path: opened.path, kind, instead }.into());
        };
        let exact = parse_list(&section, &opened.path)?;
        let named = if kind == Kind::Docker { with_names(&exact, &opened)? } else { None };
        let named = Box::new(named.unwrap_or_else(|| exact.clone()));
        Ok(Self { opened, contents: Contents::List { exact: Box::new(exact), named } })
    }

    /// Finds a blob; of a classic archive, one that was made already.
    pub fn section(&self, digest: &Digest) -> Option<Section> {
        match &self.contents {
            Contents::Classic(classic) => classic.blob(digest),
            // The name of a blob cannot lead anywhere else, and a broken link is as good as nothing.
            Contents::List { .. } => self.opened.section(&blob_name(digest)).ok().flatten(),
        }
    }

    /// Makes every image of a classic archive.
    ///
    /// # Errors
    /// At the first that is broken.
    pub fn make_all(&mut self, settings: &Settings) -> Result<()> {
        if let Contents::Classic(classic) = &mut self.contents {
            for position in 0..classic.images().len() {
                classic.make(position, &self.opened, settings)?;
            }
        }
        Ok(())
    }

    /// Returns the list as a tree for an edit; of a classic archive, the images that were made.
    pub fn tree(&self) -> Value {
        match &self.contents {
            Contents::List { named, .. } => named.tree(),
            Contents::Classic(classic) => {
                let mut list = empty_list();
                for (image, manifest) in classic.made() {
                    let mut add = |name: Option<Reference>| {
                        let mut entry = manifest.descriptor();
                        if let Some(name) = name {
                            names::annotate(&mut entry, &name);
                        }
                        names::replace(&mut list, &[], serde_json::json!(entry));
                    };
                    let known: Vec<Reference> = image.repo_tags.iter().filter_map(|name| name.parse().ok()).collect();
                    if known.is_empty() {
                        add(None);
                    }
                    known.into_iter().for_each(|name| add(Some(name)));
                }
                list
            }
        }
    }
}

/// Returns the views of a list's entries.
pub(crate) fn views(list: &Value) -> Vec<Descriptor> {
    list.get("manifests").and_then(|entries| serde_json::from_value(entries.clone()).ok()).unwrap_or_default()
}

/// Returns an `index.json` without entries.
pub(crate) fn empty_list() -> Value {
    serde_json::from_str(names::EMPTY_LIST).unwrap_or_default()
}

/// Reads an `index.json`.
pub(crate) fn parse_list(section: &Section, path: &str) -> Result<RawManifest> {
    let bytes = section.read(&format!("{INDEX} in {path}"), oci::MAX_MANIFEST_SIZE)?;
    let broken = |problem| Error::Document { item: Item::Image, place: path.to_owned(), problem };
    RawManifest::parse(bytes, Some(&MediaType::OciIndex)).map_err(broken)
}

/// Reads a manifest and checks its digest; `place` is for errors.
pub(crate) fn parse_manifest(section: &Section, digest: &Digest, announced: Option<&MediaType>, place: &str) -> Result<RawManifest> {
    let item = || Item::Manifest(digest.clone());
    let broken = |problem| Error::Document { item: item(), place: place.to_owned(), problem };
    if section.span.size > oci::MAX_MANIFEST_SIZE {
        return Err(broken(oci::ManifestError::TooLarge(section.span.size)));
    }
    let bytes: Bytes = section.read(&format!("manifest {digest}"), oci::MAX_MANIFEST_SIZE)?;
    let got = Digest::with(digest.algorithm(), &bytes);
    if got != *digest {
        return Err(Error::WrongDigest { item: item(), place: place.to_owned(), got });
    }
    RawManifest::parse_with(digest.algorithm(), bytes, announced).map_err(broken)
}

/// Looks at everything below a manifest, and at itself. Every piece that is here is told to `see`.
///
/// # Errors
/// [`Error::Missing`] for the first piece that is not here.
pub(crate) fn check_whole(
    piece: &Descriptor,
    section: &impl Fn(&Digest) -> Option<Section>,
    place: &str,
    see: &mut impl FnMut(&Digest),
) -> Result<()> {
    visit(piece, section, place, see, &mut HashSet::new(), 0)
}

fn visit(
    piece: &Descriptor,
    section: &impl Fn(&Digest) -> Option<Section>,
    place: &str,
    see: &mut impl FnMut(&Digest),
    seen: &mut HashSet<Digest>,
    depth: usize,
) -> Result<()> {
    if !seen.insert(piece.digest.clone()) {
        return Ok(());
    }
    let is_manifest = piece.media_type.is_index() || piece.media_type.is_manifest();
    let item = || if is_manifest { Item::Manifest(piece.digest.clone()) } else { Item::Blob(piece.digest.clone()) };
    let found = section(&piece.digest).ok_or_else(|| Error::missing(item(), place))?;
    if found.span.size != piece.size {
        return Err(Error::WrongSize { item: item(), place: place.to_owned(), expected: piece.size, got: found.span.size });
    }
    see(&piece.digest);
    if !is_manifest {
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return Err(Error::Limit { what: format!("levels of indexes above {}", piece.digest), limit: MAX_DEPTH as u64, got: depth as u64 });
    }
    let manifest = parse_manifest(&found, &piece.digest, Some(&piece.media_type), place)?;
    let entries = manifest.as_index().into_iter().flat_map(|index| index.manifests.iter());
    let blobs = manifest.as_image().into_iter().flat_map(oci::ImageManifest::blobs);
    for child in entries.chain(blobs) {
        visit(child, section, place, see, seen, depth + 1)?;
    }
    Ok(())
}

/// Collects everything that a list's entries reach, as far as it is here.
pub(crate) fn reachable(list: &RawManifest, section: &impl Fn(&Digest) -> Option<Section>) -> HashSet<Digest> {
    let mut found = HashSet::new();
    let mut todo: Vec<(Descriptor, usize)> = names::entries(list).iter().map(|entry| (entry.clone(), 0)).collect();
    while let Some((piece, depth)) = todo.pop() {
        if !found.insert(piece.digest.clone()) || depth > MAX_DEPTH {
            continue;
        }
        // Anything may stand in an index; what does not parse as a manifest has no children.
        let manifest = section(&piece.digest).and_then(|section| parse_manifest(&section, &piece.digest, None, "").ok());
        let Some(manifest) = manifest else { continue };
        todo.extend(names::entries(&manifest).iter().map(|child| (child.clone(), depth + 1)));
        if let Some(image) = manifest.as_image() {
            found.extend(image.layers.iter().chain([&image.config]).map(|blob| blob.digest.clone()));
        }
    }
    found
}

/// Returns where a layout keeps a blob.
pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// Reads the digest from the name of a layout's blob.
pub(crate) fn blob_digest(name: &str) -> Option<Digest> {
    let (algorithm, hex) = name.strip_prefix("blobs/")?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// Adds to a list's nameless entries the names that `manifest.json` has for their configs.
/// `None` where there is nothing to add.
fn with_names(list: &RawManifest, opened: &Opened) -> Result<Option<RawManifest>> {
    if names::entries(list).iter().all(names::is_named) {
        return Ok(None);
    }
    let Some(images) = classic::read_list(opened)? else { return Ok(None) };
    let section = |digest: &Digest| opened.section(&blob_name(digest)).ok().flatten();
    let configs = |entry: &Descriptor| -> Vec<Digest> {
        let read = |entry: &Descriptor| section(&entry.digest).and_then(|section| parse_manifest(&section, &entry.digest, None, "").ok());
        // A referrer lies here without a name, and all artifacts share the empty config.
        let Some(manifest) = read(entry).filter(|manifest| manifest.subject().is_none()) else { return Vec::new() };
        let children: Vec<RawManifest> = names::entries(&manifest).iter().filter_map(read).collect();
        children.iter().chain([&manifest]).filter_map(|manifest| manifest.as_image().map(|image| image.config.digest.clone())).collect()
    };
    let mut tree = list.tree();
    let mut changed = false;
    // From the end, as a second name makes the list longer behind what is still to be looked at.
    for (position, entry) in names::entries(list).iter().enumerate().rev().filter(|(_, entry)| !names::is_named(entry)) {
        let own = configs(entry);
        let its = images.iter().filter(|image| blob_digest(&image.config).is_some_and(|config| own.contains(&config)));
        let found: Vec<Reference> = its.flat_map(|image| &image.repo_tags).filter_map(|name| name.parse().ok()).collect();
        if found.is_empty() {
            continue;
        }
        changed = true;
        // One entry per name; the first takes the nameless one's place.
        let places = std::iter::once(Some(position)).chain(std::iter::repeat(None));
        for (name, place) in found.iter().zip(places) {
            let mut named = entry.clone();
            names::annotate(&mut named, name);
            names::replace(&mut tree, place.as_slice(), serde_json::json!(named));
        }
    }
    if !changed {
        return Ok(None);
    }
    let broken = |problem| Error::Document { item: Item::Image, place: opened.path.clone(), problem };
    RawManifest::parse(tree.to_string().into(), Some(&MediaType::OciIndex)).map(Some).map_err(broken)
}
