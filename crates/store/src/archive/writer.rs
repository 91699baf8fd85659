//! An archive on its way: a tar beside its target, which becomes the target when it is whole.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use content::Result;
use oci::{Descriptor, Digest, RawManifest};
use serde_json::Value;
use tempfile::TempPath;

use super::contents::{Contents, Held, blob_digest, blob_name};
use super::input::Stamp;
use super::section::{Section, Span, write_at};
use super::{ArchiveError, Kind, classic, loadable};
use crate::ingest;

const BLOCK: u64 = 512;
/// The list of images, which every write makes anew.
pub(crate) const INDEX: &str = "index.json";
const MARKER: &str = "oci-layout";
const MARKER_TEXT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A tar that is being written. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct Writer {
    file: Arc<File>,
    temporary: TempPath,
    /// How errors name the target.
    path: String,
    /// Where the next entry begins.
    end: u64,
    blobs: HashMap<Digest, Span>,
    others: HashSet<String>,
    folders: HashSet<String>,
    /// Manifests that refer to others, to be listed with the next name.
    pub referrers: Vec<Descriptor>,
    /// The state of the target whose entries are all in here.
    pub base: Option<Stamp>,
    arriving: Option<Arriving>,
}

/// A blob of which some bytes are still to come.
#[derive(Debug)]
struct Arriving {
    digest: Digest,
    span: Span,
    written: u64,
}

impl Writer {
    /// Begins an empty tar in the target's folder.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn begin(target: &Path) -> Result<Self> {
        let folder = folder_of(target);
        // What killed writers left behind; of those that are alive nothing is touched.
        for leftover in ingest::under_way(folder).unwrap_or_default() {
            ingest::sweep(&leftover);
        }
        let (file, temporary) = ingest::begin(folder)?.into_parts();
        Ok(Self {
            file: Arc::new(file),
            temporary,
            path: target.display().to_string(),
            end: 0,
            blobs: HashMap::new(),
            others: HashSet::new(),
            folders: HashSet::new(),
            referrers: Vec::new(),
            base: None,
            arriving: None,
        })
    }

    /// Copies everything that an archive holds and that is not here yet; of its blobs only those
    /// that `keep` wants.
    ///
    /// # Errors
    /// Where bytes cannot be read or written.
    pub fn absorb(&mut self, held: &mut Held, keep: impl Fn(&Digest) -> bool) -> Result<()> {
        let missing = |digest: &Digest| !self.blobs.contains_key(digest) && keep(digest);
        let mut todo: Vec<(String, Section)> = Vec::new();
        match &held.contents {
            Contents::Classic(classic) => {
                // Its own files make sense to its own list only, and that is written anew.
                todo.extend(
                    classic.blobs().filter(|(digest, _)| missing(digest)).map(|(digest, section)| (blob_name(digest), section.clone())),
                );
                let manifests: Vec<RawManifest> = classic.manifests().filter(|manifest| missing(manifest.digest())).cloned().collect();
                for manifest in manifests {
                    self.put(manifest.digest(), manifest.bytes())?;
                }
            }
            Contents::List { .. } => {
                for (name, section) in held.opened.files() {
                    let wanted = match blob_digest(&name) {
                        Some(digest) => missing(&digest),
                        None => ![INDEX, MARKER, classic::LIST].contains(&name.as_str()) && !self.others.contains(&name),
                    };
                    if wanted {
                        todo.push((name, section));
                    }
                }
            }
        }
        for (name, section) in todo {
            self.copy(&name, &section)?;
        }
        self.base.clone_from(&held.opened.stamp);
        Ok(())
    }

    fn copy(&mut self, name: &str, from: &Section) -> Result<()> {
        let read = ArchiveError::io("copy from", &self.path);
        self.open_folders(name)?;
        let offset = self.header(self.end, name, from.span.size)?;
        let span = Span { offset, size: from.span.size };
        (&*from.file).seek(SeekFrom::Start(from.span.offset)).map_err(&read)?;
        (&*self.file).seek(SeekFrom::Start(offset)).map_err(self.failed())?;
        // Between two files the kernel copies by itself.
        let copied = io::copy(&mut io::Read::take(&*from.file, span.size), &mut &*self.file).map_err(self.failed())?;
        if copied != span.size {
            return Err(read(io::ErrorKind::UnexpectedEof.into()).into());
        }
        self.end = self.pad(span)?;
        match blob_digest(name) {
            Some(digest) => {
                self.blobs.insert(digest, span);
            }
            None => {
                self.others.insert(name.to_owned());
            }
        }
        Ok(())
    }

    /// Finds a blob that is whole.
    pub fn section(&self, digest: &Digest) -> Option<Section> {
        self.blobs.get(digest).map(|span| Section { file: Arc::clone(&self.file), span: *span })
    }

    /// Adds a blob from memory.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put(&mut self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        self.start(digest, bytes.len() as u64)?;
        self.append(bytes)?;
        self.finish()
    }

    /// Starts a blob whose bytes come piece by piece. Nothing of one that was started before and
    /// never finished remains.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn start(&mut self, digest: &Digest, size: u64) -> Result<()> {
        let name = blob_name(digest);
        self.open_folders(&name)?;
        let offset = self.header(self.end, &name, size)?;
        self.arriving = Some(Arriving { digest: digest.clone(), span: Span { offset, size }, written: 0 });
        Ok(())
    }

    /// Adds bytes to the blob that was started; who calls has checked that they are not too many.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let failed = self.failed();
        if let Some(arriving) = &mut self.arriving {
            write_at(&self.file, bytes, arriving.span.offset + arriving.written).map_err(failed)?;
            arriving.written += bytes.len() as u64;
        }
        Ok(())
    }

    /// Ends the blob: from here on it is in the archive.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(&mut self) -> Result<()> {
        if let Some(Arriving { digest, span, .. }) = self.arriving.take() {
            self.end = self.pad(span)?;
            self.blobs.insert(digest, span);
        }
        Ok(())
    }

    /// Forgets the blob that was started, and gives its bytes back to the disk.
    pub fn abandon(&mut self) {
        self.arriving = None;
        // Whatever is behind the end is written over or cut off anyway; this only frees the disk now.
        self.file.set_len(self.end).ok();
    }

    /// Writes the lists behind the blobs and moves the tar to its target.
    ///
    /// # Errors
    /// Where that fails the target is as it was, and the same can be tried again.
    pub fn commit(&mut self, target: &Path, kind: Kind, list: &Value, platform: &oci::Platform) -> Result<()> {
        let mut lists = vec![(MARKER, MARKER_TEXT.to_vec()), (INDEX, list.to_string().into_bytes())];
        if kind == Kind::Docker {
            lists.push((classic::LIST, loadable::list(list, platform, |digest| self.section(digest)).to_string().into_bytes()));
        }
        let mut end = self.end;
        for (name, bytes) in lists {
            let offset = self.header(end, name, bytes.len() as u64)?;
            write_at(&self.file, &bytes, offset).map_err(self.failed())?;
            end = self.pad(Span { offset, size: bytes.len() as u64 })?;
        }
        write_at(&self.file, &[0; 2 * BLOCK as usize], end).map_err(self.failed())?;
        self.file.set_len(end + 2 * BLOCK).map_err(self.failed())?;
        if let Ok(old) = std::fs::metadata(target) {
            self.file.set_permissions(old.permissions()).map_err(self.failed())?;
        }
        self.file.sync_all().map_err(self.failed())?;
        std::fs::rename(&self.temporary, target).map_err(self.failed())?;
        Ok(())
    }

    /// Writes entries for the folders that a file is in, each once. Who unpacks a file without them makes them by itself, and skopeo
    /// gives what it makes so to root, which fails for whoever is not root.
    fn open_folders(&mut self, name: &str) -> Result<()> {
        for (end, _) in name.match_indices('/') {
            let Some(folder) = name.get(..=end).filter(|folder| !self.folders.contains(*folder)) else { continue };
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(tar::EntryType::Directory);
            // A name too long for a header is somebody else's, whose file was not in such an entry before, either.
            let Ok(()) = seal(&mut header, 0, |header| header.set_path(folder)) else { continue };
            header.set_mode(0o755);
            header.set_cksum();
            write_at(&self.file, header.as_bytes(), self.end).map_err(self.failed())?;
            self.folders.insert(folder.to_owned());
            self.end += BLOCK;
        }
        Ok(())
    }

    /// Writes an entry's header and returns where its bytes begin.
    fn header(&self, at: u64, name: &str, size: u64) -> Result<u64> {
        let mut header = tar::Header::new_ustar();
        let mut offset = at;
        if header.set_path(name).is_err() {
            // A name too long for the header stands in an entry before it, GNU's way: sha512 does not fit.
            let mut long = tar::Header::new_gnu();
            long.set_entry_type(tar::EntryType::GNULongName);
            seal(&mut long, name.len() as u64 + 1, |header| header.set_path("././@LongLink")).map_err(self.failed())?;
            write_at(&self.file, long.as_bytes(), offset).map_err(self.failed())?;
            write_at(&self.file, &[name.as_bytes(), &[0]].concat(), offset + BLOCK).map_err(self.failed())?;
            offset = self.pad(Span { offset: offset + BLOCK, size: name.len() as u64 + 1 })?;
            header = tar::Header::new_gnu();
            header.set_path(name.get(..99).unwrap_or("long")).map_err(self.failed())?;
        }
        header.set_entry_type(tar::EntryType::Regular);
        seal(&mut header, size, |_| Ok(())).map_err(self.failed())?;
        write_at(&self.file, header.as_bytes(), offset).map_err(self.failed())?;
        Ok(offset + BLOCK)
    }

    /// Fills the last block of an entry with zeros and returns where the next one begins.
    fn pad(&self, span: Span) -> Result<u64> {
        let end = span.offset + span.size;
        let next = end.next_multiple_of(BLOCK);
        let zeros = [0; BLOCK as usize];
        let gap = usize::try_from(next - end).unwrap_or_default();
        write_at(&self.file, zeros.get(..gap).unwrap_or_default(), end).map_err(self.failed())?;
        Ok(next)
    }

    fn failed(&self) -> impl Fn(io::Error) -> ArchiveError + use<> {
        ArchiveError::io("write", &self.path)
    }
}

/// Fills in what all headers have: no owner, no time, so that the same content makes the same tar.
fn seal(header: &mut tar::Header, size: u64, path: impl FnOnce(&mut tar::Header) -> io::Result<()>) -> io::Result<()> {
    path(header)?;
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(())
}

/// Returns the folder that a file is in.
pub(crate) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
