//! `imagetools create`: as our own create, in buildx's words.

mod pushing;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use compat::imagetools::{CreateWords, FOLLOWING, ImagetoolsError, Order, explain, metadata, order};
use content::{Events, Expected, Limits};
use fault::Failure;
use index::{Change, Gathered, IndexError, Lone, Manner, OfIndex, Part, Plan, carry_out, check_movable, follow, gather, plan};
use oci::{Digest, Locator, MAX_MANIFEST_SIZE, Thing};

use super::{Create, names_of};
use crate::commands::create::TRIES;
use crate::commands::create::metadata::Metadata;
use crate::commands::create::tags::{Tag, current, stale, targets};
use crate::commands::{Done, Session};
use crate::open::Opener;

use pushing::Pushing;

/// Runs the verb.
pub async fn run(session: &Session, words: Create) -> Result<Done, Failure> {
    let files = words.file.iter().map(|path| read_file(path)).collect::<Result<_, _>>()?;
    let order = order(&CreateWords {
        files,
        sources: words.sources,
        tags: words.tag,
        append: words.append,
        dry_run: words.dry_run,
        annotations: words.annotation,
        prefer_index: words.prefer_index,
        platforms: words.platform,
        progress: words.progress,
    })?;
    let file =
        words.metadata_file.as_deref().filter(|_| !words.dry_run).map(|path| Metadata::prepare(path, "--metadata-file")).transpose()?;
    let mut opener = Opener::new(session.context.clone(), session.console.clone());
    for tag in order.tags.iter().filter(|_| !words.dry_run) {
        if let Locator::Name(name) | Locator::Registry(name) = tag {
            opener.will_write(name);
        }
    }
    let mut parts = Vec::new();
    for source in &order.sources {
        let platform = source.stated.as_ref().and_then(|stated| stated.platform.clone());
        parts.push(Part { platform, ..part(&opener, &source.locator).await? });
    }
    let base = match order.tags.first().filter(|_| order.wish.change == Change::Append) {
        Some(tag) => Some(part(&opener, &without_digest(tag)).await?),
        None => None,
    };
    let making = Making { session, order: &order, opener: &opener, parts, base, limits: Limits::default() };
    if words.dry_run {
        let (plan, _) = making.plan().await?;
        session.console.raw(plan.document.bytes());
        session.console.raw(b"\n");
        return Ok(Done::Well);
    }
    let plan = making.push().await?;
    if let Some(file) = file {
        file.write(&metadata(&plan.document, &order.tags))?;
    }
    Ok(Done::Well)
}

/// Reads a descriptor; what is far longer than one is not held.
fn read_file(path: &Path) -> Result<String, ImagetoolsError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_MANIFEST_SIZE + 1).read_to_end(&mut bytes));
    let length = read.map_err(|problem| ImagetoolsError::File { path: path.to_owned(), problem })?;
    if length as u64 > MAX_MANIFEST_SIZE {
        return Err(ImagetoolsError::LongFile { path: path.to_owned(), limit: MAX_MANIFEST_SIZE });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn part(opener: &Opener, locator: &Locator) -> Result<Part, Failure> {
    let opened = opener.far_source(locator).await?;
    let label = names_of(&opened, locator).whole;
    Ok(Part { label, place: opened.place, selector: opened.selector, platform: None })
}

/// What a tag holds now is added to; a digest behind it is what the result must be.
fn without_digest(tag: &Locator) -> Locator {
    match tag {
        Locator::Name(name) => Locator::Name(name.target_tag().map_or_else(|| name.clone(), |tag| name.with(Thing::Tag(tag)))),
        other => other.clone(),
    }
}

fn written_digest(tag: &Locator) -> Option<Digest> {
    match tag {
        Locator::Name(name) | Locator::Registry(name) | Locator::Store(name) => name.digest().cloned(),
        _ => None,
    }
}

/// What stays the same over all attempts.
struct Making<'a> {
    session: &'a Session,
    order: &'a Order,
    opener: &'a Opener,
    parts: Vec<Part>,
    /// What the sources are added to.
    base: Option<Part>,
    limits: Limits,
}

impl Making<'_> {
    /// Decides what the image is, and says what it was made of: the digest that the first tag had.
    async fn plan(&self) -> Result<(Plan, Option<Digest>), Failure> {
        let explained = |error| explain(error, !self.order.wish.only.is_empty());
        let manner = Manner { of_index: OfIndex::Whole, ..Manner::default() };
        let (sources, base) = futures_util::future::join(gather(self.parts.clone(), manner, self.limits), self.base()).await;
        let (mut gathered, base) = (sources.map_err(explained)?.found, base.map_err(explained)?);
        for (gathered, source) in gathered.iter_mut().zip(&self.order.sources) {
            if let Some(stated) = &source.stated {
                stated.apply(gathered)?;
            }
        }
        let plan = plan(&gathered, base.as_ref(), &self.order.wish).map_err(|error| match (error, gathered.as_slice()) {
            (IndexError::Empty, [only]) if only.root.as_index().is_none() && self.order.wish.lone == Lone::AsItIs => {
                let platforms = only.candidates.iter().filter_map(|entry| entry.descriptor.platform.as_ref());
                ImagetoolsError::OtherPlatform(platforms.map(ToString::to_string).collect())
            }
            (error, _) => explained(error),
        })?;
        for warning in &plan.warnings {
            self.session.console.warn(warning);
        }
        // Before anything is pushed: buildx moves the tag to something else than was written.
        if let Some(expected) = self.order.tags.iter().filter_map(written_digest).find(|expected| expected != plan.document.digest()) {
            return Err(explain(IndexError::OtherDigest { expected, got: plan.document.digest().clone() }, false).into());
        }
        Ok((plan, base.map(|base| base.root.digest().clone())))
    }

    /// Reads what the first tag holds. Its own words are believed, so that what is wrong with it can be mended.
    async fn base(&self) -> Result<Option<Gathered>, IndexError> {
        let Some(base) = &self.base else { return Ok(None) };
        Ok(gather(vec![base.clone()], Manner::believing(), self.limits).await?.found.pop())
    }

    /// Pushes; where somebody moved the tag between our reading and our writing, all is read and decided again.
    async fn push(&self) -> Result<Plan, Failure> {
        let (mut plan, mut base) = self.plan().await?;
        let mut tags = Vec::new();
        for locator in &self.order.tags {
            let opened = self.opener.target(locator, matches!(locator, Locator::Name(_))).await?;
            tags.push(Tag { opened, digest: written_digest(locator), current: None });
        }
        let pushing = Pushing::new(&self.session.console, self.order.display, &self.order.tags);
        let events = pushing.events();
        for tries in 1.. {
            let now = current(&tags, base.is_some()).await?;
            for (tag, digest) in tags.iter_mut().zip(now) {
                tag.current = digest;
            }
            if let Some(first) = tags.first_mut().filter(|_| base.is_some()) {
                first.current.clone_from(&base);
            }
            match self.once(&plan, base.as_ref(), &tags, &pushing, &events).await {
                Err(IndexError::Content(content::Error::Moved { .. })) if base.is_some() && tries < TRIES => {
                    self.session.console.say("the tag moved meanwhile: reading it again");
                    (plan, base) = self.plan().await?;
                }
                Err(error) => {
                    let error = explain(error, false);
                    pushing.failed(&error);
                    return Err(error.into());
                }
                Ok(()) => break,
            }
        }
        Ok(plan)
    }

    async fn once(&self, plan: &Plan, base: Option<&Digest>, tags: &[Tag], pushing: &Pushing, events: &Events) -> Result<(), IndexError> {
        pushing.begin(plan);
        let expected = |number: usize| match base {
            Some(base) if number == 0 => Expected::Digest(base.clone()),
            _ => Expected::Any,
        };
        let stale = stale(tags, (0..tags.len()).map(expected).collect(), plan.document.digest());
        let stale = targets(&stale);
        check_movable(plan, &stale).await?;
        // To every repository: what came since to an image that stands there already is brought, too.
        let all: Vec<(&Tag, Expected)> = tags.iter().map(|tag| (tag, Expected::Any)).collect();
        follow(plan, &targets(&all), &FOLLOWING, self.limits, events).await?;
        carry_out(plan, &stale, self.limits, events).await?;
        pushing.done(plan);
        Ok(())
    }
}
