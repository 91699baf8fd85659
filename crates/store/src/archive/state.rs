//! What is known of an archive, and what is done with it on threads that may wait for the disk.

mod reading;
mod writing;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use content::{Error, Item, Result};
use oci::{Digest, Reference, Selector};

use super::contents::Held;
use super::input::{Input, Opened, Stamp};
use super::section::Section;
use super::writer::{Writer, folder_of};
use super::{ArchiveError, Setup};

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

    /// Starts with an archive that was opened already.
    pub fn holding(held: Held) -> Self {
        Self { held: Some(held), ..Self::new(Input::Path(PathBuf::new())) }
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
            // A link to a file that is still to be made stays a link, too.
            Err(_) => Ok(std::fs::read_link(target).map_or_else(|_| target.clone(), |next| folder_of(target).join(next))),
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
