//! An image of an engine, and its repository, as a place.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use content::{Abilities, BlobReader, Error, Expected, Item, Place, Placed, Result, Sink, Source, Tagged, check_expected};
use fault::Hint;
use oci::{Descriptor, Digest, Platform, RawManifest, Reference, Selector, Tag};
use store::archive::{Archive, Input, Settings};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::engine::ImageStore;
use crate::{DaemonError, Engine};

/// One image of an engine, by name or id, and the repository around it.
///
/// `Selector::Only` is the image it was made for; `Selector::Name` is another tag of its repository.
///
/// An engine with the classic store keeps no manifests. What is read from it gets a manifest made
/// of its config, byte for byte, and its layers, compressed here: the same every time. What is
/// written to it becomes one image for the engine's platform, and only its config keeps its bytes.
///
/// What is put waits in a temporary archive; the engine gets it when a name is given.
#[derive(Debug)]
pub struct DaemonImages {
    engine: Engine,
    subject: Subject,
    settings: Settings,
    /// What was saved before, by the engine's id for it.
    saved: Mutex<HashMap<String, Archive>>,
    waiting: Mutex<Option<Arc<Waiting>>>,
}

/// What a place of an engine was made for.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Name(Reference),
    Id(Digest),
}

/// Content on its way to the engine.
#[derive(Debug)]
struct Waiting {
    archive: Archive,
    folder: TempDir,
}

const FILE: &str = "images.tar";

impl DaemonImages {
    pub(crate) fn new(engine: Engine, subject: Subject, settings: Settings) -> Self {
        Self { engine, subject, settings, saved: Mutex::new(HashMap::new()), waiting: Mutex::new(None) }
    }

    /// Returns what the engine calls an image; `None` for what is asked by a digest.
    fn called(&self, selector: &Selector) -> Result<Option<String>> {
        match (selector, &self.subject) {
            (Selector::Only, Subject::Name(name)) => Ok(Some(name.familiar())),
            (Selector::Only, Subject::Id(id)) => Ok(Some(id.to_string())),
            (Selector::Name(tag), Subject::Name(name)) => Ok(tag.parse::<Tag>().ok().map(|tag| name.with(oci::Thing::Tag(tag)).familiar())),
            (Selector::Name(_), Subject::Id(_)) => Err(self.unsupported("is an image by its id and has no tags")),
            (Selector::Digest(_), _) => Ok(None),
        }
    }

    fn missing(&self, selector: &Selector) -> Error {
        let item = match selector {
            Selector::Only => Item::Image,
            Selector::Name(tag) => Item::Tag(tag.clone()),
            Selector::Digest(digest) => Item::Manifest(digest.clone()),
        };
        Error::missing(item, self.name())
    }

    fn unsupported(&self, cannot: &str) -> Error {
        let hint = Hint::new("give it a name and a tag: docker-daemon:NAME:TAG");
        Error::Unsupported { place: self.name(), cannot: cannot.to_owned(), hint: Some(hint) }
    }

    /// Returns an image's archive; the engine saves it once for as long as it stays the same.
    async fn save(&self, selector: &Selector) -> Result<Archive> {
        let Some(name) = self.called(selector)? else { return Err(self.missing(selector)) };
        let found = self.engine.inspect(&name).await?.ok_or_else(|| self.missing(selector))?;
        let mut saved = self.saved.lock().await;
        if let Some(archive) = saved.get(&found.id) {
            return Ok(archive.clone());
        }
        let scratch = |problem| DaemonError::Scratch { folder: self.settings.scratch.clone(), problem };
        let file = tempfile::tempfile_in(&self.settings.scratch).map_err(scratch)?;
        let copy = file.try_clone().map_err(scratch)?;
        if !self.engine.save(&name, copy, &self.settings).await? {
            return Err(self.missing(selector));
        }
        let archive = match self.engine.image_store() {
            // Its manifests are made up while it saves, with plain layers, and differ by its version.
            ImageStore::Classic => Archive::docker_classic(Input::File(file), self.settings.clone()),
            ImageStore::Containerd => Archive::docker(Input::File(file), self.settings.clone()),
        };
        let archive = archive.called(&format!("docker-daemon:{name}"));
        saved.insert(found.id, archive.clone());
        Ok(archive)
    }

    /// Returns every archive at hand that may hold content asked for by digest.
    async fn at_hand(&self) -> Vec<Archive> {
        let waiting = self.waiting.lock().await.as_ref().map(|waiting| waiting.archive.clone());
        waiting.into_iter().chain(self.saved.lock().await.values().cloned()).collect()
    }

    /// Returns the archive for what is put.
    async fn waiting(&self) -> Result<Arc<Waiting>> {
        let mut waiting = self.waiting.lock().await;
        if let Some(waiting) = &*waiting {
            return Ok(Arc::clone(waiting));
        }
        let scratch = |problem| DaemonError::Scratch { folder: self.settings.scratch.clone(), problem };
        let folder = tempfile::Builder::new().prefix("polyarch-load-").tempdir_in(&self.settings.scratch).map_err(scratch)?;
        let archive = Archive::docker(folder.path().join(FILE), self.settings.clone()).called(&self.name());
        let new = Arc::new(Waiting { archive, folder });
        *waiting = Some(Arc::clone(&new));
        Ok(new)
    }

    /// Finds what a name points at, by the digest that a reader sees.
    async fn pointed(&self, selector: &Selector) -> Result<Option<Digest>> {
        match self.manifest(selector).await {
            Ok(manifest) => Ok(Some(manifest.digest().clone())),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Loads the waiting archive, with this name for `root`.
    async fn hand_over(&self, waiting: &Waiting, name: &Reference, root: &RawManifest) -> Result<()> {
        waiting.archive.tag(&Selector::Name(name.familiar()), root, &Expected::Any).await?;
        let scratch = |problem| DaemonError::Scratch { folder: self.settings.scratch.clone(), problem };
        let file = tokio::fs::File::open(waiting.folder.path().join(FILE)).await.map_err(scratch)?;
        let size = file.metadata().await.map_err(scratch)?.len();
        Ok(self.engine.load(&name.familiar(), file, size).await?)
    }

    /// Says what became of an index in an engine that keeps one image per name.
    fn warn_of_one(&self, root: &RawManifest, image: &RawManifest, config: &oci::ImageConfig) {
        let Some(index) = root.as_index() else { return };
        let images = index.manifests.iter().filter(|entry| !entry.is_attestation()).count();
        let platform = config.platform().map_or_else(|| image.digest().to_string(), |platform| platform.to_string());
        let other = config.platform().is_some_and(|platform| !oci::Matcher::only(self.engine.platform()).matches(&platform));
        let why = if other { format!(", as none is for {}", self.engine.platform()) } else { String::new() };
        self.engine
            .warn(format!("the engine at {} keeps one platform per image: loaded {platform} of {images}{why}", self.engine.endpoint()));
    }
}

#[async_trait]
impl Source for DaemonImages {
    fn name(&self) -> String {
        match &self.subject {
            Subject::Name(name) => format!("docker-daemon:{}", name.familiar()),
            Subject::Id(id) => format!("docker-daemon:{id}"),
        }
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        Ok(self.manifest(selector).await?.descriptor())
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        let Selector::Digest(_) = selector else {
            // The archive holds this one image, whatever it is called in there.
            return self.save(selector).await?.manifest(&Selector::Only).await;
        };
        for archive in self.at_hand().await {
            match archive.manifest(selector).await {
                Err(error) if error.is_missing() => {}
                other => return other,
            }
        }
        match self.save(&Selector::Only).await {
            Ok(archive) => archive.manifest(selector).await,
            Err(error) if error.is_missing() => Err(self.missing(selector)),
            Err(error) => Err(error),
        }
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        for archive in self.at_hand().await {
            match archive.blob(blob).await {
                Err(error) if error.is_missing() => {}
                other => return other,
            }
        }
        match self.save(&Selector::Only).await {
            Ok(archive) => archive.blob(blob).await,
            Err(error) if error.is_missing() => Err(Error::missing(Item::Blob(blob.digest.clone()), self.name())),
            Err(error) => Err(error),
        }
    }

    /// Tells of what is at hand only: the engine itself cannot be asked for blobs.
    async fn has(&self, child: &Descriptor) -> Result<bool> {
        match &*self.waiting.lock().await {
            Some(waiting) => waiting.archive.has(child).await,
            None => Ok(false),
        }
    }

    async fn referrers(&self, _: &Digest) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    async fn tags(&self) -> Result<Vec<String>> {
        let names: Vec<Reference> = match &self.subject {
            Subject::Name(name) => self.engine.names(name).await?,
            Subject::Id(id) => {
                let found = self.engine.inspect(&id.to_string()).await?;
                found.and_then(|image| image.repo_tags).unwrap_or_default().iter().filter_map(|name| name.parse().ok()).collect()
            }
        };
        let mut tags: Vec<String> = names.iter().filter_map(Reference::tag).map(ToString::to_string).collect();
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }
}

#[async_trait]
impl Sink for DaemonImages {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        self.waiting().await?.archive.put_blob(blob, from).await
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        self.waiting().await?.archive.put_manifest(manifest).await
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let Subject::Name(own) = &self.subject else { return Err(self.unsupported("is an image by its id and cannot become another")) };
        let tag = match name {
            Selector::Only => own.target_tag(),
            Selector::Name(tag) => tag.parse().ok(),
            Selector::Digest(_) => None,
        };
        let Some(tag) = tag else { return Err(self.unsupported("keeps images by name and tag")) };
        let reference = own.with(oci::Thing::Tag(tag.clone()));
        let waiting = self.waiting().await?;
        if !waiting.archive.has(&root.descriptor()).await? {
            return Err(Error::missing(Item::Manifest(root.digest().clone()), self.name()));
        }
        let Some(image) = waiting.archive.loadable(root).await? else {
            let hint = Hint::new("an engine loads images; keep other artifacts in a registry or in an OCI layout");
            return Err(Error::Unsupported { place: self.name(), cannot: "takes runnable images only".to_owned(), hint: Some(hint) });
        };
        if *expected != Expected::Any {
            check_expected(&self.name(), tag.as_str(), expected, self.pointed(name).await?.as_ref())?;
        }
        let Some(view) = image.as_image() else { return Err(Error::missing(Item::Image, self.name())) };
        let id = match self.engine.image_store() {
            ImageStore::Classic => view.config.digest.to_string(),
            ImageStore::Containerd => root.digest().to_string(),
        };
        let now = self.engine.inspect(&reference.familiar()).await?.map(|image| image.id);
        if now.as_ref() == Some(&id) {
            return Ok(Tagged::Unchanged);
        }
        let known = self.engine.image_store() == ImageStore::Classic && self.engine.inspect(&id).await?.is_some();
        if known {
            self.engine.tag(&id, &reference.familiar_name(), tag.as_str()).await?;
        } else {
            self.hand_over(&waiting, &reference, root).await?;
        }
        let got = self.engine.inspect(&reference.familiar()).await?.map(|image| image.id);
        if got.as_ref() != Some(&id) {
            let (endpoint, name) = (Arc::clone(self.engine.endpoint()), reference.familiar());
            return Err(DaemonError::NotLoaded { endpoint, name, expected: id, got: got.unwrap_or_else(|| "none".to_owned()) }.into());
        }
        if self.engine.image_store() == ImageStore::Classic {
            let bytes = waiting.archive.blob(&view.config).await?.read_all(oci::MAX_MANIFEST_SIZE).await?;
            self.warn_of_one(root, &image, &oci::ImageConfig::parse(&bytes).unwrap_or_default());
        }
        Ok(Tagged::Moved)
    }

    async fn remove(&self, selector: &Selector) -> Result<()> {
        let names = match selector {
            Selector::Digest(digest) => self.names_of(digest).await?,
            other => self.called(other)?.into_iter().collect(),
        };
        let mut removed = false;
        for name in names {
            removed |= self.engine.remove(&name).await?;
        }
        // Whatever was saved may be gone from the engine.
        self.saved.lock().await.clear();
        if removed { Ok(()) } else { Err(self.missing(selector)) }
    }
}

impl DaemonImages {
    /// Returns the names that a manifest, which was read before, has in this repository. What the
    /// image is called elsewhere is not this place's.
    async fn names_of(&self, digest: &Digest) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for (id, archive) in self.saved.lock().await.iter() {
            if archive.manifest(&Selector::Digest(digest.clone())).await.is_ok() {
                ids.push(id.clone());
            }
        }
        let Subject::Name(own) = &self.subject else { return Ok(ids) };
        let mut names = Vec::new();
        for name in self.engine.names(own).await? {
            let name = name.familiar();
            if self.engine.inspect(&name).await?.is_some_and(|image| ids.contains(&image.id)) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

impl Place for DaemonImages {
    fn abilities(&self) -> Abilities {
        let whole = self.engine.image_store() == ImageStore::Containerd;
        Abilities { exact: whole, indexes: whole, compare_and_swap: false, remove: true, referrers: false }
    }

    fn keeps(&self) -> Option<Platform> {
        (self.engine.image_store() == ImageStore::Classic).then(|| self.engine.platform().clone())
    }

    fn width(&self) -> usize {
        1
    }
}
