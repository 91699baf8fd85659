//! What the entries of an archive's `index.json` are called, and how a name is moved.
//!
//! The rules are those of a layout folder; a docker archive differs in one thing: its names are
//! whole references, as `docker save` writes them. Only cosign's old tags, which say by their name what
//! they speak of, are tags in both.

use std::str::FromStr;

use oci::{Descriptor, RawManifest, Reference, Selector, annotation};
use serde_json::{Value, json};

use super::{ArchiveError, Kind};
use crate::layout::keep_names;

/// An `index.json` without entries.
pub(crate) const EMPTY_LIST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// What a selector points at.
#[derive(Debug)]
pub(crate) enum Pointed {
    /// One entry.
    Entry(Box<Descriptor>),
    /// Several without names: the list itself is the index of one image.
    Whole,
    /// Nothing in the list.
    Nothing,
    /// More than one, with what they are called.
    Several(Vec<String>),
}

/// Returns the entries of a list.
pub(crate) fn entries(list: &RawManifest) -> &[Descriptor] {
    list.as_index().map_or(&[], |index| &index.manifests)
}

/// Finds what a selector points at.
pub(crate) fn find(kind: Kind, entries: &[Descriptor], selector: &Selector) -> Pointed {
    let found: Vec<&Descriptor> = match selector {
        Selector::Only if entries.len() > 1 => {
            let (named, nameless): (Vec<&Descriptor>, Vec<&Descriptor>) = entries.iter().partition(|entry| is_named(entry));
            // Entries with an artifact type refer to another manifest and only lie here (as oras keeps them).
            let images: Vec<&Descriptor> = nameless.into_iter().filter(|entry| entry.artifact_type.is_none()).collect();
            match (images.len(), named.is_empty()) {
                (1, _) => images,
                (0, false) => {
                    // Whoever names none means an image, not its old signature.
                    let (old, own): (Vec<&Descriptor>, Vec<&Descriptor>) =
                        named.into_iter().partition(|entry| ref_name(entry).is_some_and(content::is_old_tag));
                    if own.is_empty() { old } else { own }
                }
                (0, true) | (_, false) => entries.iter().collect(),
                (_, true) => return Pointed::Whole,
            }
        }
        Selector::Only => entries.iter().collect(),
        Selector::Name(_) | Selector::Digest(_) => {
            positions(kind, entries, selector).into_iter().filter_map(|place| entries.get(place)).collect()
        }
    };
    let Some(first) = found.first() else { return Pointed::Nothing };
    // One image may stand there under several names, or twice under one.
    if found.iter().all(|entry| entry.digest == first.digest) {
        return Pointed::Entry(Box::new((*first).clone()));
    }
    let shown = |entry: &&Descriptor| {
        full_name(entry)
            .map(|name| name.familiar())
            .or_else(|| ref_name(entry).map(str::to_owned))
            .unwrap_or_else(|| format!("@{}", entry.digest))
    };
    Pointed::Several(found.iter().map(shown).collect())
}

/// Returns the entries that a write under this selector replaces.
pub(crate) fn positions(kind: Kind, entries: &[Descriptor], selector: &Selector) -> Vec<usize> {
    let all = |fits: &dyn Fn(&Descriptor) -> bool| -> Vec<usize> {
        entries.iter().enumerate().filter(|(_, entry)| fits(entry)).map(|(place, _)| place).collect()
    };
    match selector {
        Selector::Only => all(&|entry| !is_named(entry) && entry.artifact_type.is_none()),
        Selector::Digest(digest) => all(&|entry| entry.digest == *digest),
        Selector::Name(name) => {
            let exact = if keeps_bare(kind, name) { all(&|entry| ref_name(entry) == Some(name)) } else { Vec::new() };
            let wanted = Reference::from_str(name).ok().filter(|_| exact.is_empty());
            wanted.map_or(exact, |wanted| all(&|entry| full_name(entry).is_some_and(|own| same(&own, &wanted))))
        }
    }
}

/// Returns the full names of the entries that a write would replace, where they are several images
/// in truth: Docker gives `hello:1.0` and `world:1.0` the same short name.
pub(crate) fn several(entries: &[Descriptor], places: &[usize]) -> Option<Vec<String>> {
    let full = places.iter().filter_map(|place| entries.get(*place).and_then(full_name));
    let mut names: Vec<String> = full.map(|name| name.familiar()).collect();
    names.sort_unstable();
    names.dedup();
    (names.len() > 1).then_some(names)
}

/// Tells whether a name is written as it stands. A docker archive's names are whole references; an old
/// tag of cosign's is the name of no image there, so it stays a tag, and nobody loads it.
fn keeps_bare(kind: Kind, name: &str) -> bool {
    kind == Kind::Layout || content::is_old_tag(name)
}

/// Lists the names, sorted.
pub(crate) fn names(kind: Kind, entries: &[Descriptor]) -> Vec<String> {
    let alone = |name: &str| entries.iter().filter(|entry| ref_name(entry) == Some(name)).count() == 1;
    let name = |entry: &Descriptor| {
        let own = ref_name(entry).filter(|_| kind == Kind::Layout);
        let full = || full_name(entry).map(|name| name.familiar());
        own.filter(|own| alone(own)).map(str::to_owned).or_else(full).or_else(|| own.map(str::to_owned))
    };
    let mut names: Vec<String> = entries.iter().filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Makes the entry for `root` under a name.
///
/// # Errors
/// Refuses a name that Docker could not use, for its kind of archive.
pub(crate) fn entry(kind: Kind, selector: &Selector, root: &RawManifest) -> Result<Value, ArchiveError> {
    let mut entry = root.descriptor();
    match selector {
        Selector::Name(name) if keeps_bare(kind, name) => {
            entry.annotations.insert(annotation::REF_NAME.to_owned(), name.clone());
        }
        Selector::Name(name) => {
            let reference: Reference = name.parse().map_err(|problem| ArchiveError::Name { name: name.clone(), problem })?;
            annotate(&mut entry, &reference);
        }
        // With an artifact type it would be taken for a referrer.
        Selector::Only => entry.artifact_type = None,
        Selector::Digest(_) => {}
    }
    Ok(json!(entry))
}

/// Writes a reference beside an entry, in containerd's words.
pub(crate) fn annotate(entry: &mut Descriptor, reference: &Reference) {
    let whole = reference.with(reference.thing());
    entry.annotations.insert(annotation::CONTAINERD_NAME.to_owned(), whole.to_string());
    entry.annotations.insert(annotation::REF_NAME.to_owned(), whole.thing().to_string());
}

/// Puts an entry where the first of `positions` was and removes the others; where there are none,
/// appends it. Other entries and unknown fields stay as they are.
pub(crate) fn replace(list: &mut Value, positions: &[usize], mut entry: Value) {
    let Some(list) = list.as_object_mut() else { return };
    let entries = list.entry("manifests").or_insert_with(|| json!([]));
    if entries.is_null() {
        *entries = json!([]);
    }
    let Some(entries) = entries.as_array_mut() else { return };
    if let Some(old) = positions.first().and_then(|place| entries.get(*place)) {
        keep_names(old, &mut entry);
    }
    let place = positions.first().copied().unwrap_or(entries.len()).min(entries.len());
    let mut position = 0;
    entries.retain(|_| {
        position += 1;
        !positions.contains(&(position - 1))
    });
    entries.insert(place, entry);
}

/// Tells whether two references name the same thing.
pub(crate) fn same(one: &Reference, other: &Reference) -> bool {
    one.name() == other.name() && one.thing() == other.thing()
}

/// Returns an entry's full reference: containerd's annotation, or a reference in the one of OCI
/// (which mostly holds a bare tag).
pub(crate) fn full_name(entry: &Descriptor) -> Option<Reference> {
    let containerd = entry.annotations.get(annotation::CONTAINERD_NAME).and_then(|text| text.parse().ok());
    containerd.or_else(|| ref_name(entry).filter(|text| text.contains(['/', ':'])).and_then(|text| text.parse().ok()))
}

pub(crate) fn is_named(entry: &Descriptor) -> bool {
    ref_name(entry).is_some() || full_name(entry).is_some()
}

fn ref_name(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(annotation::REF_NAME).map(String::as_str).filter(|name| !name.is_empty())
}
