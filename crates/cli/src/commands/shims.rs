//! `shims`: links under other tools' names, so that scripts find polyarch there.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fault::{Failure, Fault, Hint, Kind, Wishing};
use serde_json::json;

use crate::args::ShimsCommand;
use crate::commands::{Done, Session};
use crate::console::Table;
use crate::shim::{DOCKER, TOOLS, behind};

/// A folder of links that cannot be used.
#[derive(Debug, thiserror::Error)]
enum ShimsError {
    /// Something else has the name.
    #[error("{} is there already, and no link to polyarch", .0.display())]
    Taken(PathBuf),
    /// There is nothing to remove.
    #[error("no links to polyarch in {}", .0.display())]
    None(PathBuf),
    /// The disk refuses.
    #[error("cannot {wish} {}", path.display())]
    Disk {
        wish: &'static str,
        path: PathBuf,
        #[source]
        problem: io::Error,
    },
}

impl Fault for ShimsError {
    fn kind(&self) -> Kind {
        Kind::Place
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Taken(_) => Some(Hint::new("use a folder of its own, and put it first on PATH")),
            Self::None(_) => Some(Hint::new("`polyarch shims ls` lists those on PATH")),
            Self::Disk { .. } => None,
        }
    }
}

/// A link that was found.
struct Shim {
    name: &'static str,
    path: PathBuf,
    target: PathBuf,
    /// What a shell runs under that name.
    first: Option<PathBuf>,
}

impl Shim {
    fn state(&self) -> String {
        match &self.first {
            _ if !self.path.exists() => format!("leads nowhere: {}", self.target.display()),
            Some(first) if *first == self.path => "found first".to_owned(),
            Some(first) => format!("hidden by {}", first.display()),
            None => "not on PATH".to_owned(),
        }
    }
}

/// Runs the verb.
pub fn run(session: &Session, command: ShimsCommand) -> Result<Done, Failure> {
    match command {
        ShimsCommand::Install { folder, docker } => {
            install(session, &folder, docker).wishing(|| format!("install shims in {}", folder.display()))
        }
        ShimsCommand::Ls { folder } => list(session, folder.as_deref()),
        ShimsCommand::Remove { folder } => remove(session, &folder).wishing(|| format!("remove shims from {}", folder.display())),
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    TOOLS.into_iter().map(|(name, _)| name).chain([DOCKER])
}

fn install(session: &Session, folder: &Path, docker: bool) -> Result<Done, Failure> {
    let own = own().map_err(|problem| ShimsError::Disk { wish: "find", path: PathBuf::from("polyarch"), problem })?;
    fs::create_dir_all(folder).map_err(|problem| disk("write", folder, problem))?;
    let folder = folder.canonicalize().map_err(|problem| disk("read", folder, problem))?;
    let wanted: Vec<&str> = names().filter(|name| docker || *name != DOCKER).collect();
    // All of them, or none.
    if let Some(taken) = wanted.iter().map(|name| folder.join(name)).find(|path| path.symlink_metadata().is_ok() && target(path).is_none())
    {
        return Err(ShimsError::Taken(taken).into());
    }
    for name in &wanted {
        link(&own, &folder, name)?;
    }
    let shims = found(session, std::slice::from_ref(&folder));
    report(session, &shims, |shim| session.console.data(shim.path.display().to_string()));
    if shims.iter().any(|shim| shim.first.as_ref() != Some(&shim.path)) {
        session.console.say(format!("next: {}", export(&folder)));
    }
    if docker && behind(&with(&folder, session), Some(&own), &[]).is_none() {
        session.console.say("there is no docker behind it on PATH: it does `docker manifest` and `docker buildx imagetools` only");
    }
    Ok(Done::Well)
}

/// Returns PATH as it is once the folder is in front, which is where it belongs.
fn with(folder: &Path, session: &Session) -> Vec<PathBuf> {
    let path = &session.context.programs;
    let first = (!path.iter().any(|other| other.as_path() == folder)).then(|| folder.to_owned());
    first.into_iter().chain(path.iter().cloned()).collect()
}

fn list(session: &Session, folder: Option<&Path>) -> Result<Done, Failure> {
    let folders = match folder {
        Some(folder) => vec![folder.canonicalize().map_err(|problem| disk("read", folder, problem))?],
        None => session.context.programs.clone(),
    };
    let shims = found(session, &folders);
    let mut table = Table::new(&["NAME", "LINK", "STATE"]);
    for shim in &shims {
        table.row([shim.name.to_owned(), shim.path.display().to_string(), shim.state()]);
    }
    if session.context.global.json {
        report(session, &shims, |_| {});
    } else if !shims.is_empty() {
        session.console.table(&table);
    } else {
        session.console.say("no links to polyarch there: `polyarch shims install DIR` makes them");
    }
    Ok(Done::Well)
}

fn remove(session: &Session, folder: &Path) -> Result<Done, Failure> {
    let folder = folder.canonicalize().map_err(|problem| disk("read", folder, problem))?;
    let shims = found(session, std::slice::from_ref(&folder));
    if shims.is_empty() {
        return Err(ShimsError::None(folder).into());
    }
    for shim in &shims {
        fs::remove_file(&shim.path).map_err(|problem| disk("remove", &shim.path, problem))?;
    }
    report(session, &shims, |shim| session.console.data(shim.path.display().to_string()));
    Ok(Done::Well)
}

/// Prints links as JSON, or as the verb has them.
fn report(session: &Session, shims: &[Shim], line: impl Fn(&Shim)) {
    if !session.context.global.json {
        return shims.iter().for_each(line);
    }
    let shims: Vec<_> = shims
        .iter()
        .map(|shim| {
            json!({
                "name": shim.name,
                // Paths need not be UTF-8, and JSON must be.
                "path": shim.path.display().to_string(),
                "target": shim.target.display().to_string(),
                "state": shim.state(),
            })
        })
        .collect();
    session.console.data(format!("{:#}", json!({"polyarchShims": 1, "shims": shims})));
}

/// Finds the links in some folders.
fn found(session: &Session, folders: &[PathBuf]) -> Vec<Shim> {
    let mut shims: Vec<Shim> = Vec::new();
    for folder in folders {
        for name in names() {
            let path = folder.join(name);
            let Some(target) = target(&path).filter(|_| !shims.iter().any(|shim| shim.path == path)) else { continue };
            let first = session.context.programs.iter().map(|folder| folder.join(name)).find(|file| file.is_file());
            // PATH may name the folder by another way.
            let same = first.as_ref().and_then(|first| first.parent()?.canonicalize().ok()) == folder.canonicalize().ok();
            let first = if same { Some(path.clone()) } else { first };
            shims.push(Shim { name, path, target, first });
        }
    }
    shims
}

/// Returns where a link leads, if it is one to polyarch: to this program, whatever its name, or to a file
/// named so, with a version behind it too, which need not be there any more.
fn target(path: &Path) -> Option<PathBuf> {
    let target = fs::read_link(path).ok()?;
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return None;
    }
    let name = target.file_name()?.to_string_lossy();
    let name = name.strip_suffix(EXE_SUFFIX).unwrap_or(&name);
    let named = name == "polyarch" || name.starts_with("polyarch-");
    (named || path.canonicalize().is_ok_and(|file| own().is_ok_and(|own| file == own))).then_some(target)
}

/// Returns this program's file.
fn own() -> io::Result<PathBuf> {
    std::env::current_exe().and_then(|own| own.canonicalize())
}

/// Returns the line that puts a folder first on PATH, which must do no more than that when it is pasted
/// into a shell.
fn export(folder: &Path) -> String {
    let folder = folder.display().to_string();
    if folder.contains(['"', '$', '`', '\\', '!']) {
        return format!("export PATH='{}':\"$PATH\"", folder.replace('\'', r"'\''"));
    }
    format!("export PATH=\"{folder}:$PATH\"")
}

/// Makes a link beside its place and renames it there, so that the name always leads somewhere.
fn link(own: &Path, folder: &Path, name: &str) -> Result<(), ShimsError> {
    let path = folder.join(name);
    let beside = folder.join(format!(".{name}.polyarch"));
    let made = match symlink(own, &beside) {
        Err(problem) if problem.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(&beside).and_then(|()| symlink(own, &beside)),
        made => made,
    };
    made.and_then(|()| fs::rename(&beside, &path)).map_err(|problem| disk("write", &path, problem))
}

#[cfg(unix)]
fn symlink(own: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(own, link)
}

#[cfg(windows)]
fn symlink(own: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(own, link)
}

fn disk(wish: &'static str, path: &Path, problem: io::Error) -> ShimsError {
    ShimsError::Disk { wish, path: path.to_owned(), problem }
}
