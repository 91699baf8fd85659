//! The table of a tar's entries, made in one pass that reads headers only.

use std::collections::HashMap;
use std::fs::File;

use content::{Error, Result};

use super::ArchiveError;
use super::section::{Span, read_at};

const BLOCK: u64 = 512;
/// Long names and extended headers beyond this are nobody's.
const MAX_EXTENSION: u64 = 1024 * 1024;
/// What the table may take of memory: some 500,000 layers as `docker save` names them.
const MAX_TABLE: u64 = 64 * 1024 * 1024;
/// Links that lead to links.
const MAX_LINKS: usize = 8;

#[derive(Debug)]
enum Entry {
    File(Span),
    /// A link; the target is a path from the archive's root, or `None` where it leads out of it.
    Link(Option<Box<str>>),
}

/// The regular files and links of a tar, by name.
#[derive(Debug)]
pub(crate) struct Entries {
    path: String,
    by_name: HashMap<Box<str>, Entry>,
}

/// What extension headers say about the entry behind them.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl Entries {
    /// Reads the headers of a tar; `path` names it in errors.
    ///
    /// # Errors
    /// Refuses what is no tar, is cut off, or has more entries than the table may hold.
    pub fn read(file: &File, path: &str) -> Result<Self> {
        let length = file.metadata().map_err(ArchiveError::io("read", &path))?.len();
        let mut entries = Self { path: path.to_owned(), by_name: HashMap::new() };
        let mut extension = Extension::default();
        let (mut position, mut held) = (0, 0);
        // A tar ends with a block of zeros; some writers leave it out.
        while position < length {
            let block = read_exact(file, path, position, BLOCK, length)?;
            if block.iter().all(|byte| *byte == 0) {
                break;
            }
            let header = tar::Header::from_byte_slice(&block);
            let not_tar = || ArchiveError::NotTar { path: path.to_owned(), offset: position };
            if !is_valid(header) {
                return Err(not_tar().into());
            }
            let size = match extension.size {
                Some(size) => size,
                None => header.entry_size().map_err(|_| not_tar())?,
            };
            let offset = position + BLOCK;
            let end = offset.checked_add(size).ok_or_else(not_tar)?;
            if end > length {
                return Err(ArchiveError::Truncated { path: path.to_owned(), expected: end, got: length }.into());
            }
            let kind = header.entry_type();
            if kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions() {
                if size > MAX_EXTENSION {
                    return Err(Error::Limit { what: format!("bytes of an extended header in {path}"), limit: MAX_EXTENSION, got: size });
                }
                extension.add(kind, &read_exact(file, path, offset, size, length)?);
            } else if !kind.is_pax_global_extensions() {
                let own = std::mem::take(&mut extension);
                let name = own.name.unwrap_or_else(|| header.path_bytes().into_owned());
                let sparse = own.sparse || kind.is_gnu_sparse();
                let link = own.link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
                held += entries.insert(&name, kind, sparse, link, Span { offset, size })?;
                if held > MAX_TABLE {
                    return Err(Error::Limit { what: format!("bytes of entry names in {path}"), limit: MAX_TABLE, got: held });
                }
            }
            position = end.checked_next_multiple_of(BLOCK).ok_or_else(not_tar)?;
        }
        Ok(entries)
    }

    /// Adds an entry and returns what it takes of the table's memory.
    fn insert(&mut self, name: &[u8], kind: tar::EntryType, sparse: bool, link: Option<Vec<u8>>, span: Span) -> Result<u64> {
        // A name that is no text, or leads out of the archive, can never be asked for.
        let Some(name) = std::str::from_utf8(name).ok().and_then(|name| resolve("", name)) else { return Ok(0) };
        let target = || link.and_then(|link| String::from_utf8(link).ok()).unwrap_or_default();
        let entry = match kind {
            _ if sparse => return Err(ArchiveError::Sparse { path: self.path.clone(), entry: name }.into()),
            tar::EntryType::Regular | tar::EntryType::Continuous => Entry::File(span),
            tar::EntryType::Link => Entry::Link(resolve("", &target()).map(Into::into)),
            tar::EntryType::Symlink => Entry::Link(resolve(folder_of(&name), &target()).map(Into::into)),
            _ => return Ok(0),
        };
        let link_length = if let Entry::Link(Some(target)) = &entry { target.len() } else { 0 };
        let cost = (name.len() + link_length + 64) as u64;
        // The last of two entries with one name counts, as if the tar had been extracted.
        self.by_name.insert(name.into(), entry);
        Ok(cost)
    }

    /// Tells whether there is an entry of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Finds a file; links are followed inside the archive. `None` where there is none.
    ///
    /// # Errors
    /// Refuses names and links that lead out of the archive, and links without end.
    pub fn find(&self, name: &str) -> Result<Option<Span>> {
        let escape = |name: &str| ArchiveError::Escape { path: self.path.clone(), name: name.chars().take(200).collect() };
        let mut next = resolve("", name).ok_or_else(|| escape(name))?;
        for _ in 0..=MAX_LINKS {
            match self.by_name.get(next.as_str()) {
                None => return Ok(None),
                Some(Entry::File(span)) => return Ok(Some(*span)),
                Some(Entry::Link(Some(target))) => next = target.to_string(),
                Some(Entry::Link(None)) => return Err(escape(&next).into()),
            }
        }
        Err(ArchiveError::Links { path: self.path.clone(), name: name.to_owned() }.into())
    }

    /// Returns the files, and the links to files, in the order of their bytes.
    pub fn files(&self) -> Vec<(&str, Span)> {
        let mut files: Vec<(&str, Span)> = self.by_name.keys().filter_map(|name| Some((&**name, self.find(name).ok()??))).collect();
        files.sort_by_key(|(name, span)| (span.offset, *name));
        files
    }
}

impl Extension {
    fn add(&mut self, kind: tar::EntryType, bytes: &[u8]) {
        let text = || bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        if kind.is_gnu_longname() {
            self.name = Some(text());
        } else if kind.is_gnu_longlink() {
            self.link = Some(text());
        } else {
            for record in tar::PaxExtensions::new(bytes).flatten() {
                match record.key_bytes() {
                    b"path" => self.name = Some(record.value_bytes().to_vec()),
                    b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                    b"size" => self.size = record.value().ok().and_then(|value| value.parse().ok()),
                    key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                    _ => {}
                }
            }
        }
    }
}

/// Follows a path from a folder of the archive, by its text only. `None` where it leaves the root.
fn resolve(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn is_valid(header: &tar::Header) -> bool {
    // The sum of all bytes, with the eight of the sum itself taken as spaces (POSIX ustar).
    let sum: u32 =
        header.as_bytes().iter().enumerate().map(|(place, byte)| if (148..156).contains(&place) { 32 } else { u32::from(*byte) }).sum();
    header.cksum().is_ok_and(|stated| stated == sum)
}

fn read_exact(file: &File, path: &str, offset: u64, size: u64, length: u64) -> Result<Vec<u8>> {
    let truncated = || ArchiveError::Truncated { path: path.to_owned(), expected: offset.saturating_add(size), got: length };
    if offset.saturating_add(size) > length {
        return Err(truncated().into());
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read_at(file, rest, offset + filled as u64).map_err(ArchiveError::io("read", &path))? {
            0 => return Err(truncated().into()),
            count => filled += count,
        }
    }
    Ok(bytes)
}
