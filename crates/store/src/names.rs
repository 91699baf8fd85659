//! The names of the local store: one small JSON file each.
//!
//! `names/REGISTRY/REPOSITORY.../_tags/TAG.json`. No part of a repository starts with `_`, so tags
//! and deeper repositories never meet. Capital letters are written `%41`, so that names stay apart
//! on disks that do not tell capital letters from small ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use oci::{Descriptor, Digest, Reference, Tag, Thing};
use percent_encoding::{percent_decode_str, percent_encode_byte};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::blobs::list;
use crate::small::{self, Small};
use crate::{NAME_VERSION, StoreError, ingest};

const TAGS: &str = "_tags";
const SUFFIX: &str = ".json";
/// Longer parts are written as their hash: file names end at 255 bytes nearly everywhere.
const MAX_PART: usize = 200;
/// A name file has some 500 bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// How an image came to have its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameOrigin {
    /// It was made here: built, created, tagged, loaded or pushed to `polyarch serve`.
    Made,
    /// It is a copy of what its registry had.
    Pulled,
}

/// A name and what it points at.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// The full name, with a tag.
    #[serde(serialize_with = "as_text")]
    pub reference: Reference,
    /// What it points at.
    pub descriptor: Descriptor,
    /// How it came.
    pub origin: NameOrigin,
    /// When it was last moved, RFC 3339.
    pub time: String,
}

#[derive(Serialize, Deserialize)]
struct NameFile {
    #[serde(rename = "polyarchName")]
    version: u64,
    reference: String,
    descriptor: Descriptor,
    origin: NameOrigin,
    time: String,
}

/// The file of a name, and what it says.
pub(crate) type Found = (PathBuf, Result<Named, StoreError>);

/// The folder of names.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    root: PathBuf,
}

impl Names {
    /// Takes the folder; it need not exist.
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns where a name lies, or would.
    pub(crate) fn path(&self, name: &Reference, tag: &Tag) -> PathBuf {
        self.tags_folder(name).join(format!("{}{SUFFIX}", encode(tag.as_str())))
    }

    /// Reads a name, if it is here. Blocks.
    pub(crate) fn read(&self, name: &Reference, tag: &Tag) -> Result<Option<Named>, StoreError> {
        read_file(&self.path(name, tag))
    }

    /// Writes a name. Blocks; the caller holds the lock.
    pub(crate) fn write(&self, ingest: &Path, named: &Named) -> Result<(), StoreError> {
        let tag = named.reference.target_tag().ok_or_else(|| StoreError::NoTag { reference: named.reference.familiar() })?;
        let path = self.path(&named.reference, &tag);
        let file = NameFile {
            version: NAME_VERSION,
            reference: named.reference.to_string(),
            descriptor: named.descriptor.clone(),
            origin: named.origin,
            time: named.time.clone(),
        };
        let bytes = serde_json::to_vec_pretty(&file).map_err(|source| StoreError::BadName { path: path.clone(), source })?;
        ingest::write_whole(ingest, &format!("write name {}", named.reference.familiar()), &path, &bytes)?;
        // The name survives a power cut only with its folder; what does not offer that is no reason to stop.
        if let Some(folder) = path.parent() {
            let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }

    /// Removes a name, and the folders that it leaves empty. Blocks; the caller holds the lock.
    pub(crate) fn remove(&self, name: &Reference, tag: &Tag) -> Result<(), StoreError> {
        let path = self.path(name, tag);
        fs::remove_file(&path).map_err(|error| StoreError::io(format!("remove name {}", name.familiar()), &path, error))?;
        let mut folder = path.parent();
        while let Some(empty) = folder.filter(|folder| *folder != self.root) {
            // Stops at the first that is not empty.
            if fs::remove_dir(empty).is_err() {
                break;
            }
            folder = empty.parent();
        }
        Ok(())
    }

    /// Lists the names of one repository, sorted by tag. Blocks.
    pub(crate) fn of_repository(&self, name: &Reference) -> Result<Vec<Named>, StoreError> {
        let mut found = Vec::new();
        for path in list(&self.tags_folder(name))? {
            found.extend(read_file(&path)?);
        }
        found.sort_by(|one, other| one.reference.tag().cmp(&other.reference.tag()));
        Ok(found)
    }

    /// Lists the tags of one repository, sorted. Blocks.
    pub(crate) fn tags(&self, name: &Reference) -> Result<Vec<String>, StoreError> {
        let mut tags = Vec::new();
        for path in list(&self.tags_folder(name))? {
            let Some(part) = path.file_name().and_then(|file| file.to_str()?.strip_suffix(SUFFIX)) else { continue };
            if part.starts_with("%%") {
                tags.extend(read_file(&path)?.and_then(|named| named.reference.tag().map(|tag| tag.as_str().to_owned())));
            } else if let Ok(tag) = percent_decode_str(part).decode_utf8() {
                tags.push(tag.into_owned());
            }
        }
        tags.sort();
        Ok(tags)
    }

    /// Reads every name, in the order of their files; one that cannot be read comes as an error. Blocks.
    pub(crate) fn all(&self) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let mut paths = list(&folder)?;
            paths.sort();
            for path in paths {
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                    continue;
                }
                match read_file(&path) {
                    Ok(Some(named)) => found.push((path, Ok(named))),
                    Ok(None) => {}
                    Err(error) => found.push((path, Err(error))),
                }
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(found)
    }

    fn tags_folder(&self, name: &Reference) -> PathBuf {
        let mut folder = self.root.join(encode(name.registry()));
        folder.extend(name.repository().split('/').map(encode));
        folder.join(TAGS)
    }
}

/// Writes a moment as RFC 3339, in whole seconds, UTC.
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_default()
}

fn as_text<S: serde::Serializer>(reference: &Reference, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reference)
}

/// Reads the file of a name, if it is there.
fn read_file(path: &Path) -> Result<Option<Named>, StoreError> {
    let wrong = |source| StoreError::BadName { path: path.to_owned(), source };
    let bytes = match small::read(path, MAX_FILE)? {
        None => return Ok(None),
        Some(Small::Bytes(bytes)) => bytes,
        Some(Small::TooLong(length)) => return Err(wrong(serde::de::Error::custom(format!("{length} bytes are no name")))),
    };
    let tree: Value = serde_json::from_slice(&bytes).map_err(wrong)?;
    if let Some(version) = tree.get("polyarchName").and_then(Value::as_u64).filter(|version| *version > NAME_VERSION) {
        return Err(StoreError::NewerName { path: path.to_owned(), version });
    }
    let file: NameFile = serde_json::from_value(tree).map_err(wrong)?;
    let reference: Reference = file.reference.parse().map_err(|error| wrong(serde::de::Error::custom(error)))?;
    let Some(tag) = reference.target_tag() else { return Err(wrong(serde::de::Error::custom("expected a name with a tag"))) };
    let reference = reference.with(Thing::Tag(tag));
    Ok(Some(Named { reference, descriptor: file.descriptor, origin: file.origin, time: file.time }))
}

/// Writes a part of a name as a file name: reversible, or its hash where it would be too long.
fn encode(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => text.push(char::from(byte)),
            other => text.push_str(percent_encode_byte(other)),
        }
    }
    // `%%` begins no encoded part, so a hash is never taken for one.
    if text.len() > MAX_PART { format!("%%{}", Digest::of(part.as_bytes()).hex()) } else { text }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathBuf {
        let name: Reference = text.parse().unwrap();
        Names::new(PathBuf::new()).path(&name, &name.target_tag().unwrap())
    }

    #[test]
    fn no_two_names_share_a_file_even_where_case_is_ignored() {
        let long = |letter: &str| format!("a:{}", letter.repeat(128));
        let names = [
            "a:latest",
            "a:Latest",
            "a:LATEST",
            "a/latest.json:x",
            "a/x",
            "a/x:json",
            "a/x:x.json",
            "reg.io/a:latest",
            "REG.io/a:latest",
            "reg.io:80/a:latest",
            "reg.io/a/b:c",
            "reg.io/a:b",
            "[::1]:5000/a:latest",
            &long("a"),
            &long("A"),
            &long("b"),
        ];
        let mut paths: Vec<String> = names.iter().map(|name| path(name).to_str().unwrap().to_lowercase()).collect();
        for path in &paths {
            assert!(path.split('/').all(|part| part.len() <= 255 && part != ".." && part != "."), "{path}");
        }
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), names.len());
        assert_eq!(path("Reg.io:80/a/b:V1"), Path::new("%52eg.io%3A80/a/b/_tags/%561.json"));
    }

    #[test]
    fn times_are_whole_seconds_in_utc() {
        assert_eq!(rfc3339(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_900)), "2023-11-14T22:13:20Z");
        assert_eq!(rfc3339(SystemTime::UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01T00:00:00Z");
    }
}
