//! Looks whether everything in the store is what it says it is.

use std::collections::HashSet;
use std::error::Error as _;
use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use content::Result;
use oci::Digest;
use serde::Serialize;

use super::{PLACE, Store};
use crate::StoreError;
use crate::blobs::Listed;
use crate::names::Named;
use crate::tree::{self, Piece, Seen};

/// Threads that hash at once: more only wait for the disk.
const THREADS: usize = 2;

/// Something wrong in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Finding {
    /// A blob whose bytes are not those of its digest.
    Damaged {
        /// The blob.
        digest: Digest,
        /// Its file.
        path: PathBuf,
        /// The digest of the bytes in it.
        got: Digest,
    },
    /// A file that cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// An image of which a piece is missing or broken.
    Incomplete {
        /// The image's name.
        name: String,
        /// The piece.
        digest: Digest,
        /// What is wrong with it.
        problem: String,
    },
    /// A name whose file is broken, or lies where another name's belongs.
    BadName {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Something that does not belong among the blobs.
    Stray {
        /// Where it is.
        path: PathBuf,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { digest, path, got } => {
                write!(
                    formatter,
                    "blob {digest}: expected these bytes to have its digest, got {got} (remove {}, then fetch or make the image again)",
                    path.display()
                )
            }
            Self::Unreadable { path, problem } => write!(formatter, "{}: {problem}", path.display()),
            Self::Incomplete { name, problem, .. } => write!(formatter, "{name}: {problem}"),
            Self::BadName { path, problem } => write!(formatter, "name file {}: {problem}", path.display()),
            Self::Stray { path } => write!(formatter, "{} is no blob", path.display()),
        }
    }
}

impl Store {
    /// Hashes every blob, and looks whether every name's image is whole. Changes nothing.
    ///
    /// # Errors
    /// Where the store cannot be read at all.
    pub async fn check(&self) -> Result<Vec<Finding>> {
        self.off(|store| {
            let listing = store.0.blobs.all()?;
            let mut findings = store.hash_all(&listing.blobs);
            findings.extend(listing.strays.into_iter().map(|path| Finding::Stray { path }));
            let damaged: HashSet<Digest> = findings
                .iter()
                .filter_map(|finding| match finding {
                    Finding::Damaged { digest, .. } => Some(digest.clone()),
                    _ => None,
                })
                .collect();
            for (path, named) in store.0.names.all()? {
                match named {
                    Err(error) => findings.push(Finding::BadName { path, problem: explain(&error) }),
                    Ok(named) => {
                        findings.extend(store.misplaced(&path, &named));
                        findings.extend(store.incomplete(&named, &damaged));
                    }
                }
            }
            Ok(findings)
        })
        .await
    }

    fn hash_all(&self, blobs: &[Listed]) -> Vec<Finding> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut findings = Vec::new();
            while let Some(blob) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                findings.extend(self.hash_one(&blob.digest));
            }
            findings
        };
        let mut findings: Vec<Finding> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        findings.sort_by_key(ToString::to_string);
        findings
    }

    fn hash_one(&self, digest: &Digest) -> Option<Finding> {
        let path = self.0.blobs.path(digest);
        match self.0.blobs.hash(digest) {
            Ok(got) if got == *digest => None,
            Ok(got) => Some(Finding::Damaged { digest: digest.clone(), path, got }),
            // Tidied away by another process in the meantime.
            Err(_) if !path.exists() => None,
            Err(error) => Some(Finding::Unreadable { path, problem: explain(&error) }),
        }
    }

    fn misplaced(&self, path: &std::path::Path, named: &Named) -> Option<Finding> {
        let right = self.0.names.path(&named.reference, &named.reference.target_tag()?);
        let problem = || format!("it says it is {}, which belongs in {}", named.reference.familiar(), right.display());
        (right != path).then(|| Finding::BadName { path: path.to_owned(), problem: problem() })
    }

    fn incomplete(&self, named: &Named, damaged: &HashSet<Digest>) -> Vec<Finding> {
        let name = named.reference.familiar();
        let mut findings = Vec::new();
        let root = Piece::entry(named.descriptor.clone());
        let _ = tree::visit(&self.0.blobs, PLACE, root, &mut Seen::default(), |piece, found| {
            let digest = piece.descriptor.digest.clone();
            let problem = match found {
                Err(error) => Some(error.to_string()),
                Ok(_) if damaged.contains(&digest) => Some(format!("blob {digest} is damaged")),
                Ok(_) => None,
            };
            findings.extend(problem.map(|problem| Finding::Incomplete { name: name.clone(), digest, problem }));
            ControlFlow::<()>::Continue(())
        });
        findings
    }
}

fn explain(error: &StoreError) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
