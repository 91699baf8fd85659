//! `manifest push`: what the list holds, to the registry in its name.

use compat::docker::{DockerError, Entry, Folder, List, Location};
use content::{Expected, Limits, Place};
use fault::Failure;
use futures_util::future::try_join_all;
use index::{Candidate, Duplicates, Encoding, Lone, Manner, Plan, Role, Sequence, Target, Wish, carry_out, plan_entries};
use oci::{Descriptor, Locator, RawManifest, Reference, Selector};

use super::sources::{self, Source};
use super::{Count, create, hints, words};
use crate::commands::{Done, Session};
use crate::fronts::one_line;
use crate::open::{Opened, Opener};

pub async fn run(session: &Session, folder: &Folder, words: &words::Push) -> Result<Done, Failure> {
    let [name] = words.names.as_slice() else { return Err(Count { command: "push", wanted: "1 argument" }.into()) };
    let name = sources::name(name, "")?;
    let list = folder.list(&name)?.ok_or_else(|| DockerError::NotInFolder(name.clone()))?;
    if list.entries().is_empty() {
        return Err(DockerError::Empty(name).into());
    }
    let mut opener = Opener::new(session.context.clone(), session.console.clone());
    opener.will_write(&name);
    let target = opener.target(&Locator::Registry(name.clone()), true).await?;
    let (list, expected) = compare(session, words, &opener, list).await?;
    let (entries, plan) = decide(&opener, &list).await?;
    plan.warnings.iter().for_each(|warning| session.console.warn(warning));
    let put = |failure: &Failure| DockerError::Put { list: Box::new(name.clone()), problem: one_line(failure), hint: hints::of(failure) };
    check_digest(&name, &plan)?;
    if list.is_changed() {
        folder.save(&list)?;
    }
    let targets = [Target { place: target.place.clone(), names: vec![(target.selector.clone(), expected)] }];
    let outcome = carry_out(&plan, &targets, Limits::default(), &session.console.events()).await.map_err(|error| put(&error.into()))?;
    for entry in entries.iter().filter(|entry| !sources::is_same_repository(entry, &name)) {
        let digest = &entry.descriptor.digest;
        session.console.data(format!("Pushed ref {}@{digest} with digest: {digest}", name.name()));
    }
    session.console.data(outcome.digest.to_string());
    if words.purge {
        folder.remove(&name)?;
    } else if let Some(mut list) = folder.list(&name)? {
        list.was_pushed(&outcome.digest);
        if list.is_changed() {
            folder.save(&list)?;
        }
    }
    Ok(Done::Well)
}

/// A list that is named by a digest must have it.
fn check_digest(name: &Reference, plan: &Plan) -> Result<(), Failure> {
    let got = plan.document.digest();
    match name.digest() {
        Some(expected) if expected != got => {
            let error = index::IndexError::OtherDigest { expected: expected.clone(), got: got.clone() };
            Err(DockerError::Put { list: Box::new(name.clone()), problem: error.to_string(), hint: fault::Fault::hint(&error) }.into())
        }
        _ => Ok(()),
    }
}

/// Decides what is pushed.
async fn decide(opener: &Opener, list: &List) -> Result<(Vec<Entry>, Plan), Failure> {
    let entries = list.entries().to_vec();
    for entry in &entries {
        let platform = entry.platform();
        if platform.os.is_empty() || platform.architecture.is_empty() {
            return Err(DockerError::NoPlatform(entry.reference.to_string()).into());
        }
    }
    let mut candidates = Vec::new();
    for entry in &entries {
        candidates.push(candidate(entry, sources::open_entry(entry, opener).await?));
    }
    let wish = Wish {
        target: list.name().to_string(),
        duplicates: Duplicates::Keep,
        lone: Lone::ANewIndex,
        sequence: Sequence::AttestationsLast,
        encoding: Encoding::DockerManifest,
        ..Wish::default()
    };
    Ok((entries, plan_entries(candidates, &wish)?))
}

fn candidate(entry: &Entry, opened: Opened) -> Candidate {
    let role = match entry.descriptor.attests() {
        Some(subject) => Role::Attestation(subject),
        None => Role::Image(entry.platform().normalized()),
    };
    let descriptor = entry.descriptor.clone();
    Candidate { descriptor, role, label: entry.reference.to_string(), place: opened.place, manifest: entry.manifest() }
}

/// Compares each image's tag with what the list has of it (hole 3), and takes the new one where that
/// was asked for. Returns the list with what its own tag must still be when it moves.
async fn compare(session: &Session, words: &words::Push, opener: &Opener, list: List) -> Result<(List, Expected), Failure> {
    let mut opened = Vec::new();
    for entry in list.entries() {
        opened.push(sources::open_entry(entry, opener).await?);
    }
    let answers = ask_all(list.entries(), &opened).await?;
    let mut moved: Vec<Source> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for (entry, now) in list.entries().iter().zip(&answers) {
        let Some(line) = difference(list.name(), entry, now)?.filter(|line| !lines.contains(line)) else { continue };
        session.console.warn(&line);
        lines.push(line);
        moved.extend(named_by(entry)?.filter(|source| !moved.contains(source)));
    }
    if words.strict && !moved.is_empty() {
        return Err(DockerError::Stale(moved.len()).into());
    }
    if words.refresh && !moved.is_empty() {
        let read = sources::read(&moved, opener, list.name(), Manner::default()).await?;
        let list = create::take(session, list, read)?;
        let expected = expected(&list);
        return Ok((list, expected));
    }
    // What its tag does not lead to may be gone altogether, and not every registry would say so.
    let is_proven = |entry: &Entry, now: &Now| entry.raw.is_some() && proves(entry, now);
    let unproven = list.entries().iter().zip(&opened).zip(&answers).filter(|((entry, _), now)| !is_proven(entry, now));
    try_join_all(unproven.map(|((entry, opened), _)| check_there(list.name(), entry, &*opened.place))).await?;
    // That somebody else moved the tag was said, and is overridden.
    let is_own = moved.iter().any(|source| matches!(source, Source::Named(name) if name == list.name()));
    let expected = if is_own { Expected::Any } else { expected(&list) };
    Ok((list, expected))
}

/// A list that was started from its own tag replaces what it was started from, and nothing newer.
fn expected(list: &List) -> Expected {
    let own = list.entries().iter().find_map(|entry| match &entry.location {
        Location::Child { index, digest } if index == list.name() => Some(digest.clone()),
        _ => None,
    });
    own.map_or(Expected::Any, Expected::Digest)
}

/// What is behind an image's tag now.
#[derive(Clone)]
enum Now {
    /// It has none to be asked for.
    NoTag,
    /// Nothing.
    Nothing,
    /// A document.
    Points(Box<Descriptor>),
    /// The document itself, where the image was one of several in it.
    Holds(Box<RawManifest>),
}

/// Returns what an image was named by, if that may be something else by now: a tag, or a place on
/// this machine.
fn named_by(entry: &Entry) -> Result<Option<Source>, Failure> {
    Ok(match &entry.location {
        Location::Elsewhere(locator) => Some(Source::parse(locator)?),
        Location::Child { index, .. } => Some(Source::Named(index.clone())).filter(|_| index.digest().is_none()),
        // Who names a digest wants that very image.
        Location::Named => Some(Source::Named(entry.reference.clone())).filter(|_| entry.reference.digest().is_none()),
    })
}

/// Asks what is behind each image's name. Those of one index have one question.
async fn ask_all(entries: &[Entry], opened: &[Opened]) -> Result<Vec<Now>, Failure> {
    let mut questions: Vec<(Source, bool, &Opened)> = Vec::new();
    let mut of_entry = Vec::new();
    for (entry, opened) in entries.iter().zip(opened) {
        let Some(source) = named_by(entry)? else {
            of_entry.push(None);
            continue;
        };
        let whole = entry.reference.digest().is_some();
        let asked = questions.iter().position(|(other, is_whole, _)| *other == source && *is_whole == whole);
        of_entry.push(Some(asked.unwrap_or(questions.len())));
        if asked.is_none() {
            questions.push((source, whole, opened));
        }
    }
    let answers = try_join_all(questions.iter().map(|(source, whole, opened)| ask(source, *whole, opened))).await?;
    Ok(of_entry.into_iter().map(|question| question.and_then(|at| answers.get(at)).cloned().unwrap_or(Now::NoTag)).collect())
}

/// Asks what is behind a name; `whole` asks for the document itself.
async fn ask(source: &Source, whole: bool, opened: &Opened) -> Result<Now, Failure> {
    let selector = match source {
        Source::Elsewhere(_) => opened.selector.clone(),
        Source::Named(name) => name.thing().into(),
    };
    if whole {
        return Ok(sources::root(&*opened.place, &selector).await?.map_or(Now::Nothing, |root| Now::Holds(Box::new(root))));
    }
    match opened.place.resolve(&selector).await {
        Ok(found) => Ok(Now::Points(Box::new(found))),
        Err(error) if error.is_missing() => Ok(Now::Nothing),
        Err(error) => Err(error.into()),
    }
}

/// Tells whether the tag leads to the very image, so that it is there.
fn proves(entry: &Entry, now: &Now) -> bool {
    let digest = &entry.descriptor.digest;
    match now {
        Now::Points(found) => found.digest == *digest,
        Now::Holds(root) => {
            let is_as_read = matches!(&entry.location, Location::Child { digest: read, .. } if read == root.digest());
            is_as_read
                || root.digest() == digest
                || root.as_index().is_some_and(|index| index.manifests.iter().any(|child| child.digest == *digest))
        }
        Now::NoTag | Now::Nothing => false,
    }
}

fn difference(list: &Reference, entry: &Entry, now: &Now) -> Result<Option<String>, Failure> {
    // Of the list's own tag all matters, and not only what came from it: it is about to be replaced.
    if let (Location::Child { index, digest }, Now::Holds(root)) = (&entry.location, now)
        && index == list
    {
        let (then, now) = (digest.short(), root.digest().short());
        return Ok((root.digest() != digest)
            .then(|| format!("{index} is {now} now, this list was started from {then}: --refresh takes in what is there")));
    }
    let Some(source) = named_by(entry)?.filter(|_| !proves(entry, now)) else { return Ok(None) };
    let digest = entry.descriptor.digest.short();
    Ok(Some(match now {
        Now::Points(found) => format!("{source} is {} now, the list has {digest}: --refresh takes the new one", found.digest.short()),
        Now::Holds(_) => format!("{source} holds {digest} no more, the list has it: --refresh takes what it holds now"),
        Now::NoTag | Now::Nothing => format!("{source} is gone, the list has {digest}"),
    }))
}

async fn check_there(list: &Reference, entry: &Entry, place: &dyn Place) -> Result<(), Failure> {
    let (list, image) = (Box::new(list.clone()), Box::new(entry.reference.clone()));
    let Descriptor { digest, size: expected, .. } = entry.descriptor.clone();
    // Docker before 23 kept no bytes, so that nobody has counted them yet.
    if entry.raw.is_none() {
        return match place.resolve(&Selector::Digest(digest.clone())).await {
            Ok(found) if found.size == expected => Ok(()),
            Ok(found) => Err(DockerError::OtherSize { list, image, expected, got: found.size }.into()),
            Err(problem) if problem.is_missing() => Err(DockerError::Gone { list, image, digest }.into()),
            Err(problem) => Err(problem.into()),
        };
    }
    if place.has(&entry.descriptor).await? { Ok(()) } else { Err(DockerError::Gone { list, image, digest }.into()) }
}
