//! Who refers to an image: signatures, SBOMs and attestations that came to it later, and how they
//! travel along.
//!
//! Found in two ways: by the `subject` of their own manifests (distribution-spec 1.1, "Listing
//! Referrers"), and by the tags that cosign made before there were subjects. Attestations that stand
//! inside an index, as BuildKit puts them, refer to nothing: they are part of it.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Descriptor, Digest, RawManifest, Selector};

use crate::{Error, Limits, Result, Source};

/// The ends of cosign's old tags (sigstore/cosign, specs/SIGNATURE_SPEC.md, "Tag-based discovery").
const OLD_ENDS: [&str; 3] = ["sig", "att", "sbom"];
/// The longest tag that a registry takes (distribution-spec 1.1, "Pulling manifests").
const MAX_TAG: usize = 128;
/// The most bytes of all manifests together: they are held, and a signature has a few thousand.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// One manifest that speaks of another.
#[derive(Clone, Debug)]
pub struct Referrer {
    /// What it speaks of: one of the subjects asked for, or another referrer.
    pub subject: Digest,
    /// The manifest itself; its own words count, not those of the list that named it.
    pub manifest: RawManifest,
    /// How it was found, each way once.
    pub by: Vec<By>,
}

impl Referrer {
    /// Returns its digest.
    pub const fn digest(&self) -> &Digest {
        self.manifest.digest()
    }

    /// Returns its descriptor with artifact type and annotations.
    pub fn descriptor(&self) -> Descriptor {
        self.manifest.as_referrer()
    }

    /// Returns the old tags that point at it.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.by.iter().filter_map(|by| match by {
            By::Tag(tag) => Some(tag.as_str()),
            By::Subject => None,
        })
    }
}

/// How a referrer was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// Its manifest names the subject, and the place lists it.
    Subject,
    /// An old tag of cosign's names the subject: `sha256-HEX.sig`, `.att` or `.sbom`.
    Tag(String),
}

/// Everything that refers to some manifests.
#[derive(Debug, Default)]
pub struct Referrers {
    /// Subjects come before what refers to them; otherwise in the order of the subjects, then of the
    /// digests, whatever order the place listed them in.
    pub found: Vec<Referrer>,
    /// What the place named without having it, or wrongly.
    pub left_out: Vec<LeftOut>,
}

/// A referrer that was named and is none; its text is a warning.
#[derive(Debug)]
pub struct LeftOut {
    /// What it is said to refer to.
    pub subject: Digest,
    /// Which.
    pub digest: Digest,
    /// The place that named it.
    pub place: String,
    /// What is wrong with it.
    pub fault: ReferrerFault,
}

/// What is wrong with a referrer.
#[derive(Debug)]
pub enum ReferrerFault {
    /// It is listed and not there.
    Missing,
    /// Its own manifest refers to something else, or to nothing.
    OtherSubject(Option<Digest>),
    /// It is there and cannot be read.
    Broken(Error),
}

impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, digest, place, fault } = self;
        write!(formatter, "left out {digest}: {place} lists it as a referrer of {subject}, ")?;
        match fault {
            ReferrerFault::Missing => formatter.write_str("and does not have it"),
            ReferrerFault::OtherSubject(Some(other)) => write!(formatter, "but it refers to {other}"),
            ReferrerFault::OtherSubject(None) => formatter.write_str("but it refers to nothing"),
            ReferrerFault::Broken(error) => write!(formatter, "but it cannot be read: {error}"),
        }
    }
}

/// Lists what an image consists of and somebody may refer to: the document, the entries of its
/// index, and those of nested indexes. Only nested ones are read; one that is not there has no entries.
///
/// # Errors
/// A nested index that is broken, and more than the limits allow.
pub async fn subjects(source: &dyn Source, root: &RawManifest, limits: Limits) -> Result<Vec<Digest>> {
    let mut seen = HashSet::from([root.digest().clone()]);
    let mut listed = vec![root.digest().clone()];
    let mut level = vec![root.clone()];
    for depth in 0.. {
        let entries = level.iter().filter_map(RawManifest::as_index).flat_map(|index| &index.manifests);
        let fresh: Vec<Descriptor> = entries.filter(|entry| seen.insert(entry.digest.clone())).cloned().collect();
        listed.extend(fresh.iter().map(|entry| entry.digest.clone()));
        within(&format!("manifests in {}", root.digest()), limits.manifests, listed.len() as u64)?;
        let nested: Vec<Digest> = fresh.into_iter().filter(|entry| entry.media_type.is_index()).map(|entry| entry.digest).collect();
        if nested.is_empty() {
            break;
        }
        within(&format!("levels of indexes in {}", root.digest()), limits.depth, depth + 1)?;
        let read: Vec<Option<RawManifest>> =
            stream::iter(nested).map(|digest| manifest_or_none(source, digest)).buffered(limits.at_once.max(1)).try_collect().await?;
        level = read.into_iter().flatten().collect();
    }
    Ok(listed)
}

/// Finds everything that refers to the subjects, to what refers to them, and so on: each once, and
/// `limits.at_once` questions at a time.
///
/// A list is believed only as far as the manifests bear it out: it may be anybody's tag. What they do
/// not bear out is left out, and told.
///
/// # Errors
/// Where the place cannot answer, and where there are more than `limits.manifests`.
pub async fn referring(source: &dyn Source, subjects: &[Digest], limits: Limits) -> Result<Referrers> {
    let mut seen = HashSet::new();
    let mut asking: Vec<Digest> = subjects.iter().filter(|subject| seen.insert((*subject).clone())).cloned().collect();
    let mut all = Referrers::default();
    let (mut count, mut bytes) = (0_u64, 0_u64);
    while !asking.is_empty() {
        let mentions = ask(source, &asking, limits).await?;
        count = count.saturating_add(mentions.len() as u64);
        within(&format!("referrers in {}", source.name()), limits.manifests, count)?;
        let mut reading = stream::iter(mentions).map(|mention| read(source, mention)).buffered(limits.at_once.max(1));
        let mut next = Vec::new();
        while let Some(looked) = reading.try_next().await? {
            match looked {
                Ok(referrer) => {
                    bytes = bytes.saturating_add(referrer.manifest.bytes().len() as u64);
                    within(&format!("bytes of referrers in {}", source.name()), MAX_BYTES, bytes)?;
                    // Of an index that refers, the parts are spoken of as well.
                    let parts = referrer.manifest.as_index().into_iter().flat_map(|index| &index.manifests).map(|entry| &entry.digest);
                    next.extend(std::iter::once(referrer.digest()).chain(parts).filter(|digest| seen.insert((*digest).clone())).cloned());
                    all.found.push(referrer);
                }
                Err(left_out) => all.left_out.push(left_out),
            }
        }
        within(&format!("manifests that may be referred to in {}", source.name()), limits.manifests, next.len() as u64)?;
        asking = next;
    }
    Ok(all)
}

/// What a place says of one manifest, before it was read.
struct Mention {
    subject: Digest,
    digest: Digest,
    by: Vec<By>,
}

/// Asks for the list and the old tags of every subject, all at once.
async fn ask(source: &dyn Source, subjects: &[Digest], limits: Limits) -> Result<Vec<Mention>> {
    let questions = subjects.iter().enumerate().flat_map(|(number, subject)| {
        let old = old_tags(subject).map(By::Tag);
        std::iter::once(By::Subject).chain(old).map(move |by| (number, subject.clone(), by))
    });
    // Not borrowed: a stream over borrowed items makes no future that may be sent between threads.
    let questions: Vec<(usize, Digest, By)> = questions.collect();
    let answers: Vec<(usize, By, Vec<Digest>)> =
        stream::iter(questions).map(|question| answer(source, question)).buffered(limits.at_once.max(1)).try_collect().await?;
    let mut mentions: BTreeMap<(usize, Digest), Vec<By>> = BTreeMap::new();
    for (number, by, digests) in answers {
        for digest in digests {
            let ways = mentions.entry((number, digest)).or_default();
            if !ways.contains(&by) {
                ways.push(by.clone());
            }
        }
    }
    let subject = |number: usize| subjects.get(number).cloned();
    Ok(mentions.into_iter().filter_map(|((number, digest), by)| Some(Mention { subject: subject(number)?, digest, by })).collect())
}

async fn answer(source: &dyn Source, (number, subject, by): (usize, Digest, By)) -> Result<(usize, By, Vec<Digest>)> {
    let said = match &by {
        By::Subject => source.referrers(&subject).await.map(|listed| listed.into_iter().map(|entry| entry.digest).collect()),
        By::Tag(tag) => source.resolve(&Selector::Name(tag.clone())).await.map(|found| vec![found.digest]),
    };
    match said {
        Ok(digests) => Ok((number, by, digests)),
        // Places without lists or without such names have none.
        Err(Error::Missing { .. } | Error::Unsupported { .. }) => Ok((number, by, Vec::new())),
        Err(error) => Err(error),
    }
}

async fn read(source: &dyn Source, mention: Mention) -> Result<Result<Referrer, LeftOut>> {
    let Mention { subject, digest, mut by } = mention;
    let fault = match source.manifest(&Selector::Digest(digest.clone())).await {
        Ok(manifest) => {
            let own = manifest.subject().map(|own| &own.digest);
            if own == Some(&subject) {
                return Ok(Ok(Referrer { subject, manifest, by }));
            }
            let own = own.cloned();
            // A tag says by its name what it speaks of.
            by.retain(|by| *by != By::Subject);
            if !by.is_empty() {
                return Ok(Ok(Referrer { subject, manifest, by }));
            }
            ReferrerFault::OtherSubject(own)
        }
        Err(error) if error.is_missing() => ReferrerFault::Missing,
        Err(error @ (Error::Document { .. } | Error::WrongDigest { .. } | Error::WrongSize { .. })) => ReferrerFault::Broken(error),
        Err(error) => return Err(error),
    };
    Ok(Err(LeftOut { subject, digest, place: source.name(), fault }))
}

/// Tells whether a name is one of cosign's old tags: `sha256-HEX.sig`, `.att` or `.sbom`.
pub fn is_old_tag(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, end)| OLD_ENDS.contains(&end) && stem.replacen('-', ":", 1).parse::<Digest>().is_ok())
}

/// Returns the tags that cosign made for a manifest, as far as they can be tags: those of a sha512
/// are too long.
fn old_tags(subject: &Digest) -> impl Iterator<Item = String> {
    let stem = format!("{}-{}", subject.algorithm().name(), subject.hex());
    OLD_ENDS.iter().map(move |end| format!("{stem}.{end}")).filter(|tag| tag.len() <= MAX_TAG)
}

async fn manifest_or_none(source: &dyn Source, digest: Digest) -> Result<Option<RawManifest>> {
    match source.manifest(&Selector::Digest(digest)).await {
        Ok(manifest) => Ok(Some(manifest)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

fn within(what: &str, limit: u64, got: u64) -> Result<()> {
    if got <= limit { Ok(()) } else { Err(Error::Limit { what: what.to_owned(), limit, got }) }
}
