//! `save`: from any place into an archive that every Docker, podman and containerd can load.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use fault::{Failure, Fault, Hint, Kind, Wishing};
use oci::{Locator, Reference, Selector};
use tempfile::TempDir;

use crate::args::Save;
use crate::commands::transfer::{self, Data, Job, Wanted, Word};
use crate::commands::{Done, Session};
use crate::console::Console;
use crate::open::{Answer, Opened, Opener};

const WORD: Word = Word { does: "save", did: "saved", json: "polyarchSave" };
/// Bytes of an archive that are read at once on its way to a pipe.
const CHUNK: usize = 256 * 1024;

/// The archive cannot be written there.
#[derive(Debug, thiserror::Error)]
enum SaveError {
    #[error("an archive is nothing for a terminal")]
    Terminal,
    #[error("standard output carries the archive, it cannot carry JSON too")]
    JsonToo,
    #[error("{first} and {second} would both be {called} in the archive")]
    SameName { first: String, second: String, called: String },
    #[error("cannot write {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        problem: io::Error,
    },
}

impl Fault for SaveError {
    fn kind(&self) -> Kind {
        match self {
            Self::Terminal | Self::JsonToo | Self::SameName { .. } => Kind::Usage,
            Self::Io { .. } => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::Terminal | Self::JsonToo => Hint::new("-o FILE"),
            Self::SameName { second, .. } => {
                Hint::new(format!("add it by another name: polyarch copy {second} docker-archive:FILE:NAME:TAG"))
            }
            Self::Io { .. } => Hint::new("-o names a file in a folder that can be written"),
        })
    }
}

/// Runs the verb.
pub async fn run(session: &Session, arguments: Save) -> Result<Done, Failure> {
    let names: Vec<String> = arguments.names.iter().map(ToString::to_string).collect();
    save(session, &arguments).await.wishing(|| format!("save {}", names.join(", ")))
}

async fn save(session: &Session, arguments: &Save) -> Result<Done, Failure> {
    let output = Output::prepare(session, arguments)?;
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let mut sources = Vec::new();
    for name in &arguments.names {
        sources.push((name, opener.source(name).await?));
    }
    opener.announce(&sources.iter().map(|(_, opened)| opened).collect::<Vec<_>>());
    check_names(&sources)?;
    let archive = opener.new_archive_at(&output.file);
    let jobs: Vec<Job> = sources
        .into_iter()
        .map(|(name, from)| {
            let selector = called(name, &from);
            let to = Opened { label: output.called(&selector), place: archive.clone(), selector, answer: Answer::Named };
            Job::new(from, to)
        })
        .collect();
    let data = if output.takes_stdout() { Data::None } else { Data::Lines };
    let wanted = Wanted { data, ..Wanted::from(&arguments.moving) };
    let finish = async { if wanted.dry_run { Ok(()) } else { output.deliver(session).await } };
    transfer::run_then(session, &opener, WORD, &jobs, &wanted, finish).await
}

/// Refuses two images of one name, or without any: the archive would hold the last one only.
fn check_names(sources: &[(&Locator, Opened)]) -> Result<(), SaveError> {
    let mut taken: Vec<(Selector, &Locator)> = Vec::new();
    for (name, from) in sources {
        let selector = called(name, from);
        if let Some((_, first)) = taken.iter().find(|(other, first)| *other == selector && first != name) {
            let called = match &selector {
                Selector::Name(called) => called.clone(),
                Selector::Only | Selector::Digest(_) => "without a name".to_owned(),
            };
            let second = match name {
                Locator::Name(name) if from.answer == Answer::Store => Locator::Store(name.clone()).to_string(),
                name => name.to_string(),
            };
            return Err(SaveError::SameName { first: first.to_string(), second, called });
        }
        taken.push((selector, name));
    }
    Ok(())
}

/// Returns what an image is called in the archive: its full name, if it has one. A tag alone, as a
/// layout has it, is none: an engine would take it for a repository.
fn called(name: &Locator, from: &Opened) -> Selector {
    match name {
        Locator::Name(name) | Locator::Registry(name) | Locator::Store(name) => {
            name.target_tag().map_or(Selector::Only, |tag| Selector::Name(name.with(oci::Thing::Tag(tag)).familiar()))
        }
        Locator::Daemon(name) => name.parse::<Reference>().ok().map_or(Selector::Only, |name| Selector::Name(name.familiar())),
        _ => match &from.selector {
            Selector::Name(name) if name.contains(['/', ':']) => Selector::Name(name.clone()),
            _ => Selector::Only,
        },
    }
}

/// Follows links to the file that is written, which need not be there yet.
fn behind_links(path: &Path) -> PathBuf {
    let mut file = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        let Ok(next) = fs::read_link(&file) else { break };
        file = file.parent().map_or_else(|| next.clone(), |folder| folder.join(&next));
    }
    fs::canonicalize(&file).unwrap_or(file)
}

/// Where the archive is written, and where it goes when it is whole.
struct Output {
    /// The folder of the file under way; it goes with it.
    _folder: TempDir,
    file: PathBuf,
    /// The file that it will be; `None` for a stream.
    target: Option<PathBuf>,
    /// A pipe or a device that was named; standard output otherwise.
    stream: Option<PathBuf>,
    label: String,
}

impl Output {
    fn prepare(session: &Session, arguments: &Save) -> Result<Self, SaveError> {
        let named = arguments.output.as_deref().filter(|path| *path != Path::new("-"));
        if named.is_none() && io::stdout().is_terminal() {
            return Err(SaveError::Terminal);
        }
        let stream = named.filter(|path| fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()));
        // A link's target is what is replaced.
        let target = named.filter(|_| stream.is_none()).map(behind_links);
        let beside = match &target {
            Some(path) if path.is_dir() => {
                return Err(SaveError::Io { path: path.clone(), problem: io::ErrorKind::IsADirectory.into() });
            }
            // On the same disk, so that the whole archive can be renamed into its place.
            Some(path) => path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned),
            None => session.context.scratch.clone(),
        };
        // The name of the temporary folder is nobody's business.
        let wrong =
            |problem: io::Error| SaveError::Io { path: target.clone().unwrap_or_else(|| beside.clone()), problem: problem.kind().into() };
        let folder = tempfile::Builder::new().prefix(".polyarch-save-").tempdir_in(&beside).map_err(wrong)?;
        let label = named.map_or_else(|| "standard output".to_owned(), |path| format!("docker-archive:{}", path.display()));
        let output = Self { file: folder.path().join("images.tar"), _folder: folder, target, stream: stream.map(Path::to_owned), label };
        if output.takes_stdout() && session.context.global.json { Err(SaveError::JsonToo) } else { Ok(output) }
    }

    /// Tells whether the archive goes where the data of other verbs goes.
    fn takes_stdout(&self) -> bool {
        let own = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/tty"];
        self.target.is_none() && self.stream.as_deref().is_none_or(|path| own.iter().any(|name| path == Path::new(name)))
    }

    /// Returns what messages call an image in it.
    fn called(&self, selector: &Selector) -> String {
        if self.target.is_some() { format!("{}{selector}", self.label) } else { self.label.clone() }
    }

    /// Puts the whole archive where it belongs.
    async fn deliver(&self, session: &Session) -> Result<(), Failure> {
        let wrong = |path: &Path, problem| SaveError::Io { path: path.to_owned(), problem };
        if let Some(target) = &self.target {
            return Ok(fs::rename(&self.file, target).map_err(|problem| wrong(target, problem))?);
        }
        let place = self.stream.clone().unwrap_or_else(|| PathBuf::from("standard output"));
        let (file, stream, console) = (self.file.clone(), self.stream.clone(), session.console.clone());
        // A pipe may wait for its reader for ever: an interrupt is heard meanwhile, and the folder goes.
        let sent = tokio::task::spawn_blocking(move || send(&file, stream.as_deref(), &console)).await;
        Ok(sent.unwrap_or_else(|stopped| Err(io::Error::other(stopped))).map_err(|problem| wrong(&place, problem))?)
    }
}

/// Writes the archive to a stream, or to standard output. Blocks.
fn send(file: &Path, stream: Option<&Path>, console: &Console) -> io::Result<()> {
    let mut archive = File::open(file)?;
    if let Some(path) = stream {
        let mut stream = File::options().write(true).open(path)?;
        io::copy(&mut archive, &mut stream)?;
        return stream.flush();
    }
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = archive.read(&mut chunk)?;
        match chunk.get(..length).filter(|bytes| !bytes.is_empty()) {
            Some(bytes) => console.raw(bytes),
            None => return Ok(()),
        }
    }
}
