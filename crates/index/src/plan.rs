//! The decision: which entries the index has and its exact bytes. Pure; nothing is done here.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use content::Error;
use oci::{Digest, Family, MediaType, Platform, PlatformSet, RawManifest};
use serde_json::{Map, Value, json};

use crate::IndexError;
use crate::annotate::{Annotation, Level};
use crate::encode::Encoding;
use crate::gather::{Attestations, Candidate, Gathered, Role, offered};
use crate::orphans::{drop_orphans, orphans};

const NO_ANNOTATIONS: &str = "a Docker manifest list has no annotations";

/// How the sources and the index that is there already become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change {
    /// The result is exactly the sources.
    #[default]
    Set,
    /// The sources are added to what is there.
    Append,
    /// The sources take the places of the images for their platforms.
    Replace,
    /// The sources take the places of those that are there and are added otherwise.
    AppendOrReplace,
}

/// Which kind of document the index is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaChoice {
    /// As the children are.
    #[default]
    Auto,
    /// An OCI image index.
    Oci,
    /// A Docker manifest list.
    Docker,
    /// A Docker manifest list, of OCI images too, with annotations where entries have them. It is not
    /// valid, registries take it, and it is what manifest-tool makes.
    DockerOfAny,
}

/// What one whole source becomes that nobody wished to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lone {
    /// The very bytes it has, whatever its shape.
    #[default]
    AsItIs,
    /// An index: its own bytes where it is one, a new one of it otherwise.
    AnIndex,
    /// A new index, always.
    ANewIndex,
}

/// What becomes of two images for one platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// They are an error: each client takes another one of them.
    #[default]
    Refuse,
    /// They stay, with a warning, and so does an image that stands there twice.
    Keep,
}

/// In which order the entries stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sequence {
    /// As the sources were given, each attestation where its source has it.
    #[default]
    AsGiven,
    /// As the sources were given, attestations behind all images.
    AttestationsLast,
}

/// What the person wants the index to be, apart from the sources.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// What the index is to be called, for messages.
    pub target: String,
    /// How sources and what is there become one.
    pub change: Change,
    /// Platforms that go.
    pub remove: Vec<Platform>,
    /// Platforms that must be in the result.
    pub require: PlatformSet,
    /// Whether attestations stay.
    pub attestations: Attestations,
    /// Annotations to set.
    pub annotations: Vec<Annotation>,
    /// The kind of document.
    pub media: MediaChoice,
    /// What one whole source becomes.
    pub lone: Lone,
    /// What becomes of two images for one platform.
    pub duplicates: Duplicates,
    /// The order of the entries.
    pub sequence: Sequence,
    /// The platforms that stay, with their attestations; all where there are none.
    pub only: PlatformSet,
    /// How the document is written.
    pub encoding: Encoding,
}

/// What the index will be: decided, printable, not yet done.
#[derive(Clone)]
pub struct Plan {
    /// Its entries, in order.
    pub entries: Vec<Candidate>,
    /// Its exact bytes.
    pub document: RawManifest,
    /// What a person should know before it is done.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Lists the platforms of the result, in order.
    pub fn platforms(&self) -> impl Iterator<Item = &Platform> {
        self.entries.iter().filter_map(|entry| match &entry.role {
            Role::Image(platform) => Some(platform),
            _ => None,
        })
    }
}

/// Decides what the index is, from what was gathered. `base` is what the target holds now; it is
/// needed for every change but [`Change::Set`] and for removals.
///
/// # Errors
/// Refuses two images for one platform, a missing required platform, an annotation that would be
/// lost, and children that would have to be rewritten.
pub fn plan(sources: &[Gathered], base: Option<&Gathered>, wish: &Wish) -> Result<Plan, IndexError> {
    if let Some(document) = untouched(sources, base, wish) {
        // What stands in the document twice is one image all the same.
        let entries = sources.first().map(|source| source.candidates.clone()).unwrap_or_default();
        let mut warnings = Vec::new();
        warnings.extend(orphans(&entries));
        let mut entries = distinct(&entries, wish.duplicates, &mut warnings)?;
        keep_only(&mut entries, wish, &mut warnings);
        check_images(&entries)?;
        check_required(&entries, wish)?;
        return Ok(Plan { entries, document, warnings });
    }
    let mut entries: Vec<Candidate> = base.map(|base| base.candidates.clone()).unwrap_or_default();
    for platform in &wish.remove {
        remove(&mut entries, platform, &wish.target)?;
    }
    for source in sources {
        add(&mut entries, source.candidates.clone(), wish)?;
    }
    let mut warnings = Vec::new();
    let ground = Ground { origin: origin(sources, base, wish, &mut warnings), changed: base.map(|base| &base.root) };
    finish(entries, ground, wish, warnings)
}

/// Decides what the index is, of entries that somebody holds already, in their order.
///
/// # Errors
/// As [`plan`].
pub fn plan_entries(entries: Vec<Candidate>, wish: &Wish) -> Result<Plan, IndexError> {
    finish(entries, Ground::default(), wish, Vec::new())
}

/// What the new document stands on.
#[derive(Clone, Copy, Default)]
struct Ground<'a> {
    /// The index whose annotations and unknown fields it goes on with.
    origin: Option<&'a RawManifest>,
    /// What the target holds, where that is changed.
    changed: Option<&'a RawManifest>,
}

/// Checks the entries and writes the document.
fn finish(mut entries: Vec<Candidate>, ground: Ground<'_>, wish: &Wish, mut warnings: Vec<String>) -> Result<Plan, IndexError> {
    if wish.attestations == Attestations::Drop {
        entries.retain(|entry| !matches!(entry.role, Role::Attestation(_)) && !entry.descriptor.is_attestation());
    }
    warnings.extend(orphans(&entries));
    let mut entries = distinct(&entries, wish.duplicates, &mut warnings)?;
    keep_only(&mut entries, wish, &mut warnings);
    drop_orphans(&mut entries);
    if wish.sequence == Sequence::AttestationsLast {
        entries.sort_by_key(|entry| matches!(entry.role, Role::Attestation(_)));
    }
    check_images(&entries)?;
    check_required(&entries, wish)?;
    let media_type = choose_media(&entries, ground.changed, wish, &mut warnings)?;
    let index_annotations = annotate(&mut entries, wish, &media_type)?;
    refuse_lost_annotations(ground.origin, &entries, &media_type, wish)?;
    let document = write(&entries, ground.origin, media_type, index_annotations, wish.encoding)?;
    Ok(Plan { entries, document, warnings })
}

/// Keeps the platforms that were asked for. One that is nowhere is said: what was asked for and is not
/// there is how platforms get lost.
fn keep_only(entries: &mut Vec<Candidate>, wish: &Wish, warnings: &mut Vec<String>) {
    if wish.only.is_empty() {
        return;
    }
    for wanted in wish.only.iter().filter(|wanted| !entries.iter().any(|entry| is_named(entry, wanted))) {
        warnings.push(format!("no {wanted} image among the sources: they offer {}", offered(entries)));
    }
    entries.retain(|entry| stays(entry, wish));
}

fn stays(entry: &Candidate, wish: &Wish) -> bool {
    match entry.role {
        Role::Image(_) => wish.only.is_empty() || wish.only.iter().any(|wanted| is_named(entry, wanted)),
        // What says no platform is not asked for one.
        Role::Attestation(_) | Role::Other => true,
    }
}

/// One whole source and no wish to change it: its bytes are the result, whatever its shape.
fn untouched(sources: &[Gathered], base: Option<&Gathered>, wish: &Wish) -> Option<RawManifest> {
    let [source] = sources else { return None };
    let plain = base.is_none() && wish.annotations.is_empty() && wish.remove.is_empty() && source.whole;
    let drops = wish.attestations == Attestations::Drop && source.candidates.iter().any(|entry| entry.descriptor.is_attestation());
    let other_type = match wish.media {
        MediaChoice::Auto => false,
        MediaChoice::Oci => source.root.as_index().is_none() || source.root.family() != Family::Oci,
        MediaChoice::Docker | MediaChoice::DockerOfAny => source.root.as_index().is_none() || source.root.family() != Family::Docker,
    };
    let kept = match wish.lone {
        Lone::AsItIs => true,
        Lone::AnIndex => source.root.as_index().is_some(),
        Lone::ANewIndex => false,
    };
    // A filter that everything passes is none.
    let all_stay = source.candidates.iter().all(|entry| stays(entry, wish));
    (plain && kept && all_stay && !drops && !other_type).then(|| source.root.clone())
}

fn remove(entries: &mut Vec<Candidate>, platform: &Platform, target: &str) -> Result<(), IndexError> {
    let gone: Vec<Digest> = entries.iter().filter(|entry| is_named(entry, platform)).map(|entry| entry.descriptor.digest.clone()).collect();
    if gone.is_empty() {
        let (verb, label, offered) = ("remove", target.to_owned(), offered(entries));
        return Err(IndexError::NothingTo { verb, platform: Box::new(platform.clone()), label, offered });
    }
    entries.retain(|entry| !is_named(entry, platform));
    let still: Vec<Digest> = entries.iter().map(|entry| entry.descriptor.digest.clone()).collect();
    entries.retain(|entry| !matches!(&entry.role, Role::Attestation(subject) if gone.contains(subject) && !still.contains(subject)));
    Ok(())
}

/// Tells whether an entry is what the name of a platform means: `windows/amd64` is every version.
fn is_named(entry: &Candidate, name: &Platform) -> bool {
    matches!(&entry.role, Role::Image(own) if name.covers(own))
}

fn is_for(entry: &Candidate, platform: &Platform) -> bool {
    matches!(&entry.role, Role::Image(own) if own.same_as(platform))
}

fn add(entries: &mut Vec<Candidate>, new: Vec<Candidate>, wish: &Wish) -> Result<(), IndexError> {
    if wish.change == Change::Set {
        entries.extend(new);
        return Ok(());
    }
    for candidate in new {
        let Role::Image(platform) = candidate.role.clone() else {
            insert_attestation(entries, candidate);
            continue;
        };
        let here = entries.iter().position(|entry| is_for(entry, &platform));
        match (here.and_then(|at| entries.get_mut(at)), wish.change) {
            (None, Change::Replace) => {
                let (verb, label, offered) = ("replace", wish.target.clone(), offered(entries));
                return Err(IndexError::NothingTo { verb, platform: Box::new(platform), label, offered });
            }
            (None, _) => entries.push(candidate),
            (Some(old), _) if old.descriptor.digest == candidate.descriptor.digest => {}
            (Some(old), Change::Append) => {
                let digest = old.descriptor.digest.clone();
                return Err(IndexError::AlreadyThere { label: wish.target.clone(), platform: Box::new(platform), digest });
            }
            (Some(old), _) => {
                let replaced = old.descriptor.digest.clone();
                *old = candidate;
                entries.retain(|entry| !matches!(&entry.role, Role::Attestation(subject) if *subject == replaced));
            }
        }
    }
    Ok(())
}

/// Puts an attestation behind its image and the attestations that are there.
fn insert_attestation(entries: &mut Vec<Candidate>, attestation: Candidate) {
    let Role::Attestation(subject) = &attestation.role else {
        entries.push(attestation);
        return;
    };
    let belongs =
        |entry: &Candidate| entry.descriptor.digest == *subject || matches!(&entry.role, Role::Attestation(other) if other == subject);
    let at = entries.iter().rposition(belongs).map_or(entries.len(), |at| at + 1);
    entries.insert(at, attestation);
}

/// Drops what stands there twice and refuses two images for one platform.
fn distinct(entries: &[Candidate], duplicates: Duplicates, warnings: &mut Vec<String>) -> Result<Vec<Candidate>, IndexError> {
    let mut by_platform: HashMap<Platform, &Candidate> = HashMap::new();
    let mut kept: Vec<Candidate> = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Role::Image(platform) = &entry.role {
            match by_platform.insert(platform.normalized(), entry) {
                Some(first) if first.descriptor.digest == entry.descriptor.digest && duplicates == Duplicates::Refuse => continue,
                Some(first) if first.descriptor.digest != entry.descriptor.digest => {
                    let problem = same_platform(platform, first, entry);
                    match duplicates {
                        Duplicates::Refuse => return Err(problem),
                        Duplicates::Keep => warnings.push(format!("{problem}: clients do not agree which one they take")),
                    }
                }
                _ => {}
            }
        } else if kept.iter().any(|other| other.descriptor == entry.descriptor) {
            continue;
        }
        kept.push(entry.clone());
    }
    Ok(kept)
}

fn same_platform(platform: &Platform, first: &Candidate, second: &Candidate) -> IndexError {
    IndexError::SamePlatform {
        platform: Box::new(platform.clone()),
        first: first.label.clone(),
        first_digest: first.descriptor.digest.clone(),
        second: second.label.clone(),
        second_digest: second.descriptor.digest.clone(),
    }
}

/// An index without an image is what no client can use, and what a slip of the hand makes.
fn check_images(entries: &[Candidate]) -> Result<(), IndexError> {
    if entries.iter().any(|entry| matches!(entry.role, Role::Image(_))) { Ok(()) } else { Err(IndexError::Empty) }
}

fn check_required(entries: &[Candidate], wish: &Wish) -> Result<(), IndexError> {
    let there = |wanted: &&Platform| !entries.iter().any(|entry| is_named(entry, wanted));
    let absent: Vec<String> = wish.require.iter().filter(there).map(ToString::to_string).collect();
    if absent.is_empty() {
        return Ok(());
    }
    Err(IndexError::Required { expected: absent.join(", "), got: offered(entries) })
}

fn choose_media(
    entries: &[Candidate],
    changed: Option<&RawManifest>,
    wish: &Wish,
    warnings: &mut Vec<String>,
) -> Result<MediaType, IndexError> {
    let family = |entry: &Candidate| entry.descriptor.media_type.family().unwrap_or(Family::Oci);
    let docker = entries.iter().filter(|entry| family(entry) == Family::Docker).count();
    let mixed = docker > 0 && docker < entries.len();
    match wish.media {
        MediaChoice::Docker => match entries.iter().find(|entry| family(entry) == Family::Oci) {
            Some(entry) => Err(IndexError::NeedsOtherBytes { label: entry.label.clone() }),
            None => Ok(MediaType::DockerList),
        },
        MediaChoice::DockerOfAny => {
            if docker < entries.len() {
                warnings.push("a Docker manifest list of OCI images is not valid, and Quay refuses it".to_owned());
            }
            Ok(MediaType::DockerList)
        }
        MediaChoice::Auto if docker == entries.len() => {
            let was_oci = changed.is_some_and(|changed| changed.as_index().is_some() && changed.family() == Family::Oci);
            Ok(if was_oci { MediaType::OciIndex } else { MediaType::DockerList })
        }
        _ => {
            if mixed {
                warnings.push("some images are OCI's and some Docker's: the index is OCI's; Quay refuses such a mix".to_owned());
            } else if docker > 0 {
                warnings.push("the index is OCI's and its images are Docker's: Quay refuses such a mix".to_owned());
            }
            Ok(MediaType::OciIndex)
        }
    }
}

/// Sets the descriptors' annotations and returns those of the index.
fn annotate(entries: &mut [Candidate], wish: &Wish, media_type: &MediaType) -> Result<BTreeMap<String, Value>, IndexError> {
    let mut of_index = BTreeMap::new();
    for annotation in &wish.annotations {
        let lost = |why: &str| IndexError::Annotation { annotation: annotation.to_string(), why: why.to_owned() };
        if *media_type == MediaType::DockerList {
            return Err(lost(NO_ANNOTATIONS));
        }
        for level in &annotation.levels {
            match level {
                Level::Index => {
                    of_index.insert(annotation.key.clone(), Value::String(annotation.value.clone()));
                }
                Level::Descriptor(wanted) => {
                    let mut found = false;
                    for entry in entries.iter_mut() {
                        let Role::Image(own) = &entry.role else { continue };
                        if wanted.as_ref().is_none_or(|wanted| wanted.covers(own)) {
                            entry.descriptor.annotations.insert(annotation.key.clone(), annotation.value.clone());
                            found = true;
                        }
                    }
                    if !found {
                        return Err(lost(&format!("no entry for that platform, there are {}", offered(entries))));
                    }
                }
            }
        }
    }
    Ok(of_index)
}

/// Returns the index whose annotations and unknown fields the result goes on with: what is changed,
/// or the only source. Of several sources nobody knows whose words are right, so none are taken.
fn origin<'a>(sources: &'a [Gathered], base: Option<&'a Gathered>, wish: &Wish, warnings: &mut Vec<String>) -> Option<&'a RawManifest> {
    let only = match (base, sources) {
        (Some(base), _) => Some(base),
        (None, [only]) if wish.lone != Lone::ANewIndex => Some(only),
        (None, _) => None,
    };
    for source in sources.iter().filter(|source| only.is_none_or(|only| !std::ptr::eq(only, *source))) {
        let keys: Vec<&str> = source.root.as_index().into_iter().flat_map(|index| index.annotations.keys()).map(String::as_str).collect();
        if !keys.is_empty() {
            warnings.push(format!("index annotations of {} are left behind: {}", source.part.label, keys.join(", ")));
        }
    }
    only.map(|source| &source.root).filter(|root| root.as_index().is_some())
}

/// A Docker list that somebody asked for cannot say what its entries said.
fn refuse_lost_annotations(
    origin: Option<&RawManifest>,
    entries: &[Candidate],
    media_type: &MediaType,
    wish: &Wish,
) -> Result<(), IndexError> {
    if *media_type != MediaType::DockerList || wish.media != MediaChoice::Docker {
        return Ok(());
    }
    let of_index = origin.and_then(RawManifest::as_index).into_iter().flat_map(|index| index.annotations.keys());
    match of_index.chain(entries.iter().flat_map(|entry| entry.descriptor.annotations.keys())).next() {
        Some(key) => Err(IndexError::Annotation { annotation: key.clone(), why: NO_ANNOTATIONS.to_owned() }),
        None => Ok(()),
    }
}

/// Writes the document: the tree that it goes on with, or a new one.
fn write(
    entries: &[Candidate],
    origin: Option<&RawManifest>,
    media_type: MediaType,
    annotations: BTreeMap<String, Value>,
    encoding: Encoding,
) -> Result<RawManifest, IndexError> {
    let mut tree = origin.map_or_else(|| json!({"schemaVersion": 2}), RawManifest::tree);
    let old: Vec<Value> = tree.get("manifests").and_then(Value::as_array).cloned().unwrap_or_default();
    let manifests = entries.iter().map(|entry| entry_value(entry, &old, encoding)).collect();
    if let Some(object) = tree.as_object_mut() {
        object.insert("mediaType".to_owned(), Value::String(media_type.as_str().to_owned()));
        object.insert("manifests".to_owned(), Value::Array(manifests));
        if !annotations.is_empty() {
            let all = object.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
            match all.as_object_mut() {
                Some(all) => all.extend(annotations),
                None => *all = Value::Object(annotations.into_iter().collect()),
            }
        }
    }
    RawManifest::parse(Bytes::from(encoding.text(&tree)), Some(&media_type)).map_err(|problem| document_error(problem).into())
}

/// Returns the value that stood in the base for an entry that was not changed, else a new one.
fn entry_value(entry: &Candidate, old: &[Value], encoding: Encoding) -> Value {
    let same =
        |value: &&Value| serde_json::from_value::<oci::Descriptor>((*value).clone()).is_ok_and(|descriptor| descriptor == entry.descriptor);
    old.iter().find(same).cloned().unwrap_or_else(|| encoding.entry(&entry.descriptor))
}

fn document_error(problem: oci::ManifestError) -> Error {
    Error::Document { item: content::Item::Image, place: "the index to be written".to_owned(), problem }
}
