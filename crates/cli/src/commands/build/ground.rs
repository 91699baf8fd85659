//! What a build stands on: Dockerfiles, ignore files and contexts, read once whatever the number of platforms.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dockerfile::{Dockerfile, PatternError, PatternList, Source, parse};
use engine::build::{BuildError, BuildFile, Named};
use engine::context::Context;
use engine::files::{Files, read_archive};
use engine::provenance::Material;
use fault::{Failure, Fault, Hint, Kind};

use super::arrived::Arrived;
use crate::args::{ContextWord, FileSource, NamedSource};

/// How long a Dockerfile or an ignore file may be, in bytes: a million lines have room.
const LONGEST: u64 = 256 << 20;
/// How much of the standard input is looked at to find out what it is: a tar's first block.
const HEAD: usize = 512;
/// What a Dockerfile is called where nobody says.
const USUAL: [&str; 2] = ["Dockerfile", "dockerfile"];
const STDIN: &str = "the standard input";

/// Something that a build needs and that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GroundError {
    /// There is no such Dockerfile.
    #[error("no Dockerfile {0}")]
    NoFile(String),
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why not.
        #[source]
        problem: io::Error,
    },
    /// A file is no Dockerfile, by its length.
    #[error("{path} is too long: expected at most {LONGEST} bytes")]
    TooLong {
        /// Which.
        path: String,
    },
    /// A line of an ignore file.
    #[error("{path}: {problem}")]
    Ignore {
        /// Which file.
        path: String,
        /// What is wrong with it.
        problem: PatternError,
    },
    /// The standard input is wanted twice.
    #[error("the standard input cannot be the context and the Dockerfile")]
    Twice,
    /// What comes as the context is a Dockerfile, and another one is named.
    #[error("{what} is no tar, expected one: -f names the Dockerfile {file}")]
    NoTar {
        /// Where the context is.
        what: String,
        /// The Dockerfile that is named.
        file: String,
    },
    /// A named context is neither a folder nor a tar.
    #[error("{0} is neither a folder nor a tar")]
    NoContext(String),
}

impl Fault for GroundError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoFile(_) => Some(Hint::new("name it with -f FILE, from the folder you are in")),
            Self::Ignore { problem, .. } => problem.hint(),
            Self::Twice => Some(Hint::new("name one of them: polyarch build -f - DIR")),
            _ => None,
        }
    }
}

/// What was read, each once.
pub struct Ground {
    context: ContextWord,
    /// `--keep-xattrs`
    keeps_attributes: bool,
    scratch: PathBuf,
    /// What came from elsewhere.
    arrived: Arrived,
    /// The context, where it is no folder.
    brought: Option<Brought>,
    files: BTreeMap<FileSource, Arc<BuildFile>>,
    contexts: BTreeMap<FileSource, Arc<Context>>,
    named: BTreeMap<PathBuf, Arc<Context>>,
}

/// What comes as a whole, by the standard input or from elsewhere.
#[derive(Clone)]
pub struct Brought {
    /// What messages call it.
    pub label: String,
    /// What it is.
    pub whole: Whole,
    /// How it is told of, where it came from elsewhere.
    pub material: Option<Material>,
}

/// What comes as a whole: a tree of files, or a Dockerfile without any.
#[derive(Clone)]
pub enum Whole {
    /// Files.
    Tree(Arc<Files>),
    /// The text of a Dockerfile.
    Text(Vec<u8>),
}

impl Ground {
    /// Prepares; a context that comes by the standard input is read here.
    ///
    /// # Errors
    /// Where it cannot be.
    pub fn new(context: &ContextWord, keeps_attributes: bool, scratch: &Path, arrived: Arrived) -> Result<Self, Failure> {
        let mut ground = Self {
            context: context.clone(),
            keeps_attributes,
            scratch: scratch.to_owned(),
            brought: None,
            arrived,
            files: BTreeMap::new(),
            contexts: BTreeMap::new(),
            named: BTreeMap::new(),
        };
        ground.brought = match ground.arrived.context() {
            Some(brought) => Some(brought),
            None if *context == ContextWord::Stdin => {
                let whole = read_whole(io::stdin().lock(), STDIN, scratch)?;
                Some(Brought { label: STDIN.to_owned(), whole, material: None })
            }
            None => None,
        };
        Ok(ground)
    }

    /// Reads a Dockerfile.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read; every problem of its text.
    pub fn file(&mut self, source: &FileSource) -> Result<Arc<BuildFile>, Failure> {
        if let Some(file) = self.files.get(source) {
            return Ok(file.clone());
        }
        let (name, bytes, material) = self.text(source)?;
        let text = Source::from_bytes(name, &bytes);
        let parsed: Dockerfile = parse(&text).map_err(BuildError::Syntax)?;
        let file = Arc::new(BuildFile { source: text, parsed, material });
        self.files.insert(source.clone(), file.clone());
        Ok(file)
    }

    /// Returns a Dockerfile's name and text, and how it is told of where it came from elsewhere.
    fn text(&self, source: &FileSource) -> Result<(String, Vec<u8>, Option<Material>), Failure> {
        let usual = || USUAL[0].to_owned();
        match (source, &self.brought) {
            (FileSource::Url(url), _) => {
                let file = self.arrived.file(url).ok_or_else(|| GroundError::NoFile(dockerfile::shown_address(url).into_owned()))?;
                let (text, material) = file;
                return Ok((shown_file(url), text, Some(material)));
            }
            (FileSource::Stdin, _) if self.context == ContextWord::Stdin => return Err(GroundError::Twice.into()),
            (FileSource::Stdin, _) => return Ok((usual(), bounded(io::stdin().lock(), STDIN)?, None)),
            (source, Some(Brought { label, whole, material })) => {
                let (name, text) = match (source, whole) {
                    (source, Whole::Tree(files)) => inside(source, files, label)?,
                    (FileSource::Path(path), Whole::Text(_)) => {
                        return Err(GroundError::NoTar { what: label.clone(), file: path.display().to_string() }.into());
                    }
                    (_, Whole::Text(text)) => (usual(), text.clone()),
                };
                return Ok((name, text, material.clone()));
            }
            _ => {}
        }
        let path = match (source, &self.context) {
            (FileSource::Path(path), _) => path.clone(),
            (_, ContextWord::Folder(folder)) => {
                let paths = USUAL.map(|name| folder.join(name));
                paths.into_iter().find(|path| path.exists()).ok_or_else(|| missing(folder))?
            }
            _ => return Err(GroundError::NoFile(format!("in {STDIN}")).into()),
        };
        Ok((shown(&path), read(&path)?, None))
    }

    /// Returns the context of a Dockerfile: an ignore file of its own, beside it, counts before the folder's.
    ///
    /// # Errors
    /// Where an ignore file cannot be read.
    pub fn context(&mut self, source: &FileSource) -> Result<Arc<Context>, Failure> {
        let folder = match (&self.context, &self.brought) {
            (_, Some(Brought { label, whole, material })) => {
                let files = match whole {
                    Whole::Tree(files) => files.clone(),
                    Whole::Text(_) => Arc::default(),
                };
                return Ok(Arc::new(Context::seen(label, files).of(material.clone())));
            }
            (ContextWord::Folder(folder), None) => folder.clone(),
            _ => return Ok(Arc::new(Context::seen("nothing", Arc::new(Files::default())))),
        };
        let own = match source {
            FileSource::Path(path) => Some(beside(path)),
            FileSource::Usual => Some(beside(&folder.join(USUAL[0]))),
            FileSource::Stdin | FileSource::Url(_) => None,
        };
        let own = own.filter(|path| path.exists());
        let key = if own.is_some() { source.clone() } else { FileSource::Usual };
        if let Some(context) = self.contexts.get(&key) {
            return Ok(context.clone());
        }
        let ignored = ignored(&own.unwrap_or_else(|| folder.join(".dockerignore")))?;
        let context = Arc::new(Context::folder(&folder, ignored).keeping_attributes(self.keeps_attributes));
        self.contexts.insert(key, context.clone());
        Ok(context)
    }

    /// Returns a named context.
    ///
    /// # Errors
    /// Where it is a path that is neither a folder nor a tar.
    pub fn named(&mut self, source: &NamedSource) -> Result<Named, Failure> {
        let path = match source {
            NamedSource::Image(locator) => return Ok(Named::Image(locator.to_string())),
            NamedSource::Remote(address) => {
                return match self.arrived.named(address) {
                    Some(Brought { label, whole: Whole::Tree(files), material }) => {
                        Ok(Named::Files(Arc::new(Context::seen(&label, files).of(material))))
                    }
                    _ => Err(GroundError::NoContext(address.shown()).into()),
                };
            }
            NamedSource::Path(path) => path,
        };
        if let Some(context) = self.named.get(path) {
            return Ok(Named::Files(context.clone()));
        }
        let context = if path.is_dir() {
            Context::folder(path, ignored(&path.join(".dockerignore"))?).keeping_attributes(self.keeps_attributes)
        } else {
            let label = shown(path);
            let file = File::open(path).map_err(|problem| GroundError::Unreadable { path: label.clone(), problem })?;
            let files = read_archive(file, &label, &self.scratch)?.ok_or_else(|| GroundError::NoContext(path.display().to_string()))?;
            Context::seen(&label, Arc::new(files))
        };
        let context = Arc::new(context);
        self.named.insert(path.clone(), context.clone());
        Ok(Named::Files(context))
    }
}

/// Reads what comes as a whole: a tar is a context, and any other text is a Dockerfile without one, as docker has it.
///
/// # Errors
/// Where it cannot be read.
pub fn read_whole(mut reader: impl Read, what: &str, scratch: &Path) -> Result<Whole, Failure> {
    let unreadable = |problem| GroundError::Unreadable { path: what.to_owned(), problem };
    let mut head = Vec::new();
    reader.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(unreadable)?;
    let is_packed = layer::CompressionFormat::of(&head) != layer::CompressionFormat::None;
    let looks_like_text = !layer::tar::looks_like_tar(&head) && !is_packed;
    let whole = Cursor::new(head).chain(reader);
    if looks_like_text {
        return Ok(Whole::Text(bounded(whole, what)?));
    }
    match read_archive(whole, what, scratch)? {
        Some(files) => Ok(Whole::Tree(Arc::new(files))),
        None => Ok(Whole::Text(Vec::new())),
    }
}

/// Returns what messages call a Dockerfile behind a URL.
fn shown_file(url: &str) -> String {
    dockerfile::shown_address(url.split('?').next().unwrap_or_default()).into_owned()
}

/// Reads a Dockerfile that came with its context.
fn inside(source: &FileSource, files: &Arc<Files>, what: &str) -> Result<(String, Vec<u8>), Failure> {
    let names: Vec<String> = match source {
        FileSource::Path(path) => vec![shown(path)],
        _ => USUAL.map(ToOwned::to_owned).into(),
    };
    for name in &names {
        let path = graph::TreePath::from(name.as_str());
        if files.tree().get(&path).is_none() {
            continue;
        }
        let mut bytes = Vec::new();
        engine::pack::Contents::read(&**files, &path, &mut |reader| {
            let read = reader.take(LONGEST).read_to_end(&mut bytes);
            read.map(drop).map_err(|problem| engine::pack::PackError::Layer(layer::LayerError::read(problem)))
        })?;
        return Ok((name.clone(), bytes));
    }
    Err(GroundError::NoFile(format!("{} in {what}", names.first().cloned().unwrap_or_default())).into())
}

fn missing(folder: &Path) -> Failure {
    match engine::context::Folder::open(folder) {
        Ok(_) => GroundError::NoFile(shown(&folder.join(USUAL[0]))).into(),
        Err(problem) => problem.into(),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".dockerignore");
    PathBuf::from(name)
}

/// Shows a path without the `./` that people type.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    text.strip_prefix("./").map(ToOwned::to_owned).unwrap_or(text)
}

fn read(path: &Path) -> Result<Vec<u8>, GroundError> {
    let file = File::open(path).map_err(|problem| match problem.kind() {
        io::ErrorKind::NotFound => GroundError::NoFile(shown(path)),
        _ => GroundError::Unreadable { path: shown(path), problem },
    })?;
    bounded(file, &shown(path))
}

pub fn bounded(reader: impl Read, path: &str) -> Result<Vec<u8>, GroundError> {
    let mut bytes = Vec::new();
    let read = reader.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|problem| GroundError::Unreadable { path: path.to_owned(), problem })?;
    if bytes.len() as u64 > LONGEST { Err(GroundError::TooLong { path: path.to_owned() }) } else { Ok(bytes) }
}

/// Reads an ignore file; where there is none, nothing is ignored.
fn ignored(path: &Path) -> Result<PatternList, GroundError> {
    let text = match fs::metadata(path) {
        Ok(_) => read(path)?,
        Err(_) => return Ok(PatternList::default()),
    };
    PatternList::read(&String::from_utf8_lossy(&text)).map_err(|problem| GroundError::Ignore { path: shown(path), problem })
}
