//! Where emulators are taken from: files of a folder or of an image that go by their names.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use emulate::Machine;
use engine::base::Base;
use engine::files::{Files, pick};
use engine::pack::{Contents, PackError};
use fault::Failure;
use graph::{TreePath, runs_natively};
use index::{IndexError, find_image};
use oci::{Locator, Matcher, RawManifest, Selector};

use super::error::EmulatorsError;
use crate::commands::Session;
use crate::machines::host;
use crate::open::{Opened, Opener};
use crate::paths::{self, Found};

/// A file by the name of an emulator.
pub struct Candidate {
    /// Whose programs it should run.
    pub machine: Machine,
    /// Its name, which emulators of that machine have.
    pub name: String,
    /// Where it is, in its own place.
    pub shown: String,
    bytes: Bytes,
}

/// Where its bytes are.
enum Bytes {
    File(PathBuf),
    Image(Arc<Files>, TreePath),
}

/// What is wrong with a file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot be read: {0}")]
    File(#[from] io::Error),
    #[error(transparent)]
    Image(#[from] PackError),
}

impl Candidate {
    /// Reads it to its end.
    ///
    /// # Errors
    /// The inner one is of `work`.
    pub fn read<T>(&self, work: impl FnOnce(&mut dyn Read) -> T) -> Result<T, ReadError> {
        match &self.bytes {
            // Opening a named pipe would wait for whoever writes to it.
            Bytes::File(path) if !fs::metadata(path)?.is_file() => Err(ReadError::File(io::Error::other("not a file"))),
            Bytes::File(path) => Ok(work(&mut File::open(path)?)),
            Bytes::Image(files, path) => {
                let (mut work, mut done) = (Some(work), None);
                files.read(path, &mut |reader| {
                    done = work.take().map(|work| work(reader));
                    Ok(())
                })?;
                done.ok_or_else(|| ReadError::File(io::ErrorKind::NotFound.into()))
            }
        }
    }
}

/// Finds what there is.
///
/// # Errors
/// Where the folder or the image cannot be read.
pub async fn candidates(session: &Session, opener: &Opener, from: &Locator) -> Result<Vec<Candidate>, Failure> {
    match paths::read_as(from).as_ref() {
        Locator::Path { path, .. } if paths::look(path) == Found::Folder => Ok(in_folder(path)?),
        image => in_image(session, opener, image).await,
    }
}

fn in_folder(folder: &Path) -> Result<Vec<Candidate>, EmulatorsError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(EmulatorsError::disk("read", folder))? {
        let entry = entry.map_err(EmulatorsError::disk("read", folder))?;
        if let Some((machine, name)) = known(entry.file_name().as_encoded_bytes()) {
            found.push(Candidate { machine, name, shown: entry.path().display().to_string(), bytes: Bytes::File(entry.path()) });
        }
    }
    found.sort_by(|one, other| (one.machine, &one.name).cmp(&(other.machine, &other.name)));
    Ok(found)
}

async fn in_image(session: &Session, opener: &Opener, from: &Locator) -> Result<Vec<Candidate>, Failure> {
    let opened = opener.source(from).await?;
    opener.announce(&[&opened]);
    let manifest = for_this_machine(opener, &opened).await?;
    let base = Base::read(&opened.label, opened.place, &manifest).await?;
    let files = Arc::new(pick(&base, &session.context.scratch, |name| Machine::of_emulator(name).is_some()).await?);
    let root = TreePath::default();
    let candidate = |path: &TreePath| {
        let (machine, name) = known(path.name())?;
        // What a link leads to has a name of its own.
        files.size(path)?;
        Some(Candidate { machine, name, shown: format!("/{path}"), bytes: Bytes::Image(Arc::clone(&files), path.clone()) })
    };
    let mut found: Vec<Candidate> = files.tree().below(&root).filter_map(|(path, _)| candidate(path)).collect();
    found.sort_by(|one, other| (one.machine, &one.name, &one.shown).cmp(&(other.machine, &other.name, &other.shown)));
    Ok(found)
}

/// Finds the image for this machine among those of a document.
async fn for_this_machine(opener: &Opener, opened: &Opened) -> Result<RawManifest, Failure> {
    let explained = |problem| opener.explain(opened, problem);
    let root = opened.place.manifest(&opened.selector).await.map_err(explained)?;
    let host = host();
    let matcher = Matcher::only(&host);
    let mut absent = None;
    for platform in matcher.accepted().iter().filter(|platform| runs_natively(&host, platform)) {
        match find_image(&*opened.place, &opened.label, &root, platform).await {
            Ok(entry) => return opened.place.manifest(&Selector::Digest(entry.digest)).await.map_err(explained),
            Err(problem @ IndexError::Absent { .. }) => absent = absent.or(Some(problem)),
            Err(problem) => return Err(problem.into()),
        }
    }
    match absent {
        Some(problem) => Err(problem.into()),
        None => Ok(root),
    }
}

fn known(name: &[u8]) -> Option<(Machine, String)> {
    Some((Machine::of_emulator(name)?, String::from_utf8_lossy(name).into_owned()))
}
