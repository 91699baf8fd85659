//! One step: what it puts into its layer, and what it makes of the root.

use std::collections::BTreeMap;
use std::sync::Arc;

use dockerfile::{Address, AddressError, Provider, check_commit};
use fault::{Fault, Hint, Kind};
use futures_util::future::try_join_all;
use graph::{Content, CopyError, CopyStep, From, Lay, Outlined, Placed, Step, Times, TreePath, lay_copy, lay_workdir};
use layer::LayerError;
use layer::index::PathIndex;
use layer::tar::EntryKind;
use oci::{Digest, DigestError};

use super::error::BuildError;
use super::evaluate::Evaluation;
use super::layering::Layer;
use super::moment::{self, UNKNOWN};
use super::remotes::{FetchedFiles, RemoteSource};
use super::request::Named;
use crate::base::Base;
use crate::context::{Context, Origin};
use crate::files::{AddFrom, FarFiles, Files, Stored, add};
use crate::pack::{Contents, Nowhere, PackError};

/// The files whose content tells who may own files.
const ACCOUNTS: [&str; 2] = ["etc/passwd", "etc/group"];
/// How long such a file may be, in bytes.
const LONGEST_ACCOUNTS: u64 = 1 << 20;

/// A step that was done.
pub(super) struct Stepped {
    /// The root as it is then.
    pub(super) root: PathIndex,
    /// The entries of its layer.
    pub(super) lay: Arc<Lay>,
    /// Their bytes.
    pub(super) contents: Arc<dyn Contents>,
    /// What else its layer depends on.
    pub(super) words: Vec<String>,
    /// Its layer, where that was made already.
    pub(super) layer: Option<Layer>,
    /// What stands for it in keys of what comes after it, where that is known.
    pub(super) content: Option<Digest>,
}

impl Evaluation<'_> {
    /// Does a step of a stage over the root as it is; `base` is the image that the stage begins with.
    pub(super) async fn step(
        &self,
        stage: &Outlined,
        placed: &Placed,
        root: PathIndex,
        base: Option<&Base>,
    ) -> Result<Stepped, BuildError> {
        // What a step without files of its own makes is as old as the base.
        let made = base.and_then(Base::created).and_then(moment::read).unwrap_or(0);
        let (mut root, mut lay, contents) = match &placed.step {
            Step::Workdir { path, user } => {
                let (path, user) = (path.clone(), user.clone());
                let laid = self.lay(placed, root, move |root| lay_workdir(&path, &user, root, Times { made: UNKNOWN })).await?;
                (laid.0, laid.1, Arc::new(Nowhere) as Arc<dyn Contents>)
            }
            Step::Copy(step) => {
                let (origin, context) = self.origin(stage, step.from.as_deref(), placed).await?;
                if step.add {
                    self.add(step, placed, root, &origin, context).await?
                } else {
                    self.copy(step, placed, root, origin, context).await?
                }
            }
            // A command is run, and not laid.
            Step::Run(_) => return Err(BuildError::NoStage),
        };
        let settled = moment::settle(&mut lay, &mut root, self.request.epoch, made);
        settled.map_err(|problem| self.wrong(placed, CopyError::Target(Box::new(problem))))?;
        self.take_accounts(&mut root, &lay, &contents).await?;
        let is_of_base = !lay.values().any(|laid| matches!(laid.content, Content::Source(_)));
        let words = if is_of_base { vec![format!("made {}", self.request.epoch.unwrap_or(made))] } else { Vec::new() };
        Ok(Stepped { root, lay: Arc::new(lay), contents, words, layer: None, content: None })
    }

    pub(super) fn wrong(&self, placed: &Placed, problem: impl Fault) -> BuildError {
        BuildError::at(&self.target.file, Some(placed.span), None, problem)
    }

    /// Lays a step over a root on a thread that may take its time.
    async fn lay(
        &self,
        placed: &Placed,
        mut root: PathIndex,
        work: impl FnOnce(&mut PathIndex) -> Result<Lay, CopyError> + Send + 'static,
    ) -> Result<(PathIndex, Lay), BuildError> {
        let laid = blocking(move || work(&mut root).map(|lay| (root, lay))).await?;
        laid.map_err(|problem| self.wrong(placed, problem))
    }

    async fn copy(
        &self,
        step: &CopyStep,
        placed: &Placed,
        root: PathIndex,
        origin: Arc<dyn Origin>,
        context: Option<Arc<Context>>,
    ) -> Result<(PathIndex, Lay, Arc<dyn Contents>), BuildError> {
        let (tree, step) = (Arc::clone(&origin), step.clone());
        let work = move |root: &mut PathIndex| {
            let hides = |path: &TreePath| context.as_ref().is_some_and(|context| context.hides(path));
            let from = From { tree: tree.tree(), keeps_owners: context.is_none(), hides: &hides };
            lay_copy(&step, root, &from, Times { made: UNKNOWN })
        };
        let (root, lay) = self.lay(placed, root, work).await?;
        Ok((root, lay, origin))
    }

    /// An `ADD` unpacks archives, so it reads before it is known what it lays.
    async fn add(
        &self,
        step: &CopyStep,
        placed: &Placed,
        mut root: PathIndex,
        origin: &Arc<dyn Origin>,
        context: Option<Arc<Context>>,
    ) -> Result<(PathIndex, Lay, Arc<dyn Contents>), BuildError> {
        let far = self.far(step, placed).await?;
        let hides = |path: &TreePath| context.as_ref().is_some_and(|context| context.hides(path));
        let scratch = &self.request.scratch;
        let from = AddFrom { files: origin, keeps_owners: context.is_none(), hides: &hides, far: &far, scratch };
        let added = add(step, &mut root, from, Times { made: UNKNOWN }).await;
        let (lay, contents) = added.map_err(|problem| self.wrong(placed, problem))?;
        Ok((root, lay, contents))
    }

    /// Fetches what the addresses of an `ADD` lead to, all at once.
    async fn far(&self, step: &CopyStep, placed: &Placed) -> Result<BTreeMap<String, FarFiles>, BuildError> {
        let wanted = addresses(step).map_err(|problem| self.wrong(placed, problem))?;
        let fetch = wanted.into_iter().map(|(text, wanted)| async move {
            let fetched = self.layering.workshop.remotes.fetch(&wanted).await;
            let fetched = fetched.map_err(|problem| BuildError::at_any(&self.target.file, placed.span, problem))?;
            Ok::<_, BuildError>((
                text,
                match fetched.files {
                    FetchedFiles::File { name, modified, blob, source } => {
                        let named = TreePath::clean(&name);
                        FarFiles { files: Arc::new(Stored::new(&name, modified, *blob, source)), named, is_file: true }
                    }
                    FetchedFiles::Tree { files, named } => FarFiles { files, named, is_file: false },
                },
            ))
        });
        Ok(try_join_all(fetch).await?.into_iter().collect())
    }

    /// Returns what a step copies from; a context with its ignore file, where it is one.
    pub(super) async fn origin(
        &self,
        stage: &Outlined,
        from: Option<&str>,
        placed: &Placed,
    ) -> Result<(Arc<dyn Origin>, Option<Arc<Context>>), BuildError> {
        let target = self.target;
        let Some(name) = from else {
            return Ok((target.context.origin(self.cache).await?, Some(Arc::clone(&target.context))));
        };
        if let Some(Named::Files(context)) = target.contexts.get(&graph::context_name(name)) {
            return Ok((context.origin(self.cache).await?, Some(Arc::clone(context))));
        }
        if let Some(base) = self.ready.images.get(&(stage.index, name.to_owned())) {
            let files = self.cache.image(base, &self.request.scratch).await;
            return Ok((files.map_err(|problem| self.wrong(placed, problem))?, None));
        }
        match self.ready.outline.graph.provider(name, stage.index) {
            Provider::Stage(index) if self.is_needed(index) => Ok((self.files(index).await?, None)),
            Provider::External(name) if name == "scratch" => Ok((Arc::new(Files::new()), None)),
            _ => Err(self.wrong(placed, NoStageBefore { name: name.to_owned() })),
        }
    }

    /// Returns the files of a stage, those of its base included.
    pub(super) async fn files(&self, index: usize) -> Result<Arc<Files>, BuildError> {
        let Some(stage) = self.stage(index).await? else { return Ok(Arc::default()) };
        let mut known = stage.files.lock().await;
        if let Some(files) = &*known {
            return Ok(Arc::clone(files));
        }
        let mut files = match &stage.base {
            Some(base) => {
                let files = self.cache.image(base, &self.request.scratch).await;
                Files::clone(&*files.map_err(|problem| BuildError::at(&self.target.file, None, None, problem))?)
            }
            None => Files::new(),
        };
        for made in &stage.chain {
            files.lay(&made.lay, &made.contents);
        }
        let files = Arc::new(files);
        *known = Some(Arc::clone(&files));
        Ok(files)
    }

    /// Tells the root who may own files, where a step brings the files that say so.
    async fn take_accounts(&self, root: &mut PathIndex, lay: &Lay, contents: &Arc<dyn Contents>) -> Result<(), BuildError> {
        for name in ACCOUNTS {
            let Some(laid) = lay.get(&TreePath::from(name)) else { continue };
            let EntryKind::File { size } = laid.entry.kind else { continue };
            if laid.content == Content::Whiteout || size > LONGEST_ACCOUNTS {
                continue;
            }
            let content = match &laid.content {
                Content::Inline(bytes) => bytes.clone(),
                Content::Source(source) if size > 0 => read(contents, source).await?,
                _ => Vec::new(),
            };
            root.set_accounts(name.as_bytes(), content);
        }
        Ok(())
    }
}

/// Lists the addresses of an `ADD`, as they stand there, each with what is to be fetched.
///
/// # Errors
/// Where one makes no sense, or the checksum is none for it.
pub(super) fn addresses(step: &CopyStep) -> Result<Vec<(String, RemoteSource)>, AddressProblem> {
    let mut found = Vec::new();
    for source in step.sources.iter().filter(|_| step.add) {
        let Some(address) = Address::parse(source)? else { continue };
        let checksum = step.checksum.clone();
        if let Some(checksum) = &checksum {
            match &address {
                Address::Http(_) => drop(checksum.parse::<Digest>()?),
                Address::Git(git) => check_commit(checksum).map_err(|reason| AddressError { address: git.shown(), reason })?,
            }
        }
        found.push((source.clone(), RemoteSource { address, checksum, keep_git_dir: step.keep_git_dir }));
    }
    Ok(found)
}

/// Reads a small file.
async fn read(contents: &Arc<dyn Contents>, path: &TreePath) -> Result<Vec<u8>, PackError> {
    contents.prepare(std::slice::from_ref(path)).await?;
    let (contents, path) = (Arc::clone(contents), path.clone());
    let read = move || {
        let mut bytes = Vec::new();
        contents.read(&path, &mut |reader| {
            let read = reader.read_to_end(&mut bytes);
            read.map(drop).map_err(|problem| PackError::Layer(LayerError::read(problem)))
        })?;
        Ok(bytes)
    };
    blocking(read).await?
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PackError> {
    tokio::task::spawn_blocking(work).await.map_err(|problem| PackError::Stopped(problem.to_string()))
}

/// An `ADD` of what cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum AddressProblem {
    /// The address makes no sense.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The checksum is none of a file.
    #[error("bad checksum")]
    Checksum(#[from] DigestError),
}

impl Fault for AddressProblem {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Address(problem) => problem.hint(),
            Self::Checksum(_) => Some(Hint::new("--checksum=sha256:..., as `sha256sum FILE` says")),
        }
    }
}

/// A trigger of a base takes files from a stage that does not come before.
#[derive(Debug, thiserror::Error)]
#[error("a trigger of the base takes files from {name}, which is no stage before this one")]
struct NoStageBefore {
    name: String,
}

impl Fault for NoStageBefore {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(format!("begin a stage with FROM ... AS {} before this one", self.name)))
    }
}
