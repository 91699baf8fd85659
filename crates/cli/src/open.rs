//! Opens what a person named: from a locator to a place and a thing in it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use content::Place;
use daemon::{Endpoint, Engine};
use fault::{Failure, Fault, Hint, Kind};
use oci::{Locator, Platform, Reference, Selector};
use remote::{Client, HostRule, Intent, Settings};
use store::archive::{Archive, Input, Settings as ArchiveSettings};
use store::{Layout, NameOrigin, Store};
use tokio::sync::OnceCell;

use crate::args::HostFlag;
use crate::console::Console;
use crate::context::Context;
use crate::names::{Lookalike, NameError};

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
    /// The registry of a bare name.
    Registry(Reference),
    /// The place that was written out.
    Named,
}

/// A path where no image can be.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// Nothing is there.
    #[error("nothing is at {}", .0.display())]
    Nothing(PathBuf),
    /// Something else is there.
    #[error("expected an OCI layout or an image archive at {}, got {got}", path.display())]
    Unknown {
        /// The path.
        path: PathBuf,
        /// What was found.
        got: &'static str,
    },
}

impl Fault for PathError {
    fn kind(&self) -> Kind {
        Kind::Place
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new("say what it is: oci:DIR, oci-archive:FILE or docker-archive:FILE"))
    }
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
        Ok(match locator {
            Locator::Name(name) if self.store()?.resolve_made(name).await?.is_some() => {
                let place = self.store()?.repository(name, NameOrigin::Made);
                Opened { label, place, selector: name.thing().into(), answer: Answer::Store }
            }
            Locator::Name(name) => {
                let place = self.registry(name)?;
                Opened { label, place, selector: name.thing().into(), answer: Answer::Registry(name.clone()) }
            }
            Locator::Registry(name) => named(self.registry(name)?, &name.thing().into()),
            Locator::Store(name) => named(self.store()?.repository(name, NameOrigin::Made), &name.thing().into()),
            Locator::Layout { path, selector } => named(self.once("oci", path, || Ok(Arc::new(Layout::open(path)?)))?, selector),
            Locator::LayoutArchive { path, selector } => named(self.layout_archive(path)?, selector),
            Locator::DockerArchive { path, selector } => named(self.docker_archive(path)?, selector),
            Locator::Daemon(name) => named(self.daemon(name).await?, &Selector::Only),
            Locator::Path { path, selector } => named(self.path(path)?, selector),
        })
    }

    /// Opens something to write.
    ///
    /// # Errors
    /// Where the place cannot be opened at all, or `--push` was given for one that is no registry.
    pub async fn target(&self, locator: &Locator, push: bool) -> Result<Opened, Failure> {
        let label = locator.to_string();
        let named = |place, selector: Selector| Opened { label: label.clone(), place, selector, answer: Answer::Named };
        let tag = |name: &Reference| name.target_tag().map_or(Selector::Only, |tag| Selector::Name(tag.into()));
        Ok(match locator {
            Locator::Name(name) | Locator::Registry(name) if push => {
                Opened { label: name.to_string(), place: self.registry(name)?, selector: tag(name), answer: Answer::Registry(name.clone()) }
            }
            Locator::Registry(name) => {
                Opened { label: name.to_string(), place: self.registry(name)?, selector: tag(name), answer: Answer::Registry(name.clone()) }
            }
            other if push => return Err(NameError::NotPushable(other.clone()).into()),
            Locator::Name(name) | Locator::Store(name) => {
                let place = self.store()?.repository(name, NameOrigin::Made);
                Opened { label: name.familiar(), place, selector: tag(name), answer: Answer::Store }
            }
            Locator::Layout { path, selector } => named(Arc::new(Layout::create_or_open(path)?), selector.clone()),
            Locator::LayoutArchive { path, selector } => named(self.layout_archive(path)?, selector.clone()),
            Locator::DockerArchive { path, selector } => named(self.docker_archive(path)?, selector.clone()),
            Locator::Daemon(name) => named(self.daemon(name).await?, Selector::Only),
            Locator::Path { path, selector } => named(Arc::new(Layout::create_or_open(path)?), selector.clone()),
        })
    }

    /// Turns "it is not there" into the words that fit a bare name. A folder or file of that name
    /// is what was meant, more often than not, whatever the registry said.
    pub fn explain(&self, opened: &Opened, problem: content::Error) -> Failure {
        let Answer::Registry(name) = &opened.answer else { return problem.into() };
        let lookalike = Lookalike::find(&name.as_written());
        if problem.is_missing() || lookalike.is_some() {
            return NameError::Nowhere { name: opened.label.clone(), registry: name.registry().to_owned(), instead: lookalike }.into();
        }
        problem.into()
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
            if let Answer::Registry(name) = &one.answer {
                asked.push(name.to_string());
            }
        }
        if !asked.is_empty() {
            self.console.say(format!("asking {}", asked.join(", ")));
        }
    }

    fn registry(&self, name: &Reference) -> Result<Arc<dyn Place>, Failure> {
        let intent = if self.written.contains(&name.name()) { Intent::Write } else { Intent::Read };
        Ok(self.client()?.repository(name, intent))
    }

    fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let context = &self.context;
        let now = context.now.clone();
        let settings = Settings {
            plain_http: rule(&context.global.plain_http),
            insecure: rule(&context.global.insecure),
            ca_files: context.global.ca_file.clone(),
            certs_dirs: context.certificate_folders.clone(),
            proxies: context.proxies.clone(),
            docker_config: context.docker_config.clone(),
            auth_files: context.auth_files.clone(),
            programs: context.programs.clone(),
            recall: Arc::new(self.store()?.clone()),
            events: self.console.events(),
            ..Settings::new(concat!("polyarch/", env!("CARGO_PKG_VERSION")), move || now())
        };
        let client = Client::new(settings)?;
        Ok(self.client.get_or_init(|| client))
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

    fn layout_archive(&self, path: &Path) -> Result<Arc<dyn Place>, Failure> {
        self.once("oci-archive", path, || Ok(Arc::new(Archive::layout(path.to_owned(), self.archive_settings()))))
    }

    fn docker_archive(&self, path: &Path) -> Result<Arc<dyn Place>, Failure> {
        self.once("docker-archive", path, || {
            let stdin = path == Path::new("-");
            let input = if stdin { Input::Reader(Box::new(std::io::stdin())) } else { Input::Path(path.to_owned()) };
            Ok(Arc::new(Archive::docker(input, self.archive_settings())))
        })
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

    /// Finds out what lies at a path.
    fn path(&self, path: &Path) -> Result<Arc<dyn Place>, Failure> {
        if path.join("oci-layout").is_file() {
            return Ok(Arc::new(Layout::open(path)?));
        }
        if path.is_dir() {
            return Err(PathError::Unknown { path: path.to_owned(), got: "a folder without oci-layout" }.into());
        }
        if !path.exists() {
            return Err(PathError::Nothing(path.to_owned()).into());
        }
        Ok(Arc::new(Archive::recognise(path, self.archive_settings())?))
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
