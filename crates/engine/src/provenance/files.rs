//! A statement of files that are no image: it lies beside them, as BuildKit's `provenance.json` does.

use std::sync::Arc;

use fault::{Fault, Hint, Kind};
use graph::{Content, Laid, Lay, TreePath};
use layer::LayerError;
use layer::tar::{Entry, EntryKind};
use oci::{Algorithm, Digest, Hasher};

use super::account::Account;
use super::moments::Moments;
use super::statement::Statement;
use crate::files::Files;
use crate::pack::{Contents, Nowhere, PackError};

/// How much of a file is read at once.
const CHUNK: usize = 1 << 16;

/// Why no statement lies beside files.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Its place is taken.
    #[error("the image has a file /{0} itself: the provenance of its files would take its place")]
    Taken(String),
    /// A file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] PackError),
    /// The thread that read them is gone.
    #[error("files of the image were not read to their end: {0}")]
    Stopped(String),
}

impl Fault for FilesError {
    fn kind(&self) -> Kind {
        match self {
            Self::Taken(_) => Kind::Usage,
            Self::Unreadable(problem) => problem.kind(),
            Self::Stopped(_) => Kind::Bug,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Taken(_) => Some(Hint::new("call it otherwise: --attest type=provenance,filename=NAME")),
            Self::Unreadable(problem) => problem.hint(),
            Self::Stopped(_) => None,
        }
    }
}

/// Puts a statement beside files: every one of them is a subject of it.
///
/// # Errors
/// Where a file cannot be read, or there is one of that name.
pub async fn beside(files: Arc<Files>, name: &str, account: &Account, moments: &Moments) -> Result<Arc<Files>, FilesError> {
    let path = TreePath::clean(name.as_bytes());
    if files.tree().get(&path).is_some() {
        return Err(FilesError::Taken(path.to_string()));
    }
    let regular: Vec<TreePath> =
        files.tree().below(&TreePath::default()).filter(|(_, entry)| is_file(entry)).map(|(path, _)| path.clone()).collect();
    files.prepare(&regular).await?;
    let reading = Arc::clone(&files);
    let hashed = tokio::task::spawn_blocking(move || {
        regular.into_iter().map(|path| hash(&reading, &path).map(|digest| (path, digest))).collect::<Result<Vec<_>, PackError>>()
    });
    let hashed = hashed.await.map_err(|problem| FilesError::Stopped(problem.to_string()))??;
    let statement = Statement::new(account, moments);
    let statement = hashed.iter().fold(statement, |statement, (path, digest)| statement.of(&path.to_string(), digest));
    let text = statement.text().into_bytes();
    // BuildKit's mode: who may read the files is not who may read how they came to be.
    let entry = Entry { mode: 0o600, mtime: moments.ended, ..Entry::file(path.bytes().to_vec(), text.len() as u64) };
    let mut files = Files::clone(&files);
    let nowhere: Arc<dyn Contents> = Arc::new(Nowhere);
    files.lay(&Lay::from([(path, Laid { entry, content: Content::Inline(text) })]), &nowhere);
    Ok(Arc::new(files))
}

fn is_file(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::File { .. } | EntryKind::Hardlink { .. })
}

fn hash(files: &Files, path: &TreePath) -> Result<Digest, PackError> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    files.read(path, &mut |reader| {
        let mut chunk = vec![0; CHUNK];
        loop {
            match reader.read(&mut chunk).map_err(|problem| PackError::Layer(LayerError::read(problem)))? {
                0 => return Ok(()),
                count => hasher.update(chunk.get(..count).unwrap_or_default()),
            }
        }
    })?;
    Ok(hasher.finish())
}
