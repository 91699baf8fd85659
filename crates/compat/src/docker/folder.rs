//! Docker's folder of lists: one folder a list, one file an image.
//!
//! Every file is written beside and renamed into its place, so neither tool ever reads half of one.
//! What is written beside, and who a folder belongs to, is kept in `.polyarch` there: docker takes
//! every file in a list's folder for an image.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use oci::Reference;
use tempfile::NamedTempFile;

use super::entry::Entry;
use super::error::{DockerError, Flaw};
use super::list::List;

/// What is ours below the folder.
const OWN: &str = ".polyarch";

/// What is written beside: whole lists, and files of lists that are there.
/// No name has a `#`, so nothing here is taken for a note of whose folder one is.
const NEW: &str = "#new-";
const FILE: &str = "#file-";
/// How long what is written beside is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(60 * 60);

/// How often a list is written anew when our own folder went meanwhile.
const TRIES: u32 = 10;

/// The most bytes of a file: a manifest in base64, what it says, and the rest.
const MAX_FILE: u64 = 3 * oci::MAX_MANIFEST_SIZE;

/// The folder `manifests` in docker's configuration folder.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

/// Returns the name under which docker keeps something. Several names may be kept under one.
pub(super) fn file_name(reference: &Reference) -> String {
    reference.to_string().replace(':', "-").replace('/', "_")
}

impl Folder {
    /// Names the folder; nothing is read yet.
    pub fn new(docker_config: &Path) -> Self {
        Self { root: docker_config.join("manifests") }
    }

    /// Returns the folder of a list.
    pub fn of(&self, list: &Reference) -> PathBuf {
        self.root.join(file_name(list))
    }

    /// Reads a list, or returns `None` where there is none.
    ///
    /// # Errors
    /// A file that cannot be read or was written half.
    pub fn list(&self, list: &Reference) -> Result<Option<List>, DockerError> {
        if self.other_owner(list).is_some() {
            return Ok(None);
        }
        let folder = self.of(list);
        let found = match fs::read_dir(&folder) {
            Ok(found) => found,
            Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(None),
            Err(problem) => return Err(disk("read", &folder, problem)),
        };
        let mut names: Vec<OsString> = Vec::new();
        for file in found {
            names.push(file.map_err(|problem| disk("read", &folder, problem))?.file_name());
        }
        // Docker's order: that of the files.
        names.sort();
        let mut entries = Vec::new();
        for name in names {
            entries.push(read(&folder.join(&name), list)?);
        }
        Ok(Some(List::new(list.clone(), entries)))
    }

    /// Refuses to write a list whose folder is another list's.
    ///
    /// # Errors
    /// Names the other list.
    pub fn check_free(&self, list: &Reference) -> Result<(), DockerError> {
        match self.other_owner(list) {
            Some(other) => Err(DockerError::Collides { other, folder: self.of(list).display().to_string() }),
            None => Ok(()),
        }
    }

    /// Returns the list that made the folder, if it is known and another one. Docker leaves no such
    /// note, and a folder that it made anew since is another folder than the one that was noted.
    fn other_owner(&self, list: &Reference) -> Option<String> {
        let note = fs::read_to_string(self.note(list)).ok()?;
        let (owner, folder) = note.trim_end().split_once('\n')?;
        (folder == identity(&self.of(list))? && owner != list.to_string()).then(|| owner.to_owned())
    }

    fn note(&self, list: &Reference) -> PathBuf {
        self.root.join(OWN).join(file_name(list))
    }

    /// Writes a list: what it holds now, and nothing that it held before.
    ///
    /// # Errors
    /// Leaves a list that is new as it was: not there. One that was there keeps each file whole.
    pub fn save(&self, list: &List) -> Result<(), DockerError> {
        let mut tries = 1;
        loop {
            match self.try_to_save(list) {
                // The last list of all was removed meanwhile, and our own folder with it.
                Err(DockerError::Disk { problem, .. }) if problem.kind() == ErrorKind::NotFound && tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    fn try_to_save(&self, list: &List) -> Result<(), DockerError> {
        let folder = self.of(list.name());
        let own = self.root.join(OWN);
        fs::create_dir_all(&own).map_err(|problem| disk("write", &own, problem))?;
        sweep(&own);
        if folder.is_dir() {
            return self.update(list, &folder, &own);
        }
        let mut builder = tempfile::Builder::new();
        // Others may read it, as what docker writes: the umask takes away what they may not.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755));
        let new = builder.prefix(NEW).tempdir_in(&own).map_err(|problem| disk("write", &own, problem))?;
        for entry in list.entries() {
            write(&new.path().join(file_name(&entry.reference)), new.path(), entry)?;
        }
        match fs::rename(new.path(), &folder) {
            // The folder has gone to its place; nothing is left to remove.
            Ok(()) => drop(new.keep()),
            // Somebody else made it meanwhile: both lists become one, as docker's do.
            Err(problem) if is_there(&problem) => return self.update(list, &folder, &own),
            Err(problem) => return Err(disk("write", &folder, problem)),
        }
        self.sign(list.name());
        Ok(())
    }

    fn update(&self, list: &List, folder: &Path, own: &Path) -> Result<(), DockerError> {
        for entry in list.entries() {
            let file = file_name(&entry.reference);
            if list.changed().contains(&file) {
                write(&folder.join(file), own, entry)?;
            }
        }
        for gone in list.gone() {
            remove_file(&folder.join(gone))?;
        }
        self.sign(list.name());
        Ok(())
    }

    /// Notes whose folder it is. The list is in its place by now; without a note it is as one of docker's.
    fn sign(&self, list: &Reference) {
        if let Some(identity) = identity(&self.of(list)) {
            let _ = fs::write(self.note(list), format!("{list}\n{identity}\n"));
        }
    }

    /// Forgets a list, one that cannot be read too.
    ///
    /// # Errors
    /// Where there is none, or it cannot be removed.
    pub fn remove(&self, list: &Reference) -> Result<(), DockerError> {
        let folder = self.of(list);
        if !folder.exists() || self.other_owner(list).is_some() {
            return Err(DockerError::NotInFolder(list.clone()));
        }
        fs::remove_dir_all(&folder).map_err(|problem| disk("remove", &folder, problem))?;
        let _ = fs::remove_file(self.note(list));
        // The last list takes our own folder with it; it is not empty as long as there is another one.
        let _ = fs::remove_dir(self.root.join(OWN));
        Ok(())
    }
}

fn disk(wish: &'static str, path: &Path, problem: io::Error) -> DockerError {
    DockerError::Disk { wish, path: path.to_owned(), problem }
}

fn read(path: &Path, list: &Reference) -> Result<Entry, DockerError> {
    let broken = |problem| DockerError::Broken { path: path.to_owned(), problem: Box::new(problem), list: list.to_string() };
    let found = fs::metadata(path).map_err(|problem| disk("read", path, problem))?;
    if !found.is_file() {
        return Err(broken(Flaw::NoFile));
    }
    if found.len() > MAX_FILE {
        return Err(broken(Flaw::TooLong { expected: MAX_FILE, got: found.len() }));
    }
    let bytes = fs::read(path).map_err(|problem| disk("read", path, problem))?;
    Entry::parse(&bytes).map_err(broken)
}

/// Writes a file beside its place and renames it there.
fn write(path: &Path, beside: &Path, entry: &Entry) -> Result<(), DockerError> {
    let failed = |problem| disk("write", path, problem);
    let mut builder = tempfile::Builder::new();
    // As docker writes it: the umask takes away what others may not.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file: NamedTempFile = builder.prefix(FILE).tempfile_in(beside).map_err(failed)?;
    file.write_all(entry.to_text().as_bytes()).map_err(failed)?;
    match file.persist(path) {
        Ok(_) => Ok(()),
        // The list's folder is on another disk, behind a link: what is written beside it docker would take for an image.
        Err(error) if error.error.kind() == ErrorKind::CrossesDevices => fs::write(path, entry.to_text()).map_err(failed),
        Err(error) => Err(failed(error.error)),
    }
}

/// Tells whether a folder could not go where another one is.
fn is_there(problem: &io::Error) -> bool {
    matches!(problem.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists)
}

/// Removes what writers that were killed have left beside. What a living one has there is younger.
fn sweep(own: &Path) {
    for left in fs::read_dir(own).into_iter().flatten().flatten() {
        let name = left.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(NEW) || name.starts_with(FILE));
        let age = left.metadata().and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_ours && age.is_some_and(|age| age > LEFT_ALONE) {
            let path = left.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

fn remove_file(path: &Path) -> Result<(), DockerError> {
    match fs::remove_file(path) {
        Err(problem) if problem.kind() != ErrorKind::NotFound => Err(disk("remove", path, problem)),
        _ => Ok(()),
    }
}

/// Tells one folder from another one of the same name: its place on the disk, and when it was made.
#[cfg(unix)]
fn identity(folder: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(folder).ok()?;
    let born = found.created().ok().and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
    Some(format!("{}:{}:{}", found.dev(), found.ino(), born.map_or(0, |born| born.as_nanos())))
}

#[cfg(not(unix))]
fn identity(folder: &Path) -> Option<String> {
    let born = fs::metadata(folder).ok()?.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(born.as_nanos().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::time::SystemTime;

    use testkit::fixtures::Image;

    use super::*;

    fn list(name: &str) -> List {
        let image = Image::new("linux/amd64").build();
        let entry = Entry::new("r.io/app:a".parse().unwrap(), image.descriptor(), &image.manifest);
        List::new(name.parse().unwrap(), vec![entry])
    }

    #[test]
    fn a_list_is_read_as_it_was_saved_and_forgotten_without_a_trace() {
        let home = tempfile::tempdir().unwrap();
        let (folder, list) = (Folder::new(home.path()), list("r.io/app:1"));
        assert_eq!(folder.list(list.name()).unwrap(), None);
        folder.save(&list).unwrap();
        assert_eq!(folder.list(list.name()).unwrap(), Some(list.clone()));
        folder.remove(list.name()).unwrap();
        assert!(matches!(folder.remove(list.name()), Err(DockerError::NotInFolder(_))));
        assert_eq!(fs::read_dir(home.path().join("manifests")).unwrap().count(), 0);
    }

    #[test]
    fn what_killed_writers_left_is_removed_and_what_others_write_is_not() {
        let home = tempfile::tempdir().unwrap();
        let own = home.path().join("manifests").join(OWN);
        fs::create_dir_all(&own).unwrap();
        let hours_ago = SystemTime::now() - 2 * LEFT_ALONE;
        for (name, old) in [("#new-old", true), ("#file-old", true), ("#file-young", false), ("r.io_app-1", true), ("new-r.io_app-1", true)]
        {
            let file = fs::File::create(own.join(name)).unwrap();
            file.set_modified(if old { hours_ago } else { SystemTime::now() }).unwrap();
        }
        Folder::new(home.path()).save(&list("r.io/app:2")).unwrap();
        let mut left: Vec<String> = fs::read_dir(&own).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, ["#file-young", "new-r.io_app-1", "r.io_app-1", "r.io_app-2"]);
    }
}
