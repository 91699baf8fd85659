//! How an archive's next file comes to be.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use content::{Error, Expected, Item, Placed, Result, Tagged, check_expected};
use oci::{Descriptor, Digest, MAX_MANIFEST_SIZE, RawManifest, Selector};
use serde_json::{Value, json};

use super::{State, plain};
use crate::archive::contents::{self, Contents, Held, check_whole};
use crate::archive::section::Section;
use crate::archive::writer::{Writer, folder_of};
use crate::archive::{ArchiveError, Setup, names};

/// How long a writer waits for another one to move its file into place.
const PATIENCE: Duration = Duration::from_secs(30);

impl State {
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
        let same = |section: Section| section.read("a manifest", MAX_MANIFEST_SIZE).is_ok_and(|bytes| bytes == *manifest.bytes());
        // Of two entries with one name the last counts, so a damaged one is mended by another.
        if self.is_here(setup, manifest.digest(), manifest.bytes().len() as u64)? && self.staying(manifest.digest()).is_some_and(same) {
            return Ok(Placed::Present);
        }
        let writer = self.writer(setup)?;
        writer.put(manifest.digest(), manifest.bytes())?;
        if manifest.subject().is_some() {
            // Nothing points at a referrer, so it stands in the list without a name (as oras keeps it).
            writer.referrers.push(manifest.as_referrer());
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
        // BuildKit's attestations stand in the index, and whoever looks for the one image of an archive is to find one.
        let is_below = |digest: &Digest| root.as_index().is_some_and(|index| index.manifests.iter().any(|child| child.digest == *digest));
        for referrer in writer.referrers.iter().filter(|referrer| !is_below(&referrer.digest)) {
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
            Selector::Name(name) => match names::several(&entries, &places) {
                Some(several) => return Err(setup.several(several)),
                None => name.as_str(),
            },
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
