//! The files of a work tree as a tar in a library: root's, 0644 or 0755, in one order, so that a commit is always the same bytes.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use content::{Library, Outbox};
use layer::LayerError;
use layer::tar::{Entry, Writer};
use oci::{Algorithm, Digest, Hasher};

use crate::error::FetchError;

/// What git keeps for itself; no file of a repository is called so.
const GIT: &str = ".git";

/// Which time files have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Times {
    /// That of their last change on the disk.
    Own,
    /// This one, in seconds since 1970.
    All(i64),
}

/// Why files are not packed.
pub(super) enum PackProblem {
    /// The folder that is wanted is not there, or is no folder.
    NoFolder(String),
    /// They are too many bytes.
    TooLarge(u64),
    /// They cannot be read or written.
    Files(LayerError),
    /// The library does not take them.
    Store(content::Error),
}

impl PackProblem {
    /// Says of which repository.
    pub(super) fn told(self, address: &str) -> FetchError {
        let address = address.to_owned();
        match self {
            Self::NoFolder(folder) => FetchError::NoFolder { address, folder },
            Self::TooLarge(limit) => FetchError::TooLarge { address, limit },
            Self::Files(problem) => FetchError::Files { address, problem: Box::new(problem) },
            Self::Store(problem) => FetchError::Store(problem),
        }
    }
}

impl From<content::Error> for PackProblem {
    fn from(problem: content::Error) -> Self {
        Self::Store(problem)
    }
}

/// Packs a work tree, or a folder of it.
pub(super) async fn pack(
    library: &dyn Library,
    tree: &Path,
    folder: Option<&str>,
    keeps_git: bool,
    times: Times,
    limit: u64,
) -> Result<(Digest, u64), PackProblem> {
    let (outbox, mut receiver) = Outbox::new();
    let wanted = folder.unwrap_or_default();
    let root = beneath(tree, wanted).ok_or_else(|| PackProblem::NoFolder(wanted.to_owned()))?;
    // A folder of a repository is no repository.
    let keeps_git = keeps_git && folder.is_none();
    let writing = tokio::task::spawn_blocking(move || write(&root, keeps_git, times, outbox));
    let mut draft = library.draft().await?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    while let Some(piece) = receiver.recv().await {
        hasher.update(&piece);
        if draft.size().saturating_add(piece.len() as u64) > limit {
            return Err(PackProblem::TooLarge(limit));
        }
        draft.write(piece).await?;
    }
    let written = writing.await.unwrap_or_else(|problem| Err(LayerError::read(io::Error::other(problem))));
    written.map_err(PackProblem::Files)?;
    let digest = hasher.finish();
    let size = draft.commit(&digest).await?.size;
    Ok((digest, size))
}

/// Finds a folder of the tree; over links no way leads, nor out of it.
pub(super) fn beneath(tree: &Path, folder: &str) -> Option<PathBuf> {
    let mut path = tree.to_owned();
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        path.push(part);
        if part == ".." || !fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            return None;
        }
    }
    Some(path)
}

fn write(root: &Path, keeps_git: bool, times: Times, outbox: Outbox) -> Result<(), LayerError> {
    let mut writer = Writer::new(outbox);
    let mut ahead = names(root, keeps_git, &[])?;
    while let Some(path) = ahead.pop() {
        let at = root.join(Path::new(std::ffi::OsStr::from_bytes(&path)));
        let found = fs::symlink_metadata(&at).map_err(LayerError::read)?;
        let time = match times {
            Times::All(time) => time,
            Times::Own => found.mtime(),
        };
        if found.is_dir() {
            writer.append_empty(&Entry::directory(path.as_slice()).mtime(time))?;
            ahead.extend(names(&at, keeps_git, &path)?);
        } else if found.is_symlink() {
            let target = fs::read_link(&at).map_err(LayerError::read)?;
            writer.append_empty(&Entry::symlink(path, target.into_os_string().into_vec()).mtime(time))?;
        } else if found.is_file() {
            let mode = if found.mode() & 0o100 == 0 { 0o644 } else { 0o755 };
            let file = File::open(&at).map_err(LayerError::read)?;
            writer.append(&Entry::file(path, found.len()).mode(mode).mtime(time), file)?;
        }
    }
    writer.finish().map(drop)
}

/// Lists what is in a folder, by its paths from the root, the first one last.
fn names(folder: &Path, keeps_git: bool, above: &[u8]) -> Result<Vec<Vec<u8>>, LayerError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(LayerError::read)? {
        let name = entry.map_err(LayerError::read)?.file_name();
        if keeps_git || name != GIT {
            let slash: &[u8] = if above.is_empty() { b"" } else { b"/" };
            names.push([above, slash, name.as_bytes()].concat());
        }
    }
    names.sort_unstable_by(|one, other| other.cmp(one));
    Ok(names)
}
