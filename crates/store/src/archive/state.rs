//! What is known of an archive, and what is done with it on threads that may wait for the disk.

use std::collections::HashSet;
use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use content::{Error, Expected, Item, Placed, Result, Tagged, check_expected};
use oci::{Descriptor, Digest, RawManifest, Reference, Selector};
use serde_json::{Value, json};

use super::contents::{self, Contents, Held, check_whole, parse_manifest};
use super::input::{Input, Opened, Stamp};
use super::names::{self, Pointed};
use super::section::Section;
use super::writer::{Writer, folder_of};
use super::{ArchiveError, Setup, loadable};
use crate::referrers;

/// How long a writer waits for another one to move its file into place.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known of an archive.
pub(crate) struct State {
    /// A stream or file handed in, until it is opened.
    given: Option<Input>,
    /// What the file holds, as it was when last looked at.
    held: Option<Held>,
    /// What is on its way into the file.
    writer: Option<Writer>,
    /// Content that somebody was told is here; a new file takes it along although no name reaches it.
    relied: HashSet<Digest>,
    /// Whether this writer has left behind what no name reached when it began.
    tidied: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("State").field("held", &self.held).field("writer", &self.writer).finish_non_exhaustive()
    }
}

impl State {
    pub fn new(input: Input) -> Self {
        let given = if matches!(input, Input::Path(_)) { None } else { Some(input) };
        Self { given, held: None, writer: None, relied: HashSet::new(), tidied: false }
    }

    /// Opens the archive, again where its file is another one by now.
    fn refresh(&mut self, setup: &Setup) -> Result<()> {
        let hold = |opened: Opened| Held::new(opened, setup.kind, setup.believe);
        if let Some(path) = &setup.target {
            let stamp = Stamp::at(path)?;
            if stamp.is_none() {
                self.held = None;
            } else if self.held.as_ref().is_some_and(|held| held.opened.stamp.is_none()) {
                // A pipe is read once.
            } else if self.held.as_ref().is_none_or(|held| held.opened.stamp != stamp) {
                self.held = Some(hold(Opened::at(path, &setup.settings)?)?);
            }
            return Ok(());
        }
        match self.given.take() {
            Some(Input::File(file)) => self.held = Some(hold(Opened::of(file, setup.path.clone(), &setup.settings)?)?),
            Some(Input::Reader(reader)) => self.held = Some(hold(Opened::spooled(reader, setup.path.clone(), &setup.settings)?)?),
            Some(Input::Path(_)) | None => {}
        }
        Ok(())
    }

    /// Finds bytes by their digest: what is on its way, else what the file holds.
    fn section(&self, digest: &Digest) -> Option<Section> {
        let coming = self.writer.as_ref().and_then(|writer| writer.section(digest));
        coming.or_else(|| self.held.as_ref().and_then(|held| held.section(digest)))
    }

    /// Finds bytes that will be in the file after the next write.
    fn staying(&self, digest: &Digest) -> Option<Section> {
        match &self.writer {
            Some(writer) => writer.section(digest),
            None => self.held.as_ref().and_then(|held| held.section(digest)),
        }
    }

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
                    let name = |image: &super::classic::Image| image.repo_tags.first().unwrap_or(&image.config).clone();
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
            Err(Error::Missing { .. } | Error::WrongSize { .. }) => Ok(false),
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
        for entry in listed.iter().chain(coming).filter(|entry| seen.insert(&entry.digest)) {
            let Some(section) = self.section(&entry.digest) else { continue };
            // Anything may be listed; what is no manifest refers to nothing.
            if let Ok(manifest) = parse_manifest(&section, &entry.digest, None, "")
                && referrers::subject(&manifest) == Some(subject)
            {
                found.push(referrers::describe(&manifest));
            }
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

    /// Begins a new file with everything that the present one holds, unless that was done.
    fn writer(&mut self, setup: &Setup) -> Result<&mut Writer> {
        let target = setup.target()?;
        if self.writer.is_none() {
            self.refresh(setup)?;
            let mut writer = Writer::begin(&target)?;
            self.take_in(setup, &mut writer)?;
            self.writer = Some(writer);
        }
        self.writer.as_mut().ok_or_else(|| Error::missing(Item::Image, setup.name()))
    }

    fn take_in(&mut self, setup: &Setup, writer: &mut Writer) -> Result<()> {
        // Later, what no name reaches may be what was put a moment ago.
        let tidied = std::mem::replace(&mut self.tidied, true);
        let Some(held) = &mut self.held else {
            writer.base = None;
            return Ok(());
        };
        if let Some(found) = held.opened.compressed {
            return Err(ArchiveError::Compressed { path: setup.path.clone(), found, writing: true }.into());
        }
        held.make_all(&setup.settings)?;
        let reached = match &held.contents {
            Contents::List { named, .. } if !tidied => Some(contents::reachable(named, &|digest| held.section(digest))),
            _ => None,
        };
        let relied = &self.relied;
        writer.absorb(held, |digest| reached.as_ref().is_none_or(|reached| reached.contains(digest) || relied.contains(digest)))
    }

    /// Makes room for a blob. `false` where it is here already.
    pub fn start(&mut self, setup: &Setup, blob: &Descriptor) -> Result<bool> {
        if self.is_here(setup, &blob.digest, blob.size)? {
            return Ok(false);
        }
        self.writer(setup)?.start(&blob.digest, blob.size)?;
        Ok(true)
    }

    /// Tells whether bytes are here already, and promises that they stay.
    pub fn is_here(&mut self, setup: &Setup, digest: &Digest, size: u64) -> Result<bool> {
        setup.target()?;
        self.refresh(setup)?;
        let here = self.staying(digest).is_some_and(|section| section.span.size == size);
        if here {
            self.relied.insert(digest.clone());
        }
        Ok(here)
    }

    /// Adds bytes to the blob that was started.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.append(bytes))
    }

    /// Ends the blob that was started.
    pub fn finish(&mut self) -> Result<()> {
        self.writer.as_mut().map_or(Ok(()), Writer::finish)
    }

    /// Forgets the blob that was started.
    pub fn abandon(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.abandon();
        }
    }

    /// Stores a manifest.
    pub fn put_manifest(&mut self, setup: &Setup, manifest: &RawManifest) -> Result<Placed> {
        if self.is_here(setup, manifest.digest(), manifest.bytes().len() as u64)? {
            return Ok(Placed::Present);
        }
        let writer = self.writer(setup)?;
        writer.put(manifest.digest(), manifest.bytes())?;
        if referrers::subject(manifest).is_some() {
            // Nothing points at a referrer, so it stands in the list without a name (as oras keeps it).
            writer.referrers.push(referrers::describe(manifest));
        }
        Ok(Placed::Sent)
    }

    /// Moves a name, and with it all that was put into the file.
    pub fn tag(&mut self, setup: &Setup, selector: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let target = setup.target()?;
        let selector = plain(setup, selector);
        let entry = names::entry(setup.kind, &selector, root)?;
        self.refresh(setup)?;
        if self.writer.is_none() && self.is_settled(setup, &selector, root, expected)? {
            return Ok(Tagged::Unchanged);
        }
        self.writer(setup)?;
        let lock = lock_folder(&target)?;
        self.refresh(setup)?;
        let Some(mut writer) = self.writer.take() else { return Err(Error::missing(Item::Image, setup.name())) };
        let moved = self.move_name(setup, &mut writer, &target, &selector, root, expected, entry);
        if moved.is_err() {
            // What was put is still there for another try.
            self.writer = Some(writer);
        } else {
            lock.sync_all().ok();
        }
        moved
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one step, taken apart only to keep the writer when it fails")]
    fn move_name(
        &mut self,
        setup: &Setup,
        writer: &mut Writer,
        target: &Path,
        selector: &Selector,
        root: &RawManifest,
        expected: &Expected,
        entry: Value,
    ) -> Result<Tagged> {
        if self.held.as_ref().and_then(|held| held.opened.stamp.as_ref()) != writer.base.as_ref() {
            // Somebody else was here in the meantime: their images are ours to keep.
            self.take_in(setup, writer)?;
        }
        check_whole(&root.descriptor(), &|digest| writer.section(digest), &setup.name(), &mut |_| ())?;
        let found = self.points_at(setup, selector, expected)?;
        let mut list = self.held.as_ref().map_or_else(contents::empty_list, Held::tree);
        for referrer in &writer.referrers {
            let there = names::positions(setup.kind, &contents::views(&list), &Selector::Digest(referrer.digest.clone()));
            if there.is_empty() {
                names::replace(&mut list, &[], json!(referrer));
            }
        }
        let unchanged = found.as_ref() == Some(root.digest());
        if !unchanged {
            let places = names::positions(setup.kind, &contents::views(&list), selector);
            names::replace(&mut list, &places, entry);
        }
        writer.commit(target, setup.kind, &list, &setup.settings.platform)?;
        Ok(if unchanged || matches!(selector, Selector::Digest(_)) { Tagged::Unchanged } else { Tagged::Moved })
    }

    /// Tells whether the file says already what is wished.
    fn is_settled(&mut self, setup: &Setup, selector: &Selector, root: &RawManifest, expected: &Expected) -> Result<bool> {
        if matches!(self.held.as_ref().map(|held| &held.contents), Some(Contents::Classic(_))) {
            return Ok(false);
        }
        let found = self.points_at(setup, selector, expected)?;
        Ok(found.as_ref() == Some(root.digest()))
    }

    /// Returns what a name points at, when that is what was expected.
    fn points_at(&mut self, setup: &Setup, selector: &Selector, expected: &Expected) -> Result<Option<Digest>> {
        let list = self.held.as_ref().map_or_else(contents::empty_list, Held::tree);
        let entries = contents::views(&list);
        let places = names::positions(setup.kind, &entries, selector);
        let mut found = places.first().and_then(|place| entries.get(*place)).map(|entry| entry.digest.clone());
        let name = match selector {
            Selector::Digest(_) => return Ok(found),
            Selector::Name(name) => name.as_str(),
            Selector::Only => "the image",
        };
        if *selector == Selector::Only && places.len() > 1 {
            // Entries without a name that stand alone are the platforms of one image: the list itself.
            found = match self.held.as_ref().map(|held| &held.contents) {
                Some(Contents::List { exact, .. }) if !entries.iter().any(names::is_named) => Some(exact.digest().clone()),
                _ => found,
            };
        }
        check_expected(&setup.name(), name, expected, found.as_ref())?;
        // Two entries with the wanted name are not yet the one that is wished.
        Ok(found.filter(|_| places.len() <= 1 || *selector == Selector::Only))
    }
}

impl Setup {
    /// Returns the archive as messages name it.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    fn several(&self, mut names: Vec<String>) -> Error {
        let count = names.len();
        // A hostile archive may hold thousands; a person reads some.
        if count > 50 {
            names.truncate(50);
            names.push("...".to_owned());
        }
        Error::Several { place: self.name(), count, names: names.join(", ") }
    }

    /// Returns the file to be replaced: behind a symbolic link its target, so that the link stays.
    ///
    /// # Errors
    /// Refuses everything that is no file.
    pub fn target(&self) -> Result<PathBuf> {
        let refused = || ArchiveError::NotTarget { path: self.path.clone() };
        let target = self.target.as_ref().filter(|path| path.as_os_str() != "-").ok_or_else(refused)?;
        match std::fs::metadata(target) {
            Ok(found) if found.is_dir() => Err(ArchiveError::NotFile { path: self.path.clone(), folder: true }.into()),
            // A pipe, a terminal, /dev/stdout: nothing can be renamed over it.
            Ok(found) if !found.is_file() => Err(refused().into()),
            Ok(_) => Ok(std::fs::canonicalize(target).unwrap_or_else(|_| target.clone())),
            Err(_) => Ok(target.clone()),
        }
    }
}

/// Reads `NAME@DIGEST` of a docker archive as what it is.
fn plain(setup: &Setup, selector: &Selector) -> Selector {
    let Selector::Name(name) = selector else { return selector.clone() };
    let digest = || name.parse::<Reference>().ok()?.digest().cloned();
    if setup.kind == super::Kind::Docker
        && let Some(digest) = digest()
    {
        Selector::Digest(digest)
    } else {
        selector.clone()
    }
}

fn item(selector: &Selector) -> Item {
    match selector {
        Selector::Only => Item::Image,
        Selector::Name(name) => Item::Tag(name.clone()),
        Selector::Digest(digest) => Item::Manifest(digest.clone()),
    }
}

/// Locks the folder of a target against other writers of archives in it.
fn lock_folder(target: &Path) -> Result<File> {
    let folder = folder_of(target);
    let file = File::open(folder).map_err(ArchiveError::io("open", &folder.display()))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::WouldBlock) => {
                return Err(ArchiveError::Busy { path: target.display().to_string(), seconds: PATIENCE.as_secs() }.into());
            }
            // Some network file systems lock no folders. The file is still compared before it is replaced.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}
