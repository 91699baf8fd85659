//! An ADD of files: archives among them are unpacked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use fault::{Fault, Hint, Kind};
use graph::{Archives, CopyError, CopyStep, Far, Fars, From, Lay, Times, Tree, TreePath, find_added, lay_add};
use layer::index::PathIndex;
use layer::tar::EntryKind;
use oci::Digest;

use super::Spool;
use super::archive::{ArchiveError, Folders, read_archive_into};
use super::tree::Files;
use crate::context::Origin;
use crate::pack::{Contents, PackError, Reading};

/// What an `ADD` takes files from, and where the bytes of archives are kept meanwhile.
#[derive(Clone, Copy)]
pub struct AddFrom<'a> {
    /// The files.
    pub files: &'a Arc<dyn Origin>,
    /// They keep their owners; else they are root's. What is in an archive keeps its own in any case.
    pub keeps_owners: bool,
    /// Tells whether an ignore file hides a path that is not there.
    pub hides: &'a (dyn Fn(&TreePath) -> bool + Sync),
    /// What its addresses lead to.
    pub far: &'a BTreeMap<String, FarFiles>,
    /// A scratch folder.
    pub scratch: &'a Path,
}

/// What an address led to.
#[derive(Clone)]
pub struct FarFiles {
    /// The files.
    pub files: Arc<dyn Origin>,
    /// What of them is copied.
    pub named: TreePath,
    /// It is a file, which `--unpack` unpacks where it is an archive.
    pub is_file: bool,
}

impl<'a> AddFrom<'a> {
    fn from(&self) -> From<'a> {
        From { tree: self.files.tree(), keeps_owners: self.keeps_owners, hides: self.hides }
    }
}

/// Lays an `ADD` over a root; returns the entries of its layer, and where their bytes are. Each file that is named, by itself or by
/// a pattern, and is a tar of any compression is unpacked into the destination; all else is copied, and so is everything with
/// `--unpack=false`.
///
/// A file from an address is copied as it is, unless `--unpack` says otherwise.
///
/// # Errors
/// Says which source is not there or cannot be read, which path cannot be written, or what is wrong with an archive.
pub async fn add(step: &CopyStep, root: &mut PathIndex, from: AddFrom<'_>, times: Times) -> Result<(Lay, Arc<dyn Contents>), AddError> {
    let named = find_added(step, &from.from())?;
    let has_bytes = |path: &TreePath| from.files.size(path).is_some_and(|size| size > 0);
    let named: Vec<TreePath> = named.into_iter().filter(has_bytes).collect();
    let mut archives = if named.is_empty() { BTreeMap::new() } else { unpack(from.files, named, from.scratch).await? };
    let mut far = Fars::new();
    let mut places = BTreeMap::new();
    for (number, (address, found)) in from.far.iter().enumerate() {
        let prefix = prefix(number);
        if found.is_file && step.unpack == Some(true) {
            let unpacked = unpack(&found.files, vec![found.named.clone()], from.scratch).await?;
            archives.extend(unpacked.into_iter().map(|(path, files)| (prefix.join(path.bytes()), files)));
        }
        far.insert(address.clone(), Far { tree: found.files.tree(), named: found.named.clone(), prefix: prefix.clone() });
        places.insert(prefix, Arc::clone(&found.files) as Arc<dyn Contents>);
    }
    let trees: Archives<'_> = archives.iter().map(|(path, files)| (path.clone(), files.tree())).collect();
    let lay = lay_add(step, root, &from.from(), &far, &trees, times)?;
    let mut files = Arc::clone(from.files) as Arc<dyn Contents>;
    if !places.is_empty() {
        files = Arc::new(Joined { files, places });
    }
    Ok((lay, if archives.is_empty() { files } else { Arc::new(Added { files, archives }) }))
}

/// Returns what stands before the paths of what an address led to. No file is called so: no name has such a byte.
fn prefix(number: usize) -> TreePath {
    TreePath::clean(format!("\0{number}").as_bytes())
}

/// Reads those of some files that are archives.
async fn unpack(files: &Arc<dyn Origin>, named: Vec<TreePath>, scratch: &Path) -> Result<BTreeMap<TreePath, Files>, AddError> {
    let real: Vec<TreePath> = named.iter().map(|path| first_name(files.tree(), path)).collect();
    files.prepare(&real).await?;
    let (files, spool) = (Arc::clone(files), Arc::new(Spool::new(scratch.to_owned())));
    let reading = tokio::task::spawn_blocking(move || {
        let mut archives = BTreeMap::new();
        for (path, real) in named.into_iter().zip(real) {
            let mut archive = Ok(None);
            files.read(&real, &mut |reader| {
                archive = read_archive_into(reader, &path.to_string(), &spool, Folders::Listed);
                Ok(())
            })?;
            archives.extend(archive?.map(|files| (path, files)));
        }
        Ok(archives)
    });
    reading.await.map_err(|problem| AddError::Stopped(problem.to_string()))?
}

/// Returns the name of a file that has its bytes: another one is a hard link to it.
fn first_name(tree: &Tree, path: &TreePath) -> TreePath {
    match tree.get(path).map(|entry| &entry.kind) {
        Some(EntryKind::Hardlink { target }) => TreePath::clean(target),
        _ => path.clone(),
    }
}

/// Files, and below a prefix each what addresses led to.
struct Joined {
    files: Arc<dyn Contents>,
    places: BTreeMap<TreePath, Arc<dyn Contents>>,
}

impl Joined {
    fn place(&self, path: &TreePath) -> (&Arc<dyn Contents>, TreePath) {
        let found = self.places.iter().find_map(|(prefix, files)| Some((files, TreePath::clean(path.below(prefix)?))));
        found.unwrap_or_else(|| (&self.files, path.clone()))
    }
}

#[async_trait]
impl Contents for Joined {
    async fn prepare(&self, paths: &[TreePath]) -> Result<(), PackError> {
        for files in self.places.values().chain([&self.files]) {
            let placed = paths.iter().map(|path| self.place(path)).filter(|(place, _)| Arc::ptr_eq(place, files));
            let own: Vec<TreePath> = placed.map(|(_, below)| below).collect();
            files.prepare(&own).await?;
        }
        Ok(())
    }

    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        let (files, below) = self.place(path);
        files.read(&below, reading)
    }

    fn identity(&self, path: &TreePath) -> Option<Digest> {
        let (files, below) = self.place(path);
        files.identity(&below)
    }

    fn learn(&self, path: &TreePath, hash: &Digest, begun: SystemTime) {
        let (files, below) = self.place(path);
        files.learn(&below, hash, begun);
    }
}

/// Files, and archives among them, whose own files are below their paths.
struct Added {
    files: Arc<dyn Contents>,
    archives: BTreeMap<TreePath, Files>,
}

impl Added {
    /// Finds the archive that a path is in, and the path there.
    fn archive(&self, path: &TreePath) -> Option<(&Files, TreePath)> {
        // Archives are files, so none is below another, and nothing else is between one and what is in it.
        let (archive, files) = self.archives.range(..=path).next_back()?;
        let below = path.below(archive).filter(|below| !below.is_empty())?;
        Some((files, TreePath::clean(below)))
    }
}

#[async_trait]
impl Contents for Added {
    async fn prepare(&self, paths: &[TreePath]) -> Result<(), PackError> {
        // What is in an archive was kept when it was read.
        let outside: Vec<TreePath> = paths.iter().filter(|path| self.archive(path).is_none()).cloned().collect();
        self.files.prepare(&outside).await
    }

    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        match self.archive(path) {
            Some((archive, below)) => archive.read(&below, reading),
            None => self.files.read(path, reading),
        }
    }

    fn identity(&self, path: &TreePath) -> Option<Digest> {
        // What is in an archive is known by nothing but its bytes.
        if self.archive(path).is_some() { None } else { self.files.identity(path) }
    }

    fn learn(&self, path: &TreePath, hash: &Digest, begun: SystemTime) {
        if self.archive(path).is_none() {
            self.files.learn(path, hash, begun);
        }
    }
}

/// An `ADD` that cannot be laid.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// It makes no sense.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] PackError),
    /// An archive cannot be unpacked.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The files were not read to their end.
    #[error("archives were not read to their end: {0}")]
    Stopped(String),
}

impl Fault for AddError {
    fn kind(&self) -> Kind {
        match self {
            Self::Copy(problem) => problem.kind(),
            Self::Read(problem) => problem.kind(),
            Self::Archive(problem) => problem.kind(),
            Self::Stopped(_) => Kind::Build,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Copy(problem) => problem.hint(),
            Self::Read(problem) => problem.hint(),
            Self::Archive(problem) => problem.hint(),
            Self::Stopped(_) => None,
        }
    }
}
