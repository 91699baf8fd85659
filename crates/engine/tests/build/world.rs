//! A folder, images, and what a build makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_trait::async_trait;
use content::{Events, Keep, Memory, Source};
use dockerfile::{Address, PatternList, parse};
use engine::build::{
    Anew, Asked, BuildError, BuildFile, Built, BuiltImage, Fetched, FetchedFiles, Found, Happening, Images, Named, Plan, Progress,
    RemoteSource, Remotes, Request, Target, Workshop, make, plan,
};
use engine::cache::Cache;
use engine::context::Context;
use engine::files::Files;
use engine::machines::Machines;
use engine::provenance::Material;
use engine::run::{Runner, Settings};
use engine::truth::Allowed;
use fault::{AnyFault, Fault, Kind};
use layer::tar::{EntryKind, Limits, Reader, Rules};
use layer::{Compression, Inflate, InflateLimits};
use oci::{Descriptor, Digest, MediaType, Platform, RawManifest};
use sandbox::SandboxError;
use serde_json::Value;
use testkit::fixtures::{self, Index};

/// A world to build in.
pub struct World {
    pub folder: tempfile::TempDir,
    images: BTreeMap<String, (Memory, RawManifest)>,
    /// What was asked for, in order.
    asked: Mutex<Vec<String>>,
    pub store: Memory,
    pub keep: Arc<dyn Keep>,
    pub request: Request,
    pub happened: Arc<Mutex<Vec<Happening>>>,
    contexts: BTreeMap<String, Named>,
    arguments: BTreeMap<String, String>,
    pub optional: Vec<&'static str>,
    /// What addresses lead to.
    pub far: BTreeMap<&'static str, Far>,
    /// Where the Dockerfile and its context came from, if from elsewhere.
    pub material: Option<Material>,
}

#[derive(Debug, thiserror::Error)]
#[error("no image {0}")]
pub struct NoImage(String);

impl Fault for NoImage {
    fn kind(&self) -> Kind {
        Kind::Place
    }
}

#[async_trait]
impl Images for World {
    async fn find(&self, asked: &Asked) -> Result<Found, AnyFault> {
        let name = asked.word().to_owned();
        self.asked.lock().unwrap().push(name.clone());
        let (memory, root) = self.images.get(&name).ok_or_else(|| AnyFault::new(NoImage(name.clone())))?;
        let source: Arc<dyn Source> = Arc::new(memory.clone());
        Ok(Found { label: name, source, root: root.clone() })
    }
}

#[async_trait]
impl Remotes for World {
    async fn fetch(&self, wanted: &RemoteSource) -> Result<Fetched, AnyFault> {
        let address = wanted.address.shown();
        let far = self.far.get(address.as_str()).ok_or_else(|| AnyFault::new(NoImage(address)))?;
        Ok(match far {
            Far::File(bytes, modified) => {
                let Address::Http(http) = &wanted.address else { panic!("a file is behind a URL") };
                let blob = Box::new(Descriptor::of(MediaType::OciLayer, bytes));
                self.store.insert_blob(bytes.clone().into());
                let material = Material::of_file(http, &blob.digest);
                let files = FetchedFiles::File { name: http.file_name(), modified: *modified, blob, source: Arc::new(self.store.clone()) };
                Fetched { files, material }
            }
            Far::Tree(files) => {
                let Address::Git(git) = &wanted.address else { panic!("files are in a repository") };
                let files = FetchedFiles::Tree { files: Arc::clone(files), named: "sub".into() };
                Fetched { files, material: Material::of_commit(git, COMMIT) }
            }
        })
    }
}

/// The commit of every repository.
pub const COMMIT: &str = "4b220de5058abfd01ff619c9d2ff6b09a049bea0";

/// What an address leads to.
pub enum Far {
    File(Vec<u8>, i64),
    /// Files, of which the folder `sub` is meant.
    Tree(Arc<Files>),
}

impl World {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(folder.path(), path, text.as_bytes());
        }
        let request = Request {
            machines: Arc::new(Machines::alone(Platform::new("linux", "amd64", None))),
            targets: Vec::new(),
            stage: None,
            labels: Vec::new(),
            compression: Compression::default(),
            threads: 2,
            epoch: None,
            anew: Anew::Nothing,
            keeps_attributes: false,
            allowed: Allowed::default(),
            wants_files: false,
            scratch: folder.path().to_owned(),
            commands: Settings::default(),
            tests: Vec::new(),
            tests_all: false,
            provenance: None,
        };
        Self {
            folder,
            images: BTreeMap::new(),
            asked: Mutex::default(),
            store: Memory::new(),
            keep: Arc::new(Memory::new()),
            request,
            happened: Arc::default(),
            contexts: BTreeMap::new(),
            arguments: BTreeMap::new(),
            optional: Vec::new(),
            far: BTreeMap::new(),
            material: None,
        }
    }

    /// Adds an index of images.
    pub async fn image(mut self, name: &str, images: Vec<fixtures::BuiltImage>) -> Self {
        let index = images.iter().fold(Index::new(), |index, image| index.image(image)).build();
        let all: Vec<&fixtures::BuiltImage> = images.iter().collect();
        let memory = fixtures::in_memory(&all, &[&index]).await;
        self.images.insert(name.to_owned(), (memory, index));
        self
    }

    /// Adds one image without an index.
    pub async fn lone(mut self, name: &str, image: fixtures::BuiltImage) -> Self {
        let memory = fixtures::in_memory(&[&image], &[]).await;
        self.images.insert(name.to_owned(), (memory, image.manifest.clone()));
        self
    }

    pub fn context(mut self, name: &str, named: Named) -> Self {
        self.contexts.insert(graph::context_name(name), named);
        self
    }

    pub fn argument(mut self, name: &str, value: &str) -> Self {
        self.arguments.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn request(&self, dockerfile: &str, platforms: &[&str]) -> Result<Request, BuildError> {
        let source = dockerfile::Source::new("Dockerfile", dockerfile);
        let parsed = parse(&source).map_err(BuildError::Syntax)?;
        let file = Arc::new(BuildFile { source, parsed, material: self.material.clone() });
        let ignored = fs::read_to_string(self.folder.path().join(".dockerignore")).unwrap_or_default();
        let context = Context::folder(self.folder.path(), PatternList::read(&ignored).unwrap());
        let context = Arc::new(context.keeping_attributes(self.request.keeps_attributes).of(self.material.clone()));
        let target = |platform: &&str| Target {
            platform: platform.parse().unwrap(),
            is_optional: self.optional.contains(platform),
            file: file.clone(),
            arguments: self.arguments.clone(),
            context: context.clone(),
            contexts: self.contexts.clone(),
            annotations: BTreeMap::new(),
        };
        Ok(Request { targets: platforms.iter().map(target).collect(), ..self.request.clone() })
    }

    pub async fn plan(&self, dockerfile: &str, platforms: &[&str]) -> Result<Plan, BuildError> {
        plan(&self.request(dockerfile, platforms)?, self).await
    }

    pub async fn build(&self, dockerfile: &str, platforms: &[&str]) -> Result<Built, BuildError> {
        let request = self.request(dockerfile, platforms)?;
        let mut plan = plan(&request, self).await?;
        if let Some(problem) = plan.problem() {
            return Err(problem);
        }
        let happened = self.happened.clone();
        let progress = Progress::to(move |happening| happened.lock().unwrap().push(happening));
        let cache = Cache::new(self.keep.clone(), Arc::new(SystemTime::now));
        let (library, events) = (&self.store, &Events::none());
        // No test binary can be started as the init of a sandbox: what is run is tested with the program.
        let runner = Runner::new(self.folder.path().join("roots"), Err(SandboxError::Lost), 1, false);
        let workshop = Workshop { library, place: &self.store, events, progress: &progress, cache: &cache, runner: &runner, remotes: self };
        make(&request, plan, &workshop).await
    }

    /// Builds for one platform, which has to succeed.
    pub async fn one(&self, dockerfile: &str) -> Image<'_> {
        let built = self.build(dockerfile, &["linux/amd64"]).await;
        let mut built = built.unwrap_or_else(|problem| panic!("{problem}"));
        self.seen(built.images.remove(0)).await
    }

    pub async fn seen(&self, built: BuiltImage) -> Image<'_> {
        let image = built.manifest.as_image().unwrap();
        let config = self.store.blob(&image.config).await.unwrap().read_all(u64::MAX).await.unwrap();
        Image { store: &self.store, config: serde_json::from_slice(&config).unwrap(), built }
    }

    pub async fn refused(&self, dockerfile: &str) -> BuildError {
        match self.build(dockerfile, &["linux/amd64"]).await {
            Ok(_) => panic!("this was to be refused:\n{dockerfile}"),
            Err(problem) => problem,
        }
    }
}

pub fn write(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
    fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
}

/// An image that was built.
pub struct Image<'a> {
    store: &'a Memory,
    pub config: Value,
    pub built: BuiltImage,
}

impl Image<'_> {
    pub fn digest(&self) -> Digest {
        self.built.manifest.digest().clone()
    }

    /// Returns what is in a layer, from 0: `path`, `path/`, `path -> target`, `path = target`, each with its mode where
    /// that is no usual one, and its owner where that is not root.
    pub async fn layer(&self, number: usize) -> Vec<String> {
        let layer = self.built.manifest.as_image().unwrap().layers[number].clone();
        let bytes = self.store.blob(&layer).await.unwrap().read_all(u64::MAX).await.unwrap();
        let mut reader = Reader::new(Inflate::new(&bytes[..], InflateLimits::default()).unwrap(), Limits::default(), Rules::of_layer());
        let mut lines = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            let (what, usual) = match &entry.kind {
                EntryKind::Directory => ("/".to_owned(), 0o755),
                EntryKind::Symlink { target } => (format!(" -> {}", String::from_utf8_lossy(target)), 0o777),
                EntryKind::Hardlink { target } => (format!(" = {}", String::from_utf8_lossy(target)), 0o644),
                _ => {
                    let mut content = String::new();
                    reader.content().read_to_string(&mut content).unwrap();
                    (if content.is_empty() { String::new() } else { format!(": {}", content.trim_end()) }, 0o644)
                }
            };
            let mode = if entry.mode == usual { String::new() } else { format!(" {:o}", entry.mode) };
            let owner = if (entry.uid, entry.gid) == (0, 0) { String::new() } else { format!(" {}:{}", entry.uid, entry.gid) };
            lines.push(format!("{}{what}{mode}{owner}", String::from_utf8_lossy(&entry.path)));
        }
        lines
    }

    /// Returns the extended attributes of all entries of a layer.
    pub async fn attributes(&self, number: usize) -> Vec<(String, Vec<u8>)> {
        let layer = self.built.manifest.as_image().unwrap().layers[number].clone();
        let bytes = self.store.blob(&layer).await.unwrap().read_all(u64::MAX).await.unwrap();
        let mut reader = Reader::new(Inflate::new(&bytes[..], InflateLimits::default()).unwrap(), Limits::default(), Rules::of_layer());
        let mut all = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            all.extend(entry.xattrs.into_iter().map(|(name, value)| (String::from_utf8(name).unwrap(), value)));
        }
        all
    }

    pub fn layers(&self) -> usize {
        self.built.manifest.as_image().unwrap().layers.len()
    }
}
