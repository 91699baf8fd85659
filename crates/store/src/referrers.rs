//! Who refers to a manifest (distribution-spec 1.1, "Listing Referrers").

use std::fs;
use std::path::{Path, PathBuf};

use content::Result;
use oci::{Descriptor, Digest};

use crate::blobs::{Blobs, list};
use crate::{StoreError, ingest};

/// The local store's notes of who refers to whom: `SUBJECT/REFERRER`, empty files, each digest
/// written as `ALGORITHM-HEX`. A note without its manifest says nothing.
#[derive(Clone, Debug)]
pub(crate) struct Notes {
    root: PathBuf,
}

/// One note.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) referrer: Digest,
    pub(crate) path: PathBuf,
}

impl Notes {
    /// Takes the folder; it need not exist.
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Notes that a manifest refers to `subject`. Blocks.
    pub(crate) fn add(&self, ingest: &Path, subject: &Digest, referrer: &Digest) -> Result<(), StoreError> {
        let path = self.folder(subject).join(file_name(referrer));
        ingest::write_whole(ingest, "note a referrer", &path, b"")
    }

    /// Lists the notes about one subject. Blocks.
    pub(crate) fn about(&self, subject: &Digest) -> Result<Vec<Note>, StoreError> {
        notes_in(&self.folder(subject))
    }

    /// Lists all notes. Blocks.
    pub(crate) fn all(&self) -> Result<Vec<Note>, StoreError> {
        let mut notes = Vec::new();
        for folder in list(&self.root)? {
            notes.extend(notes_in(&folder)?);
        }
        Ok(notes)
    }

    /// Reads the manifests that refer to `subject` and are here. Blocks.
    pub(crate) fn referrers(&self, blobs: &Blobs, subject: &Digest, place: &str) -> Result<Vec<Descriptor>> {
        let mut found = Vec::new();
        for note in self.about(subject)? {
            match blobs.manifest(&note.referrer, None, place) {
                Ok(manifest) => found.push(manifest.as_referrer()),
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn folder(&self, subject: &Digest) -> PathBuf {
        self.root.join(file_name(subject))
    }
}

/// Removes a note, and its folder where it was the last. Blocks.
pub(crate) fn forget(note: &Path) -> bool {
    let gone = fs::remove_file(note).is_ok();
    if let Some(folder) = note.parent() {
        // Only an empty folder goes.
        let _ = fs::remove_dir(folder);
    }
    gone
}

fn notes_in(folder: &Path) -> Result<Vec<Note>, StoreError> {
    let parse = |path: PathBuf| {
        let referrer = path.file_name()?.to_str()?.replacen('-', ":", 1).parse().ok()?;
        Some(Note { referrer, path })
    };
    Ok(list(folder)?.into_iter().filter_map(parse).collect())
}

fn file_name(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm().name(), digest.hex())
}
