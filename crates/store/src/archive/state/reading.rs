//! What an archive answers.

use std::collections::{HashSet, VecDeque};

use content::{Error, Item, Result};
use oci::{Descriptor, Digest, RawManifest, Reference, Selector};

use super::{State, item, plain};
use crate::archive::contents::{Contents, Held, check_whole, parse_manifest};
use crate::archive::names::{self, Pointed};
use crate::archive::section::Section;
use crate::archive::{Setup, classic, loadable};
use crate::tree;

impl State {
    /// Reads what a selector points at.
    pub fn manifest(&mut self, setup: &Setup, selector: &Selector) -> Result<RawManifest> {
        self.refresh(setup)?;
        let selector = plain(setup, selector);
        let missing = || Error::missing(item(&selector), setup.name());
        if let Selector::Digest(digest) = &selector
            && let Some(coming) = self.writer.as_ref().and_then(|writer| writer.section(digest))
        {
            return parse_manifest(&coming, digest, None, &setup.name());
        }
        let Some(held) = &mut self.held else { return Err(missing()) };
        match &mut held.contents {
            Contents::Classic(_) => Self::classic_manifest(held, setup, &selector),
            Contents::List { exact, named } => match names::find(setup.kind, names::entries(named), &selector) {
                Pointed::Whole => Ok((**exact).clone()),
                Pointed::Several(names) => Err(setup.several(names)),
                Pointed::Entry(entry) => {
                    let digest = entry.digest.clone();
                    let section = self.section(&digest).ok_or_else(|| Error::missing(Item::Manifest(digest.clone()), setup.name()))?;
                    if section.span.size != entry.size {
                        let got = section.span.size;
                        return Err(Error::WrongSize { item: Item::Manifest(digest), place: setup.name(), expected: entry.size, got });
                    }
                    parse_manifest(&section, &digest, Some(&entry.media_type), &setup.name())
                }
                Pointed::Nothing => match &selector {
                    // What `Selector::Only` found can be asked for by its digest, too.
                    Selector::Digest(digest) if digest == exact.digest() => Ok((**exact).clone()),
                    Selector::Digest(digest) => parse_manifest(&self.section(digest).ok_or_else(missing)?, digest, None, &setup.name()),
                    Selector::Name(_) | Selector::Only => Err(missing()),
                },
            },
        }
    }

    fn classic_manifest(held: &mut Held, setup: &Setup, selector: &Selector) -> Result<RawManifest> {
        let missing = || Error::missing(item(selector), setup.name());
        let Contents::Classic(classic) = &mut held.contents else { return Err(missing()) };
        let position = match selector {
            Selector::Name(name) => classic.position(name).ok_or_else(missing)?,
            Selector::Only => match classic.images() {
                [] => return Err(missing()),
                [_] => 0,
                images => {
                    let name = |image: &classic::Image| image.repo_tags.first().unwrap_or(&image.config).clone();
                    return Err(setup.several(images.iter().map(name).collect()));
                }
            },
            Selector::Digest(digest) => {
                if let Some(made) = classic.manifest(digest) {
                    return Ok(made.clone());
                }
                // Only a made manifest has a digest, so all have to be made before the answer is no.
                held.make_all(&setup.settings)?;
                let Contents::Classic(classic) = &held.contents else { return Err(missing()) };
                return classic.manifest(digest).cloned().ok_or_else(missing);
            }
        };
        classic.make(position, &held.opened, &setup.settings)
    }

    /// Finds a blob's bytes.
    pub fn blob(&mut self, setup: &Setup, digest: &Digest) -> Result<Section> {
        self.refresh(setup)?;
        if let (None, Some(held)) = (self.section(digest), &mut self.held) {
            held.make_all(&setup.settings)?;
        }
        self.section(digest).ok_or_else(|| Error::missing(Item::Blob(digest.clone()), setup.name()))
    }

    /// Tells whether something is here with all below it.
    pub fn has(&mut self, setup: &Setup, child: &Descriptor) -> Result<bool> {
        if self.held.is_none() && self.given.is_none() && setup.target().is_err() {
            // A pipe or terminal that was given as a target would be waited for.
            return Ok(false);
        }
        self.refresh(setup)?;
        let mut seen = Vec::new();
        let whole = check_whole(child, &|digest| self.staying(digest), &setup.name(), &mut |digest| seen.push(digest.clone()));
        match whole {
            Ok(()) => {
                self.relied.extend(seen);
                Ok(true)
            }
            Err(error) if tree::is_absence(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lists who refers to a manifest.
    pub fn referrers(&mut self, setup: &Setup, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.refresh(setup)?;
        let listed = match self.held.as_ref().map(|held| &held.contents) {
            Some(Contents::List { named, .. }) => names::entries(named),
            _ => &[],
        };
        let coming = self.writer.as_ref().map_or(&[][..], |writer| &writer.referrers);
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        let mut waiting: VecDeque<Digest> = listed.iter().chain(coming).map(|entry| entry.digest.clone()).collect();
        while let Some(digest) = waiting.pop_front() {
            let Some(section) = self.section(&digest).filter(|_| seen.insert(digest.clone())) else { continue };
            // Anything may be listed; what is no manifest refers to nothing.
            let Ok(manifest) = parse_manifest(&section, &digest, None, "") else { continue };
            if manifest.subject().is_some_and(|own| own.digest == *subject) {
                found.push(manifest.as_referrer());
            }
            // Those that stand in an index are listed nowhere else.
            waiting.extend(names::entries(&manifest).iter().map(|entry| entry.digest.clone()));
        }
        Ok(found)
    }

    /// Finds the image that an engine of this platform loads of an entry.
    pub fn loadable(&mut self, setup: &Setup, root: &Descriptor) -> Result<Option<RawManifest>> {
        self.refresh(setup)?;
        Ok(loadable::image_of(root, &setup.settings.platform, &|digest| self.section(digest)))
    }

    /// Lists the names, sorted.
    pub fn tags(&mut self, setup: &Setup) -> Result<Vec<String>> {
        self.refresh(setup)?;
        Ok(match self.held.as_ref().map(|held| &held.contents) {
            None => Vec::new(),
            Some(Contents::List { named, .. }) => names::names(setup.kind, names::entries(named)),
            Some(Contents::Classic(classic)) => {
                let familiar = |name: &String| name.parse().map_or_else(|_| name.clone(), |name: Reference| name.familiar());
                let mut names: Vec<String> = classic.images().iter().flat_map(|image| &image.repo_tags).map(familiar).collect();
                names.sort_unstable();
                names.dedup();
                names
            }
        })
    }
}
