//! Which entry of an OCI layout a selector means.

use std::collections::{HashMap, HashSet};

use content::{Error, Item, Result};
use oci::{Descriptor, Digest, ImageIndex, RawManifest, Reference, Selector, annotation};

/// What a selector points at in a layout.
#[derive(Debug)]
pub(super) enum Pointed {
    /// One entry of `index.json`.
    Entry(Box<Descriptor>),
    /// `index.json` itself, whose entries are the platforms of one image.
    Whole,
    /// Something below, by its digest.
    Inside(Digest),
}

/// Finds what a selector points at.
///
/// # Errors
/// [`Error::Missing`] where there is nothing, [`Error::Several`] where one must be named.
pub(super) fn find(document: &RawManifest, selector: &Selector, place: &str) -> Result<Pointed> {
    let entries = entries(document);
    match selector {
        Selector::Digest(digest) => {
            let own = entries.iter().find(|entry| entry.digest == *digest);
            Ok(own.map_or_else(|| Pointed::Inside(digest.clone()), |entry| Pointed::Entry(Box::new(entry.clone()))))
        }
        Selector::Name(name) => one(named(entries, name), place)?.ok_or_else(|| Error::missing(Item::Tag(name.clone()), place)),
        Selector::Only => only(entries, place),
    }
}

/// Returns the positions of the entries that have a name, best match first: the layout's own name
/// for it, then the full name that containerd and Docker write beside it.
pub(super) fn positions(entries: &[Descriptor], name: &str) -> Vec<usize> {
    let all = |fits: &dyn Fn(&Descriptor) -> bool| -> Vec<usize> {
        entries.iter().enumerate().filter(|(_, entry)| fits(entry)).map(|(position, _)| position).collect()
    };
    let exact = all(&|entry| ref_name(entry) == Some(name));
    if !exact.is_empty() {
        return exact;
    }
    all(&|entry| {
        [full_name(entry), ref_name(entry)].into_iter().flatten().any(|full| full == name || familiar(full).as_deref() == Some(name))
    })
}

/// Refuses to write over entries that are several images in truth: Docker gives `hello:1.0` and
/// `world:1.0` the same short name, and who means one of them must not lose the other.
///
/// # Errors
/// [`Error::Several`], with their full names.
pub(super) fn expect_one(entries: &[Descriptor], positions: &[usize], place: &str) -> Result<()> {
    let found: Vec<&Descriptor> = positions.iter().filter_map(|position| entries.get(*position)).collect();
    let full: HashSet<&str> = found.iter().filter_map(|entry| full_name(entry)).collect();
    if full.len() > 1 { Err(several(&found, place)) } else { Ok(()) }
}

/// Returns the positions of the entries that `Selector::Only` writes over: images without a name.
/// Entries with an artifact type refer to another manifest and only lie here (as oras keeps them).
pub(super) fn nameless(entries: &[Descriptor]) -> Vec<usize> {
    let fits = |entry: &Descriptor| label(entry).is_none() && entry.artifact_type.is_none();
    entries.iter().enumerate().filter(|(_, entry)| fits(entry)).map(|(position, _)| position).collect()
}

/// Lists the names, sorted. One that stands on several images is given in full where that is known.
pub(super) fn names(entries: &[Descriptor]) -> Vec<String> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for own in entries.iter().filter_map(label) {
        *times.entry(own).or_default() += 1;
    }
    let mut names: Vec<String> = entries
        .iter()
        .filter_map(|entry| {
            let own = label(entry)?;
            let alone = times.get(own) == Some(&1);
            let name = if alone { own.to_owned() } else { full_name(entry).and_then(familiar).unwrap_or_else(|| own.to_owned()) };
            Some(name)
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Returns the entries of `index.json`.
pub(super) fn entries(document: &RawManifest) -> &[Descriptor] {
    document.as_index().map_or(&[], |ImageIndex { manifests, .. }| manifests)
}

fn named<'a>(entries: &'a [Descriptor], name: &str) -> Vec<&'a Descriptor> {
    positions(entries, name).into_iter().filter_map(|position| entries.get(position)).collect()
}

/// One image may stand there twice under one name; two images may not.
fn one(found: Vec<&Descriptor>, place: &str) -> Result<Option<Pointed>> {
    let Some(first) = found.first() else { return Ok(None) };
    if found.iter().any(|other| other.digest != first.digest) {
        return Err(several(&found, place));
    }
    Ok(Some(Pointed::Entry(Box::new((*first).clone()))))
}

fn only(entries: &[Descriptor], place: &str) -> Result<Pointed> {
    let all: Vec<&Descriptor> = entries.iter().collect();
    if let [entry] = all.as_slice() {
        return Ok(Pointed::Entry(Box::new((*entry).clone())));
    }
    let images: Vec<&Descriptor> = nameless(entries).into_iter().filter_map(|position| entries.get(position)).collect();
    let named: Vec<&Descriptor> = entries.iter().filter(|entry| label(entry).is_some()).collect();
    match (images.as_slice(), named.is_empty()) {
        ([image], _) => Ok(Pointed::Entry(Box::new((*image).clone()))),
        ([], true) if all.is_empty() => Err(Error::missing(Item::Image, place)),
        ([], true) => Err(several(&all, place)),
        (_, true) => Ok(Pointed::Whole),
        ([], false) => one(named, place)?.ok_or_else(|| Error::missing(Item::Image, place)),
        (_, false) => Err(several(&all, place)),
    }
}

fn several(found: &[&Descriptor], place: &str) -> Error {
    let unique = |entry: &Descriptor| {
        label(entry).filter(|own| found.iter().filter(|other| label(other) == Some(own)).count() == 1).map(str::to_owned)
    };
    let name =
        |entry: &&Descriptor| unique(entry).or_else(|| full_name(entry).and_then(familiar)).unwrap_or_else(|| format!("@{}", entry.digest));
    // A hostile layout may hold thousands; a person reads some.
    let mut names: Vec<String> = found.iter().take(50).map(name).collect();
    if found.len() > names.len() {
        names.push("...".to_owned());
    }
    Error::Several { place: place.to_owned(), count: found.len(), names: names.join(", ") }
}

fn label(entry: &Descriptor) -> Option<&str> {
    ref_name(entry).or_else(|| full_name(entry))
}

fn ref_name(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(annotation::REF_NAME).map(String::as_str).filter(|name| !name.is_empty())
}

fn full_name(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(annotation::CONTAINERD_NAME).map(String::as_str).filter(|name| !name.is_empty())
}

/// Writes a full name as Docker does; a bare word is a tag, not a name.
fn familiar(full: &str) -> Option<String> {
    let reference: Reference = full.parse().ok()?;
    full.contains(['/', ':']).then(|| reference.familiar())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use oci::MediaType;

    use super::*;

    fn entry(content: &str, marks: &[(&str, &str)]) -> Descriptor {
        let mut entry = Descriptor::of(MediaType::OciManifest, content.as_bytes());
        for (key, value) in marks {
            if *key == "artifact" {
                entry.artifact_type = Some((*value).to_owned());
            } else {
                entry.annotations.insert((*key).to_owned(), (*value).to_owned());
            }
        }
        entry
    }

    fn digest(found: Result<Pointed>) -> Digest {
        match found.unwrap() {
            Pointed::Entry(entry) => entry.digest,
            other => panic!("expected an entry, got {other:?}"),
        }
    }

    #[test]
    fn only_means_the_one_image_however_it_is_kept() {
        let (plain, other) = (entry("a", &[]), entry("b", &[]));
        let named = entry("n", &[(annotation::REF_NAME, "1.0")]);
        let signature = entry("s", &[("artifact", "application/x")]);
        assert!(matches!(only(&[], "p"), Err(Error::Missing { .. })));
        assert_eq!(digest(only(std::slice::from_ref(&signature), "p")), signature.digest);
        assert_eq!(digest(only(&[named.clone(), signature.clone()], "p")), named.digest);
        assert_eq!(digest(only(&[named.clone(), plain.clone()], "p")), plain.digest);
        assert!(matches!(only(&[plain.clone(), other.clone(), signature], "p"), Ok(Pointed::Whole)));
        assert!(matches!(only(&[plain, other, named], "p"), Err(Error::Several { count: 3, .. })));
    }

    #[test]
    fn docker_and_containerd_names_are_found_in_every_spelling() {
        let marks = |full, short| entry(full, &[(annotation::CONTAINERD_NAME, full), (annotation::REF_NAME, short)]);
        let (hello, world) = (marks("docker.io/library/hello:1.0", "1.0"), marks("ghcr.io/acme/world:1.0", "1.0"));
        let both = [hello.clone(), world.clone()];
        for name in ["hello:1.0", "docker.io/library/hello:1.0"] {
            assert_eq!(digest(one(named(&both, name), "p").transpose().unwrap()), hello.digest, "{name}");
        }
        assert_eq!(names(&both), ["ghcr.io/acme/world:1.0", "hello:1.0"]);
        let error = one(named(&both, "1.0"), "p").unwrap_err().to_string();
        assert_eq!(error, "p holds 2 images, expected the name of one: hello:1.0, ghcr.io/acme/world:1.0");
        assert_eq!(names(&both[1..]), ["1.0"]);
        let full = entry("x", &[(annotation::REF_NAME, "docker.io/library/x:2")]);
        assert_eq!(positions(&[full], "x:2"), [0]);
        let twice = [hello.clone(), hello.clone()];
        assert_eq!(digest(one(named(&twice, "1.0"), "p").transpose().unwrap()), hello.digest);
    }
}
