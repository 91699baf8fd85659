//! Opens an archive, whatever shape its bytes arrive in.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use content::{Error, Result};
use flate2::read::MultiGzDecoder;
use oci::Platform;

use super::entries::Entries;
use super::section::{Section, Span, read_at};
use super::{ArchiveError, Compression};

/// Where an archive's bytes come from.
pub enum Input {
    /// A file. It need not exist before the first write.
    Path(PathBuf),
    /// An open file that nobody changes any more.
    File(File),
    /// A stream, such as the standard input; it is kept in a nameless temporary file.
    Reader(Box<dyn Read + Send>),
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

/// What an archive needs to know about the machine it is on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder for nameless temporary files: streams, inflated archives, compressed layers.
    pub scratch: PathBuf,
    /// The platform whose image old engines find in a docker archive of several.
    pub platform: Platform,
    /// The most bytes that a compressed archive, or one compressed layer, may inflate to.
    pub inflated: u64,
}

impl Settings {
    /// What is inflated at most, unless told otherwise: 64 GiB.
    pub const INFLATED: u64 = 64 << 30;

    /// Makes settings with a folder for temporary files and the platform of the machine.
    pub fn new(scratch: impl Into<PathBuf>, platform: Platform) -> Self {
        Self { scratch: scratch.into(), platform, inflated: Self::INFLATED }
    }

    /// Makes a temporary file that has no name and vanishes with its last handle.
    pub(crate) fn nameless(&self) -> Result<File> {
        Ok(tempfile::tempfile_in(&self.scratch).map_err(ArchiveError::io("write to", &self.scratch.display()))?)
    }
}

/// Tells one state of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(metadata),
        }
    }

    /// Looks at a path. `None` where there is nothing, or an empty file: a place kept free.
    ///
    /// # Errors
    /// Only where the system cannot tell.
    pub fn at(path: &Path) -> Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() && metadata.len() == 0 => Ok(None),
            Ok(metadata) => Ok(Some(Self::of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ArchiveError::io("read", &path.display())(error).into()),
        }
    }
}

/// An archive with its table of entries.
#[derive(Debug)]
pub(crate) struct Opened {
    /// How errors name it.
    pub path: String,
    pub entries: Entries,
    /// The plain tar: the file itself, or what it inflated to.
    file: Arc<File>,
    /// How the file itself is compressed.
    pub compressed: Option<Compression>,
    /// The state of the file that was opened. `None` for what can be read only once.
    pub stamp: Option<Stamp>,
}

impl Opened {
    /// Opens the file at a path; a pipe or terminal is read to its end first.
    ///
    /// # Errors
    /// Refuses what is no tar, plain or gzip.
    pub fn at(path: &Path, settings: &Settings) -> Result<Self> {
        let shown = path.display().to_string();
        let file = File::open(path).map_err(ArchiveError::io("open", &shown))?;
        let metadata = file.metadata().map_err(ArchiveError::io("read", &shown))?;
        if metadata.is_dir() {
            return Err(ArchiveError::NotFile { path: shown, folder: true }.into());
        }
        if !metadata.is_file() {
            return Self::spooled(file, shown, settings);
        }
        let mut opened = Self::of(file, shown, settings)?;
        opened.stamp = Some(Stamp::of(&metadata));
        Ok(opened)
    }

    /// Keeps a stream in a nameless file and opens that.
    ///
    /// # Errors
    /// As [`Opened::at`].
    pub fn spooled(mut reader: impl Read, path: String, settings: &Settings) -> Result<Self> {
        let mut file = settings.nameless()?;
        io::copy(&mut reader, &mut file).map_err(ArchiveError::io("keep a copy of", &path))?;
        Self::of(file, path, settings)
    }

    /// Opens an open file.
    ///
    /// # Errors
    /// As [`Opened::at`].
    pub fn of(file: File, path: String, settings: &Settings) -> Result<Self> {
        let mut start = [0; 8];
        let count = read_at(&file, &mut start, 0).map_err(ArchiveError::io("read", &path))?;
        let compressed = Compression::of(start.get(..count).unwrap_or_default());
        let file = match compressed {
            None => file,
            Some(Compression::Gzip) => inflate(file, &path, settings)?,
            Some(found) => return Err(ArchiveError::Compressed { path, found, writing: false }.into()),
        };
        let entries = Entries::read(&file, &path)?;
        Ok(Self { path, entries, file: Arc::new(file), compressed, stamp: None })
    }

    /// Finds an entry's bytes.
    ///
    /// # Errors
    /// Refuses names that lead out of the archive.
    pub fn section(&self, name: &str) -> Result<Option<Section>> {
        Ok(self.entries.find(name)?.map(|span| self.at_span(span)))
    }

    /// Returns every file with its bytes, in the order of these.
    pub fn files(&self) -> impl Iterator<Item = (String, Section)> {
        self.entries.files().into_iter().map(|(name, span)| (name.to_owned(), self.at_span(span)))
    }

    /// Returns the bytes at a place of the tar.
    fn at_span(&self, span: Span) -> Section {
        Section { file: Arc::clone(&self.file), span }
    }

    /// Reads a JSON document of at most 4 MiB. `None` where it is not there.
    ///
    /// # Errors
    /// Refuses what is longer, or no JSON.
    pub fn document<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(section) = self.section(name)? else { return Ok(None) };
        let bytes = section.read(&format!("{name} in {}", self.path), oci::MAX_MANIFEST_SIZE)?;
        let broken = |problem| ArchiveError::Document { path: self.path.clone(), entry: name.to_owned(), problem };
        Ok(Some(serde_json::from_slice(&bytes).map_err(broken)?))
    }
}

fn inflate(file: File, path: &str, settings: &Settings) -> Result<File> {
    let mut plain = settings.nameless()?;
    // A reader of its own: the cursor of a file handed in may stand anywhere.
    let length = file.metadata().map_err(ArchiveError::io("read", &path))?.len();
    let whole = Section { file: Arc::new(file), span: Span { offset: 0, size: length } };
    let mut decoder = MultiGzDecoder::new(io::BufReader::with_capacity(1 << 17, whole.reader())).take(settings.inflated.saturating_add(1));
    let got = io::copy(&mut decoder, &mut plain).map_err(|problem| match problem.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::Truncated { path: path.to_owned(), expected: length.saturating_add(1), got: length },
        _ => ArchiveError::Io { action: "inflate", path: path.to_owned(), problem },
    })?;
    if got > settings.inflated {
        return Err(Error::Limit { what: format!("inflated bytes of {path}"), limit: settings.inflated, got });
    }
    Ok(plain)
}
