//! `manifest.json`: what `docker save` up to version 24, podman and skopeo write.
//!
//! Such an archive holds configs and plain layers but no manifests, so manifests are made here: the
//! config keeps its bytes, each layer is compressed once. The same archive always gives the same
//! digests.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use content::{Error, Item, Result};
use layer::Compressed;
use oci::{Descriptor, DiffId, Digest, ImageConfig, MediaType, RawManifest, Reference};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::input::{Opened, Settings};
use super::section::{Section, Span, read_at};
use super::{ArchiveError, Compression, names};

/// Layers compressed at once.
const THREADS: usize = 2;
/// The entry that lists the images.
pub(crate) const LIST: &str = "manifest.json";

/// One image of the list (moby, image/tarexport/tarexport.go, `manifestItem`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Image {
    /// The config's entry.
    pub config: String,
    /// The image's names, `app:1.0`.
    #[serde(default, deserialize_with = "or_nothing")]
    pub repo_tags: Vec<String>,
    /// The layers' entries, base first.
    #[serde(default, deserialize_with = "or_nothing")]
    pub layers: Vec<String>,
}

fn or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads the list. `None` where the archive has none.
///
/// # Errors
/// Refuses one over 4 MiB and one of another shape.
pub(crate) fn read_list(opened: &Opened) -> Result<Option<Vec<Image>>> {
    opened.document(LIST)
}

/// The images of a classic archive, each made when it is first asked for.
#[derive(Debug)]
pub(crate) struct Classic {
    images: Vec<Image>,
    made: Vec<Option<RawManifest>>,
    /// Finished layers by where their entry's bytes begin: images share them.
    layers: HashMap<u64, (Compressed, Section)>,
    blobs: HashMap<Digest, Section>,
}

impl Classic {
    /// Starts with a list.
    pub fn new(images: Vec<Image>) -> Self {
        let made = images.iter().map(|_| None).collect();
        Self { images, made, layers: HashMap::new(), blobs: HashMap::new() }
    }

    /// Returns the list.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Finds an image by its name.
    pub fn position(&self, name: &str) -> Option<usize> {
        let wanted: Option<Reference> = name.parse().ok();
        let is_it = |own: &String| {
            own == name || wanted.as_ref().is_some_and(|wanted| own.parse().is_ok_and(|own: Reference| names::same(&own, wanted)))
        };
        self.images.iter().position(|image| image.repo_tags.iter().any(is_it))
    }

    /// Returns the images made so far, with their manifests.
    pub fn made(&self) -> impl Iterator<Item = (&Image, &RawManifest)> {
        self.images.iter().zip(&self.made).filter_map(|(image, made)| Some((image, made.as_ref()?)))
    }

    /// Returns the manifests made so far.
    pub fn manifests(&self) -> impl Iterator<Item = &RawManifest> {
        self.made.iter().flatten()
    }

    /// Returns configs and layers made so far.
    pub fn blobs(&self) -> impl Iterator<Item = (&Digest, &Section)> {
        self.blobs.iter()
    }

    /// Returns a config or layer made so far.
    pub fn blob(&self, digest: &Digest) -> Option<Section> {
        self.blobs.get(digest).cloned()
    }

    /// Returns a manifest made so far.
    pub fn manifest(&self, digest: &Digest) -> Option<&RawManifest> {
        self.manifests().find(|manifest| manifest.digest() == digest)
    }

    /// Returns an image's manifest; compresses its layers at the first call.
    ///
    /// # Errors
    /// Refuses an image whose config and layers do not fit together.
    pub fn make(&mut self, position: usize, opened: &Opened, settings: &Settings) -> Result<RawManifest> {
        if let Some(Some(manifest)) = self.made.get(position) {
            return Ok(manifest.clone());
        }
        let Some(image) = self.images.get(position) else { return Err(Error::missing(Item::Image, &opened.path)) };
        let (config, section) = read_config(image, opened)?;
        let mut pieces = Vec::new();
        for (name, diff_id) in image.layers.iter().zip(&config.diff_ids) {
            let section = entry(opened, name)?;
            pieces.push(Piece { name, section, diff_id });
        }
        for (offset, made) in compress(&pieces, &self.layers, opened, settings)? {
            self.blobs.insert(made.0.digest.clone(), made.1.clone());
            self.layers.insert(offset, made);
        }
        let mut layers = Vec::new();
        for piece in &pieces {
            let Some((made, _)) = self.layers.get(&piece.section.span.offset) else { continue };
            if made.diff_id != *piece.diff_id {
                return Err(piece.wrong(&opened.path, made.diff_id.clone()).into());
            }
            layers.push(Descriptor::new(MediaType::DockerLayerGzip, made.digest.clone(), made.size));
        }
        let manifest = make_manifest(&config.descriptor, &layers).map_err(|problem| Error::Document {
            item: Item::Image,
            place: opened.path.clone(),
            problem,
        })?;
        self.blobs.insert(config.descriptor.digest, section);
        if let Some(slot) = self.made.get_mut(position) {
            *slot = Some(manifest.clone());
        }
        Ok(manifest)
    }
}

struct Config {
    descriptor: Descriptor,
    diff_ids: Vec<DiffId>,
}

fn read_config(image: &Image, opened: &Opened) -> Result<(Config, Section)> {
    let section = entry(opened, &image.config)?;
    let bytes = section.read(&format!("{} in {}", image.config, opened.path), oci::MAX_MANIFEST_SIZE)?;
    let descriptor = Descriptor::of(MediaType::DockerConfig, &bytes);
    // Its name is its digest: HEX.json up to Docker 24, blobs/sha256/HEX later.
    let file = image.config.rsplit('/').next().unwrap_or_default();
    let named: Option<Digest> = format!("sha256:{}", file.strip_suffix(".json").unwrap_or(file)).parse().ok();
    if let Some(named) = named.filter(|named| *named != descriptor.digest) {
        return Err(Error::WrongDigest { item: Item::Blob(named), place: opened.path.clone(), got: descriptor.digest });
    }
    let view = ImageConfig::parse(&bytes).map_err(|problem| Error::Config {
        digest: descriptor.digest.clone(),
        place: opened.path.clone(),
        problem,
    })?;
    let (expected, got) = (view.rootfs.diff_ids.len(), image.layers.len());
    if expected != got {
        return Err(ArchiveError::LayerCount { path: opened.path.clone(), config: image.config.clone(), expected, got }.into());
    }
    Ok((Config { descriptor, diff_ids: view.rootfs.diff_ids }, section))
}

fn entry(opened: &Opened, name: &str) -> Result<Section> {
    let missing = || ArchiveError::NoEntry { path: opened.path.clone(), entry: name.chars().take(200).collect() };
    Ok(opened.section(name)?.ok_or_else(missing)?)
}

/// Docker's manifest version 2, schema 2: keys in the order of its specification, no spaces.
fn make_manifest(config: &Descriptor, layers: &[Descriptor]) -> std::result::Result<RawManifest, oci::ManifestError> {
    let point = |to: &Descriptor| json!({"mediaType": to.media_type.as_str(), "size": to.size, "digest": to.digest.to_string()});
    let tree = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DockerManifest.as_str(),
        "config": point(config),
        "layers": layers.iter().map(point).collect::<Vec<_>>(),
    });
    RawManifest::parse(Bytes::from(tree.to_string()), None)
}

/// A layer that an image needs.
struct Piece<'a> {
    name: &'a str,
    section: Section,
    diff_id: &'a DiffId,
}

impl Piece<'_> {
    fn wrong(&self, path: &str, got: DiffId) -> ArchiveError {
        ArchiveError::Layer { path: path.to_owned(), layer: self.name.to_owned(), expected: self.diff_id.clone(), got }
    }
}

type Finished = (u64, (Compressed, Section));

/// Compresses what is not in `known`, each entry once, on a few threads.
fn compress(
    pieces: &[Piece<'_>],
    known: &HashMap<u64, (Compressed, Section)>,
    opened: &Opened,
    settings: &Settings,
) -> Result<Vec<Finished>> {
    let mut todo: Vec<&Piece<'_>> = pieces.iter().filter(|piece| !known.contains_key(&piece.section.span.offset)).collect();
    todo.sort_by_key(|piece| piece.section.span.offset);
    todo.dedup_by_key(|piece| piece.section.span.offset);
    // One file per thread, for all its layers: an archive may hold more layers than a process may open files.
    let scratch: Vec<Arc<File>> = (0..THREADS.min(todo.len())).map(|_| settings.nameless().map(Arc::new)).collect::<Result<_>>()?;
    let (next, finished) = (AtomicUsize::new(0), Mutex::new(Ok(Vec::new())));
    let work = |file: &Arc<File>| {
        let mut end = 0;
        while let Some(piece) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
            let made = finish(piece, file, &mut end, opened, settings);
            let mut all = finished.lock().unwrap_or_else(PoisonError::into_inner);
            match (made, all.as_mut()) {
                (Ok(made), Ok(list)) => list.push((piece.section.span.offset, made)),
                (Err(error), Ok(_)) => *all = Err(error),
                (_, Err(_)) => {}
            }
            if all.is_err() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for file in &scratch {
            scope.spawn(|| work(file));
        }
    });
    finished.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Brings one layer into the shape of a registry's blob, and computes what its tar is.
fn finish(piece: &Piece<'_>, scratch: &Arc<File>, end: &mut u64, opened: &Opened, settings: &Settings) -> Result<(Compressed, Section)> {
    let mut start = [0; 8];
    let broken = |problem: io::Error| ArchiveError::LayerBytes { path: opened.path.clone(), layer: piece.name.to_owned(), problem };
    let most = start.len().min(usize::try_from(piece.section.span.size).unwrap_or(usize::MAX));
    let count = read_at(&piece.section.file, start.get_mut(..most).unwrap_or_default(), piece.section.span.offset).map_err(broken)?;
    match Compression::of(start.get(..count).unwrap_or_default()) {
        None => {
            let made = layer::gzip(piece.section.reader(), SectionWriter { file: scratch, offset: *end })
                .map_err(ArchiveError::io("compress a layer of", &opened.path))?;
            let span = Span { offset: *end, size: made.size };
            *end += made.size;
            Ok((made, Section { file: Arc::clone(scratch), span }))
        }
        Some(Compression::Gzip) => match layer::gunzip(piece.section.reader(), io::sink(), settings.inflated) {
            Ok(made) => Ok((made, piece.section.clone())),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let what = format!("inflated bytes of layer {} in {}", piece.name, opened.path);
                Err(Error::Limit { what, limit: settings.inflated, got: settings.inflated.saturating_add(1) })
            }
            Err(error) => Err(broken(error).into()),
        },
        Some(found) => Err(ArchiveError::LayerCompressed { path: opened.path.clone(), layer: piece.name.to_owned(), found }.into()),
    }
}

/// Writes at its own place of a shared file.
struct SectionWriter<'a> {
    file: &'a File,
    offset: u64,
}

impl io::Write for SectionWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        super::section::write_at(self.file, bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
