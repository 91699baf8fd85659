//! What lies at the paths that a person names, and which of several readings of a path is meant.

use std::borrow::Cow;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use fault::{Fault, Hint, Kind};
use oci::Locator;

/// A path where no image can be.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// Nothing is there.
    #[error("nothing is at {}", .0.display())]
    Nothing(PathBuf),
    /// Something else is there.
    #[error("expected an OCI layout or an image archive at {}, got {got}", path.display())]
    Unknown {
        /// The path.
        path: PathBuf,
        /// What was found.
        got: &'static str,
    },
    /// A new archive, of which nobody can tell the kind.
    #[error("{} is a new archive: expected to be told which kind", .0.display())]
    NewArchive(PathBuf),
}

impl Fault for PathError {
    fn kind(&self) -> Kind {
        match self {
            Self::Nothing(_) | Self::Unknown { .. } => Kind::Place,
            Self::NewArchive(_) => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Nothing(_) => None,
            Self::Unknown { .. } => Some(Hint::new("say what it is: oci:DIR, oci-archive:FILE or docker-archive:FILE")),
            Self::NewArchive(path) => {
                // What is written is never compressed, so that it can be read by position.
                let shown = path.display().to_string();
                let plain = match shown.strip_suffix(".tgz") {
                    Some(stem) => format!("{stem}.tar"),
                    None => shown.strip_suffix(".gz").unwrap_or(&shown).to_owned(),
                };
                Some(Hint::new(format!("oci-archive:{plain} or docker-archive:{plain}")))
            }
        }
    }
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or nothing that may be looked at.
    Nothing,
    /// A folder with the file `oci-layout`.
    Layout,
    /// Another folder.
    Folder,
    /// A file without bytes: a place kept free.
    EmptyFile,
    /// Anything else.
    File,
}

/// Looks at a path, and follows links.
pub fn look(path: &Path) -> Found {
    match fs::metadata(path) {
        Err(_) => Found::Nothing,
        Ok(found) if found.is_dir() => {
            if path.join("oci-layout").is_file() {
                Found::Layout
            } else {
                Found::Folder
            }
        }
        Ok(found) if found.is_file() && found.len() == 0 => Found::EmptyFile,
        Ok(_) => Found::File,
    }
}

/// Refuses a path at which nothing is, unless it is `-`, the standard input.
///
/// # Errors
/// [`PathError::Nothing`].
pub fn check_there(path: &Path) -> Result<(), PathError> {
    match fs::metadata(path) {
        Err(error) if path != Path::new("-") && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(PathError::Nothing(path.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Tells whether a file begins as a tar does, plain or gzip (POSIX.1-2017, pax, "ustar Interchange
/// Format": `ustar` stands at byte 257; RFC 1952 section 2.3.1).
pub fn looks_like_archive(path: &Path) -> bool {
    let mut start = Vec::new();
    // A pipe would be waited for.
    if path.is_file()
        && let Ok(file) = fs::File::open(path)
    {
        let _ = file.take(262).read_to_end(&mut start);
    }
    start.starts_with(&[0x1f, 0x8b]) || start.get(257..).is_some_and(|magic| magic == b"ustar")
}

/// Tells whether a name that is still free looks like that of an archive.
pub fn is_named_as_archive(path: &Path) -> bool {
    let name = path.to_string_lossy();
    [".tar", ".tar.gz", ".tgz"].iter().any(|ending| name.ends_with(ending))
}

/// Chooses the reading of a source whose path exists: `oci:dist:localhost/app:1` is a name with a
/// slash in `dist`, where there is a `dist`.
pub fn read_as(locator: &Locator) -> Cow<'_, Locator> {
    choose(locator, |path| look(path) == Found::Nothing)
}

/// Chooses the reading of a target. What can be made as it was written is made.
pub fn written_as(locator: &Locator) -> Cow<'_, Locator> {
    choose(locator, |path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        look(path) == Found::Nothing && parent.is_some_and(|parent| look(parent) == Found::Nothing)
    })
}

fn choose(locator: &Locator, leads_nowhere: impl Fn(&Path) -> bool) -> Cow<'_, Locator> {
    match path_of(locator) {
        Some(path) if leads_nowhere(path) => locator.alternatives().into_iter().find(is_there).map_or(Cow::Borrowed(locator), Cow::Owned),
        _ => Cow::Borrowed(locator),
    }
}

const fn path_of(locator: &Locator) -> Option<&PathBuf> {
    match locator {
        Locator::Layout { path, .. } | Locator::LayoutArchive { path, .. } | Locator::Path { path, .. } => Some(path),
        _ => None,
    }
}

/// Tells whether the kind of thing is there that a locator means. A folder that is no layout does
/// not count: the beginning of a path is one, as a rule.
fn is_there(locator: &Locator) -> bool {
    match locator {
        Locator::Layout { path, .. } => look(path) == Found::Layout,
        Locator::LayoutArchive { path, .. } => look(path) == Found::File,
        Locator::Path { path, .. } => matches!(look(path), Found::Layout | Found::File),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_path_with_colons_is_read_as_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| format!("{}/{name}", folder.path().display());
        fs::create_dir_all(inside("dist")).unwrap();
        fs::write(inside("dist/oci-layout"), "{}").unwrap();
        let locator = |name: &str| -> Locator { format!("oci:{}", inside(name)).parse().unwrap() };
        let chosen = |read: Cow<'_, Locator>| path_of(&read).unwrap().display().to_string();
        let slashed = locator("dist:localhost/app:1");
        assert_eq!(chosen(read_as(&slashed)), inside("dist"));
        assert_eq!(chosen(written_as(&slashed)), inside("dist"));
        // Without a layout there, it stays as it was read.
        let other = locator("nowhere:localhost/app:1");
        assert_eq!(chosen(read_as(&other)), inside("nowhere:localhost/app"));
        // A folder that can be made is made, whatever else may be there.
        fs::create_dir_all(inside("dist:2")).unwrap();
        fs::write(inside("dist:2/oci-layout"), "{}").unwrap();
        assert_eq!(chosen(written_as(&locator("dist:2/new:1"))), inside("dist:2/new"));
    }

    #[test]
    fn an_archive_is_known_by_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let file = |bytes: &[u8]| {
            let path = folder.path().join("file");
            fs::write(&path, bytes).unwrap();
            looks_like_archive(&path)
        };
        let mut tar = vec![0; 512];
        tar.splice(257..262, *b"ustar");
        assert!(file(&tar) && file(&[0x1f, 0x8b, 8]));
        assert!(!file(b"hello") && !file(b"") && !looks_like_archive(folder.path()));
    }
}
