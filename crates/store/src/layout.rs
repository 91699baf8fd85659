//! An OCI image layout folder as a place (image-spec 1.1, image-layout.md).

mod edit;
mod entries;
mod library;
mod place;

pub(crate) use edit::keep_names;
pub use library::LayoutLibrary;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use content::{Error, Result};
use oci::{MAX_MANIFEST_SIZE, ManifestError, MediaType, RawManifest};
use serde_json::Value;

use crate::blobs::Blobs;
use crate::lock::Lock;
use crate::small::{self, Small};
use crate::{StoreError, ingest};

const MARKER: &str = "oci-layout";
const MARKER_TEXT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
const INDEX: &str = "index.json";
/// The marker holds one number; more is something else.
const MARKER_LIMIT: u64 = 64 * 1024;

/// An OCI layout folder. Clones are the same folder.
///
/// Several processes may write it at once. `index.json` is edited as a JSON tree under a lock, so
/// other entries and unknown fields survive.
///
/// Which image `Selector::Only` means: the only entry; among several, the one image without a
/// name; where no entry has a name, `index.json` itself is the index of one image and its
/// entries are the platforms; else the one image with a name.
#[derive(Clone, Debug)]
pub struct Layout {
    path: PathBuf,
    blobs: Blobs,
}

impl Layout {
    /// Opens a folder that is an OCI layout. Blocks for the time of reading one small file.
    ///
    /// # Errors
    /// [`StoreError::BadLayout`] where it is none, with what is missing.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let layout = Self::at(path.into());
        if !layout.check_marker()? {
            return Err(layout.bad("the file oci-layout", layout.what_is_there()?));
        }
        if !layout.index_path().is_file() {
            return Err(layout.bad("the file index.json", "none"));
        }
        Ok(layout)
    }

    /// Opens an OCI layout, or a folder that becomes one with the first write. Nothing is made yet.
    ///
    /// # Errors
    /// [`StoreError::BadLayout`] where the folder holds something else.
    pub fn create_or_open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let layout = Self::at(path.into());
        if !layout.check_marker()? {
            let got = layout.what_is_there()?;
            // The second look is for the layout that another process made after the first.
            if got != NOTHING && got != EMPTY_FOLDER && !layout.check_marker()? {
                return Err(layout.bad("an OCI layout, or an empty or new folder", got));
            }
        }
        Ok(layout)
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn at(path: PathBuf) -> Self {
        let blobs = Blobs::new(path.join("blobs"), path.clone());
        Self { path, blobs }
    }

    /// The folder as messages name it.
    fn text(&self) -> String {
        format!("oci:{}", self.path.display())
    }

    fn bad(&self, expected: impl Into<String>, got: impl Into<String>) -> StoreError {
        StoreError::BadLayout { path: self.path.clone(), expected: expected.into(), got: got.into() }
    }

    fn index_path(&self) -> PathBuf {
        self.path.join(INDEX)
    }

    /// Tells whether the marker is there, and refuses one of another version.
    fn check_marker(&self) -> Result<bool, StoreError> {
        let tree: Value = match small::read(&self.path.join(MARKER), MARKER_LIMIT)? {
            None => return Ok(false),
            Some(Small::Bytes(bytes)) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Some(Small::TooLong(_)) => Value::Null,
        };
        let version = tree.get("imageLayoutVersion").and_then(Value::as_str);
        match version.map(|text| text.chars().take(40).collect::<String>()) {
            Some(version) if version == "1" || version.starts_with("1.") => Ok(true),
            Some(version) => Err(self.bad("imageLayoutVersion 1.0.0", format!("version {version}"))),
            None => Err(self.bad("imageLayoutVersion 1.0.0 in the file oci-layout", "none")),
        }
    }

    fn what_is_there(&self) -> Result<&'static str, StoreError> {
        match fs::read_dir(&self.path) {
            // Files under way are those of another process that makes the same layout right now.
            Ok(mut entries) => {
                let other = entries.any(|entry| entry.is_ok_and(|entry| !ingest::is_under_way(&entry.file_name())));
                Ok(if other { "a folder with other files" } else { EMPTY_FOLDER })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(NOTHING),
            Err(error) if error.kind() == ErrorKind::NotADirectory => Ok("a file"),
            Err(error) => Err(StoreError::io("list", &self.path, error)),
        }
    }

    /// Makes the folder a layout, if it is none yet.
    fn make(&self) -> Result<(), StoreError> {
        let wrong = |error| StoreError::io("write", &self.path, error);
        let marker = self.path.join(MARKER);
        // The marker before all else: a writer that is killed leaves a layout, or an empty folder.
        if !marker.exists() {
            let mut file = ingest::begin(&self.path)?;
            std::io::Write::write_all(&mut file, MARKER_TEXT).map_err(wrong)?;
            // An empty marker after a power cut would make the layout unreadable.
            file.as_file().sync_data().map_err(wrong)?;
            // Never over one that is there: another process may hold its lock.
            if let Err(error) = file.persist_noclobber(&marker)
                && error.error.kind() != ErrorKind::AlreadyExists
            {
                return Err(wrong(error.error));
            }
        }
        fs::create_dir_all(self.path.join("blobs/sha256")).map_err(wrong)?;
        if !self.index_path().exists() {
            let _lock = self.lock()?;
            if !self.index_path().exists() {
                self.write_index(edit::EMPTY.as_bytes())?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<Lock, StoreError> {
        Lock::wait(&self.path.join(MARKER))
    }

    fn write_index(&self, bytes: &[u8]) -> Result<(), StoreError> {
        ingest::write_whole(&self.path, "write index.json", &self.index_path(), bytes)
    }

    /// Reads `index.json`; a layout that is still to be made has an empty one.
    fn index(&self) -> Result<RawManifest, StoreError> {
        let path = self.index_path();
        let wrong = |source| StoreError::BadIndex { path: path.clone(), source };
        let bytes = match small::read(&path, MAX_MANIFEST_SIZE)? {
            None => Bytes::from_static(edit::EMPTY.as_bytes()),
            Some(Small::Bytes(bytes)) => bytes.into(),
            Some(Small::TooLong(length)) => return Err(wrong(ManifestError::TooLarge(length))),
        };
        let document = RawManifest::parse(bytes, Some(&MediaType::OciIndex)).map_err(wrong)?;
        if document.as_index().is_none() {
            return Err(wrong(ManifestError::Unknown(document.media_type().to_string())));
        }
        Ok(document)
    }

    /// Edits `index.json` under the lock. `edit` gets the document and its tree and says whether
    /// the tree is to be written.
    fn edit<T>(&self, edit: impl FnOnce(&RawManifest, &mut Value) -> Result<(bool, T)>) -> Result<T> {
        self.make()?;
        let _lock = self.lock()?;
        for leftover in ingest::under_way(&self.path)? {
            ingest::sweep(&leftover);
        }
        let document = self.index()?;
        let mut tree = document.tree();
        let (write, outcome) = edit(&document, &mut tree)?;
        if write {
            let bytes = edit::write(&tree, document.bytes());
            if bytes.len() as u64 > MAX_MANIFEST_SIZE {
                return Err(Error::Limit {
                    what: format!("bytes of index.json in {}", self.text()),
                    limit: MAX_MANIFEST_SIZE,
                    got: bytes.len() as u64,
                });
            }
            self.write_index(&bytes)?;
        }
        Ok(outcome)
    }
}

const NOTHING: &str = "nothing";
const EMPTY_FOLDER: &str = "an empty folder";
