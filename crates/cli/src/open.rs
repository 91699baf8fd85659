//! Opens what a person named: from a locator to a place and a thing in it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use content::{Forgetful, Item, Place, Recall};
use daemon::{Endpoint, Engine};
use fault::Failure;
use oci::{Locator, Platform, Reference, Selector};
use remote::{Client, HostRule, Intent, RemoteError, Settings, ShortName, Web};
use store::archive::{Archive, Input, Kind as ArchiveKind, Settings as ArchiveSettings};
use store::{Layout, NameOrigin, Store};
use tokio::sync::OnceCell;

use crate::args::HostFlag;
use crate::console::Console;
use crate::context::Context;
use crate::names::{Lookalike, NameError};
use crate::paths::{self, Found, PathError};

/// A place that was opened, and what in it is meant.
#[derive(Clone)]
pub struct Opened {
    /// As the person wrote it.
    pub label: String,
    /// The place.
    pub place: Arc<dyn Place>,
    /// Which image in it.
    pub selector: Selector,
    /// Who answers.
    pub answer: Answer,
}

/// Who answers for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The local store.
    Store,
    /// A copy in the local store of what is in the registry.
    Pulled(Reference),
    /// The registry of a bare name.
    Registry(Reference),
    /// The place that was written out.
    Named,
}

/// Opens places for one run; what is opened twice is opened once.
pub struct Opener {
    context: Context,
    console: Console,
    store: OnceLock<Store>,
    client: OnceLock<Client>,
    engine: OnceCell<Engine>,
    /// Folders and archives by their names without the image: a table of contents is read once, and
    /// the standard input cannot be read twice.
    files: Mutex<HashMap<String, Arc<dyn Place>>>,
    /// Repositories that will be written: their tokens are asked for once, with both rights.
    written: HashSet<String>,
}

impl Opener {
    /// Prepares; nothing is opened yet.
    pub fn new(context: Context, console: Console) -> Self {
        Self {
            context,
            console,
            store: OnceLock::new(),
            client: OnceLock::new(),
            engine: OnceCell::new(),
            files: Mutex::default(),
            written: HashSet::new(),
        }
    }

    /// Says beforehand that a repository will be written.
    pub fn will_write(&mut self, name: &Reference) {
        self.written.insert(name.name());
    }

    /// Returns the local store.
    ///
    /// # Errors
    /// Where its folder holds something else, or a newer store.
    pub fn store(&self) -> Result<&Store, Failure> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::open(self.context.store.clone(), self.context.now.clone())?;
        Ok(self.store.get_or_init(|| store))
    }

    /// Opens something to read, by the rule of names.
    ///
    /// # Errors
    /// Where the place cannot be opened at all.
    pub async fn source(&self, locator: &Locator) -> Result<Opened, Failure> {
        let label = locator.to_string();
        let named = |place, selector: &Selector| Opened { label: label.clone(), place, selector: selector.clone(), answer: Answer::Named };
        Ok(match paths::read_as(locator).as_ref() {
            Locator::Name(name) if self.store()?.resolve_made(name).await?.is_some() => {
                let place = self.store()?.repository(name, NameOrigin::Made);
                Opened { label, place, selector: name.thing().into(), answer: Answer::Store }
            }
            Locator::Name(name) => self.pulled_or_far(name, label).await?,
            Locator::Registry(name) => named(self.registry(name)?, &name.thing().into()),
            Locator::Store(name) => named(self.store()?.repository(name, NameOrigin::Made), &name.thing().into()),
            Locator::Layout { path, selector } => named(self.once("oci", path, || Ok(Arc::new(Layout::open(path)?)))?, selector),
            Locator::LayoutArchive { path, selector } => {
                paths::check_there(path)?;
                named(self.archive(path, ArchiveKind::Layout)?, selector)
            }
            Locator::DockerArchive { path, selector } => {
                paths::check_there(path)?;
                named(self.archive(path, ArchiveKind::Docker)?, selector)
            }
            Locator::Daemon(name) => named(self.daemon(name).await?, &Selector::Only),
            Locator::Path { path, selector } => named(self.path_to_read(path)?, selector),
        })
    }

    /// Opens a name that was not made here. A copy that was pulled saves its bytes the way, as long as the
    /// registry says that it is still that; it also serves where the registry cannot be asked.
    async fn pulled_or_far(&self, name: &Reference, label: String) -> Result<Opened, Failure> {
        let name = &self.full_name(name).await?;
        let place = self.registry(name)?;
        let selector: Selector = name.thing().into();
        let far = Opened { label, place, selector, answer: Answer::Registry(name.clone()) };
        if name.digest().is_some() {
            return Ok(far);
        }
        let Some(pulled) = self.store()?.named(name).await? else { return Ok(far) };
        let here = |label: String| -> Result<Opened, Failure> {
            let (place, selector) =
                (self.store()?.repository(name, NameOrigin::Pulled), Selector::Digest(pulled.descriptor.digest.clone()));
            Ok(Opened { label, place, selector, answer: Answer::Pulled(name.clone()) })
        };
        match far.place.resolve(&far.selector).await {
            Ok(found) if found.digest == pulled.descriptor.digest => here(far.label),
            Err(content::Error::Place(fault)) if fault.downcast_ref().is_some_and(RemoteError::is_absence) => {
                let since = pulled.time.split('T').next().unwrap_or_default();
                self.console.warn(&format!("{fault}: using {} as it was pulled on {since}", name.familiar()));
                here(far.label)
            }
            // What else stops it is said where it is read.
            _ => Ok(far),
        }
    }

    /// Opens something to read, where a bare name is in its registry whatever is kept here.
    ///
    /// # Errors
    /// As [`Opener::source`].
    pub async fn far_source(&self, locator: &Locator) -> Result<Opened, Failure> {
        match locator {
            Locator::Name(name) | Locator::Registry(name) => {
                let name = if matches!(locator, Locator::Name(_)) { self.full_name(name).await? } else { name.clone() };
                let place = self.registry(&name)?;
                Ok(Opened { label: name.to_string(), place, selector: name.thing().into(), answer: Answer::Registry(name) })
            }
            other => self.source(other).await,
        }
    }

    /// Opens something to write.
    ///
    /// # Errors
    /// Where the place cannot be opened at all, or `--push` was given for one that is no registry.
    pub async fn target(&self, locator: &Locator, push: bool) -> Result<Opened, Failure> {
        let label = locator.to_string();
        let named = |place, selector: Selector| Opened { label: label.clone(), place, selector, answer: Answer::Named };
        // A digest without a tag moves no tag, not even `latest`.
        let thing = |name: &Reference| name.target_tag().map_or_else(|| name.thing().into(), |tag| Selector::Name(tag.into()));
        let in_registry = |name: &Reference| -> Result<Opened, Failure> {
            let place = self.registry(name)?;
            Ok(Opened { label: name.to_string(), place, selector: thing(name), answer: Answer::Registry(name.clone()) })
        };
        Ok(match paths::written_as(locator).as_ref() {
            Locator::Name(name) if push => in_registry(name)?,
            Locator::Registry(name) => in_registry(name)?,
            other if push => return Err(NameError::NotPushable(other.clone()).into()),
            Locator::Name(name) | Locator::Store(name) => {
                if let (None, Some(digest)) = (name.target_tag(), name.digest()) {
                    return Err(NameError::NoTag { name: name.clone(), digest: digest.clone() }.into());
                }
                let place = self.store()?.repository(name, NameOrigin::Made);
                Opened { label: name.familiar(), place, selector: thing(name), answer: Answer::Store }
            }
            Locator::Layout { path, selector } => named(Arc::new(Layout::create_or_open(path)?), selector.clone()),
            Locator::LayoutArchive { path, selector } => named(self.archive_to_write(path, ArchiveKind::Layout)?, selector.clone()),
            Locator::DockerArchive { path, selector } => named(self.archive_to_write(path, ArchiveKind::Docker)?, selector.clone()),
            Locator::Daemon(name) => named(self.daemon(name).await?, Selector::Only),
            Locator::Path { path, selector } => named(self.path_to_write(path)?, selector.clone()),
        })
    }

    /// Turns "it is not there" into the words that fit a bare name.
    ///
    /// Where a layout or an archive has that name it was meant, more often than not, so it is shown
    /// even where the registry could not be asked. What is wrong below an image that was found, such
    /// as a child that is missing, is said as it is.
    pub fn explain(&self, opened: &Opened, problem: content::Error) -> Failure {
        match &opened.answer {
            Answer::Registry(name) => explained(name, opened, problem, || Lookalike::find(&name.as_written())),
            _ => problem.into(),
        }
    }

    /// Does the same for a name that was looked for in its registry alone: it may well be kept here.
    pub async fn explain_far(&self, opened: &Opened, problem: content::Error) -> Failure {
        let Answer::Registry(name) = &opened.answer else { return problem.into() };
        let kept = match self.store() {
            Ok(store) => store.named(name).await.ok().flatten(),
            Err(_) => None,
        };
        explained(name, opened, problem, || kept.map(|_| Lookalike::kept(name)).or_else(|| Lookalike::find(&name.as_written())))
    }

    /// Says who answers, before anything is asked.
    pub fn announce(&self, opened: &[&Opened]) {
        let labels = |wanted: fn(&Answer) -> bool| {
            let of: Vec<&str> = opened.iter().filter(|one| wanted(&one.answer)).map(|one| one.label.as_str()).collect();
            of.join(", ")
        };
        let stored = labels(|answer| *answer == Answer::Store);
        if !stored.is_empty() {
            let what = if opened.len() == 1 { String::new() } else { format!(": {stored}") };
            self.console.say(format!("found in the local store{what}"));
        }
        let mut asked: Vec<String> = Vec::new();
        for one in opened {
            match (&one.answer, &one.selector) {
                // Of all its images, none is named.
                (Answer::Registry(name), Selector::Only) => asked.push(name.name()),
                (Answer::Registry(name), _) => asked.push(name.to_string()),
                (Answer::Pulled(name), _) => self.console.say(format!("found in the local store, as pulled: {name}")),
                _ => {}
            }
        }
        if !asked.is_empty() {
            self.console.say(format!("asking {}", asked.join(", ")));
        }
    }

    /// Finds out what a name without a host means, where the person's own registries.conf says so.
    ///
    /// # Errors
    /// Where several registries may be meant, and nobody may guess.
    pub async fn full_name(&self, name: &Reference) -> Result<Reference, Failure> {
        let say = |what: &str, file: &Path| self.console.say(format!("{} is {what} by {}", name.familiar(), file.display()));
        match self.client()?.meaning(name)? {
            ShortName::AsWritten => Ok(name.clone()),
            ShortName::Is(full, file) => {
                say(&full.to_string(), &file);
                Ok(full)
            }
            ShortName::Unclear(candidates, file) => Err(NameError::Unclear { name: name.familiar(), candidates, file }.into()),
            ShortName::OneOf(candidates, file) => {
                for full in &candidates {
                    if self.registry(full)?.resolve(&full.thing().into()).await.is_ok() {
                        say(&full.to_string(), &file);
                        return Ok(full.clone());
                    }
                }
                let all: Vec<String> = candidates.iter().map(ToString::to_string).collect();
                say(&format!("none of {}", all.join(", ")), &file);
                // Its registry says why.
                Ok(candidates.last().unwrap_or(name).clone())
            }
        }
    }

    fn registry(&self, name: &Reference) -> Result<Arc<dyn Place>, Failure> {
        let intent = if self.written.contains(&name.name()) { Intent::Write } else { Intent::Read };
        Ok(self.client()?.place(name, intent)?)
    }

    /// Returns the one client for all registries.
    ///
    /// # Errors
    /// Where its settings cannot be used.
    pub fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::new(self.settings())?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Returns what asks any address, of no registry.
    ///
    /// # Errors
    /// Where its settings cannot be used.
    pub fn web(&self) -> Result<Web, Failure> {
        Ok(Web::new(self.settings())?)
    }

    fn settings(&self) -> Settings {
        let context = &self.context;
        let now = context.now.clone();
        Settings {
            plain_http: rule(&context.global.plain_http),
            insecure: rule(&context.global.insecure),
            fallback: context.fallback.clone(),
            ca_files: context.global.ca_file.clone(),
            certs_dirs: context.certificate_folders.clone(),
            proxies: context.proxies.clone(),
            given: context.given.clone(),
            docker_config: context.docker_config.clone(),
            auth_files: context.auth_files.clone(),
            registries: context.registries.clone(),
            programs: context.programs.clone(),
            recall: self.recall(),
            events: self.console.events(),
            ..Settings::new(concat!("polyarch/", env!("CARGO_PKG_VERSION")), move || now())
        }
    }

    /// Returns the memory of what registries said, which is in the store. Without it things take
    /// longer, and no more: whoever reads a registry need not have a store.
    fn recall(&self) -> Arc<dyn Recall> {
        match self.store() {
            Ok(store) => Arc::new(store.clone()),
            Err(_) => Forgetful::shared(),
        }
    }

    fn once(&self, kind: &str, path: &Path, open: impl FnOnce() -> Result<Arc<dyn Place>, Failure>) -> Result<Arc<dyn Place>, Failure> {
        let key = format!("{kind}:{}", path.display());
        if let Some(place) = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(place.clone());
        }
        let place = open()?;
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(key, place.clone());
        Ok(place)
    }

    fn archive(&self, path: &Path, kind: ArchiveKind) -> Result<Arc<dyn Place>, Failure> {
        self.once(kind.prefix(), path, || Ok(Arc::new(self.new_archive(path, kind))))
    }

    fn archive_to_write(&self, path: &Path, kind: ArchiveKind) -> Result<Arc<dyn Place>, Failure> {
        // Before anything is read: a stream is no target, and reading one would wait.
        self.new_archive(path, kind).check_target()?;
        self.archive(path, kind)
    }

    /// Makes an archive of a path, where `-` is the standard input; nothing is read yet.
    fn new_archive(&self, path: &Path, kind: ArchiveKind) -> Archive {
        let stdin = path == Path::new("-");
        let input = if stdin { Input::Reader(Box::new(std::io::stdin())) } else { Input::Path(path.to_owned()) };
        match kind {
            ArchiveKind::Layout => Archive::layout(input, self.archive_settings()),
            ArchiveKind::Docker => Archive::docker(input, self.archive_settings()),
        }
    }

    /// Opens an archive of any kind to read; `-` is the standard input.
    ///
    /// # Errors
    /// Where there is none.
    pub fn any_archive(&self, path: &Path) -> Result<Arc<dyn Place>, Failure> {
        if path == Path::new("-") {
            return self.archive(path, ArchiveKind::Docker);
        }
        paths::check_there(path)?;
        self.recognised(path)
    }

    /// Prepares a new archive that everybody can load; nothing is written yet.
    pub fn new_archive_at(&self, path: &Path) -> Arc<dyn Place> {
        Arc::new(self.new_archive(path, ArchiveKind::Docker))
    }

    /// Opens an archive of the kind that it is.
    fn recognised(&self, path: &Path) -> Result<Arc<dyn Place>, Failure> {
        self.once("", path, || Ok(Arc::new(Archive::recognise(path, self.archive_settings())?)))
    }

    /// An engine runs Linux images, on whatever it runs itself.
    fn archive_settings(&self) -> ArchiveSettings {
        let host = Platform::host();
        let system = if host.os == "windows" { "windows" } else { "linux" };
        ArchiveSettings::new(&self.context.scratch, Platform::new(system, &host.architecture, host.variant.as_deref()))
    }

    async fn daemon(&self, name: &str) -> Result<Arc<dyn Place>, Failure> {
        let context = &self.context;
        let host = context.docker_host.as_deref().unwrap_or_default();
        let endpoint = Endpoint::parse(host, context.docker_certificates.as_deref())?;
        let engine = self.engine.get_or_try_init(|| Engine::connect(endpoint, self.console.events())).await?;
        Ok(Arc::new(engine.image(name, self.archive_settings())?))
    }

    /// Opens what lies at a path.
    fn path_to_read(&self, path: &Path) -> Result<Arc<dyn Place>, Failure> {
        match paths::look(path) {
            Found::Layout => Ok(Arc::new(Layout::open(path)?)),
            Found::Folder => Err(PathError::Unknown { path: path.to_owned(), got: "a folder without oci-layout" }.into()),
            Found::EmptyFile => Err(PathError::Unknown { path: path.to_owned(), got: "an empty file" }.into()),
            Found::Nothing | Found::File => {
                paths::check_there(path)?;
                self.recognised(path)
            }
        }
    }

    /// Opens what lies at a path, or makes a layout there.
    fn path_to_write(&self, path: &Path) -> Result<Arc<dyn Place>, Failure> {
        match paths::look(path) {
            Found::File => self.recognised(path),
            Found::EmptyFile => Err(PathError::NewArchive(path.to_owned()).into()),
            Found::Nothing if paths::is_named_as_archive(path) => Err(PathError::NewArchive(path.to_owned()).into()),
            Found::Nothing | Found::Layout | Found::Folder => Ok(Arc::new(Layout::create_or_open(path)?)),
        }
    }
}

/// Says of an image that is not there, or whose registry did not answer, what has its name instead.
fn explained(name: &Reference, opened: &Opened, problem: content::Error, find: impl FnOnce() -> Option<Lookalike>) -> Failure {
    let absent = is_absence_of(name, &problem);
    // A registry's own faults: it is unreachable, denies, or does not work.
    let unanswered = matches!(problem, content::Error::Place(_));
    let lookalike = if absent || unanswered { find() } else { None };
    let instead = match lookalike {
        Some(lookalike) if unanswered => Some(lookalike.behind(problem)),
        None if !absent => return problem.into(),
        lookalike => lookalike,
    };
    NameError::Nowhere { name: opened.label.clone(), registry: name.registry().to_owned(), instead }.into()
}

/// Tells whether a registry said that it has no such image, and not that a part of one is missing.
fn is_absence_of(name: &Reference, problem: &content::Error) -> bool {
    match problem {
        content::Error::Missing { item: Item::Tag(_) | Item::Repository, .. } => true,
        content::Error::Missing { item: Item::Manifest(digest), .. } => name.digest() == Some(digest),
        _ => false,
    }
}

fn rule(flags: &[HostFlag]) -> HostRule {
    if flags.contains(&HostFlag::All) {
        return HostRule::All;
    }
    let hosts: Vec<String> = flags
        .iter()
        .filter_map(|flag| match flag {
            HostFlag::Host(host) => Some(host.clone()),
            HostFlag::All => None,
        })
        .collect();
    if hosts.is_empty() { HostRule::None } else { HostRule::Hosts(hosts) }
}
