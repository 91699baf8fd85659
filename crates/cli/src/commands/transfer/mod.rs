//! What `copy`, `push`, `pull`, `load` and `save` have in common: images on their way.

mod listing;
mod report;

use std::collections::HashMap;

use content::{Copied, Copier, Events, Expected, Limits, Referrers, Tagged};
use fault::{Failure, Wishing};
use futures_util::{StreamExt, TryStreamExt, stream};
use index::{IndexError, Order, Shipment, bring, decide};
use oci::{Digest, PlatformSet, Reference, Selector};
use serde_json::{Value, json};

use crate::args::{Moving, Sending};
use crate::commands::{Done, Session};
use crate::open::{Answer, Opened, Opener};

pub use listing::{Names, name_in_full, pairs};

/// Images that are moved at once: with the round trips of a far registry, many small ones wait
/// side by side.
const AT_ONCE: usize = 16;
/// Images that are brought before the first of them is named.
const TOGETHER: usize = 512;

/// A verb, as it speaks of itself.
#[derive(Clone, Copy)]
pub struct Word {
    /// What it does: "copy".
    pub does: &'static str,
    /// What it did: "copied".
    pub did: &'static str,
    /// The key of its JSON's version.
    pub json: &'static str,
}

/// What goes to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// A line for each image, or JSON.
    Lines,
    /// Nothing: something else goes there.
    None,
}

/// What is wanted of all images alike.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The platforms to take; all where there are none.
    pub platforms: PlatformSet,
    /// Whether what refers to the images comes along.
    pub referrers: bool,
    /// Whether it is only shown.
    pub dry_run: bool,
    /// What the target's name must be before.
    pub expected: Expected,
    /// What goes to stdout.
    pub data: Data,
}

impl From<&Moving> for Wanted {
    fn from(moving: &Moving) -> Self {
        let platforms = moving.platform.iter().cloned().collect();
        Self { platforms, referrers: false, dry_run: moving.dry_run, expected: Expected::Any, data: Data::Lines }
    }
}

impl From<&Sending> for Wanted {
    fn from(sending: &Sending) -> Self {
        let expected = sending.if_digest.as_ref().map_or(Expected::Any, |expected| expected.0.clone());
        Self { referrers: sending.referrers, expected, ..Self::from(&sending.moving) }
    }
}

/// One image, from its place to another.
pub struct Job {
    /// Where it is.
    pub from: Opened,
    /// Where it goes.
    pub to: Opened,
    /// What else in the source has a list of referrers, which come along.
    pub subjects: Vec<Digest>,
    /// There is no image of the target's name yet, as a list has shown.
    pub is_new: bool,
}

impl Job {
    /// Names an image and where it goes.
    pub const fn new(from: Opened, to: Opened) -> Self {
        Self { from, to, subjects: Vec::new(), is_new: false }
    }
}

/// An image at its target, without a name.
struct Brought {
    shipment: Shipment,
    copied: Copied,
    referrers: Vec<Value>,
}

/// What became of one image.
struct Moved {
    shipment: Shipment,
    tagged: Tagged,
    copied: Copied,
    /// What refers to it and was brought along, as JSON has it.
    referrers: Vec<Value>,
}

/// Moves images, names last, and tells what became of them.
///
/// # Errors
/// Stops at the first image that cannot be moved; those before it stay where they are by then.
pub async fn run(session: &Session, opener: &Opener, word: Word, jobs: &[Job], wanted: &Wanted) -> Result<Done, Failure> {
    run_then(session, opener, word, jobs, wanted, async { Ok(()) }).await
}

/// As [`run`], with something to be done between the work and the words about it.
///
/// # Errors
/// As [`run`], and what that says.
pub async fn run_then(
    session: &Session,
    opener: &Opener,
    word: Word,
    jobs: &[Job],
    wanted: &Wanted,
    finish: impl Future<Output = Result<(), Failure>>,
) -> Result<Done, Failure> {
    let events = session.console.events();
    let limits = Limits::default();
    let mut copiers = HashMap::new();
    for job in jobs {
        copiers.entry(job.to.place.name()).or_insert_with(|| Copier::new(&*job.to.place, limits, &events));
    }
    let moving = Transfer { opener, word, wanted, copiers: &copiers, events: &events, limits };
    let (together, at_once) = if one_by_one(jobs) { (1, 1) } else { (TOGETHER, AT_ONCE) };
    let mut moved: Vec<(&Job, Moved)> = Vec::with_capacity(jobs.len());
    for part in jobs.chunks(together) {
        let brought: Vec<(&Job, Brought)> =
            stream::iter(part).map(|job| moving.step(job, moving.bring(job))).buffered(at_once).try_collect().await?;
        let mut named = stream::iter(brought).map(|(job, brought)| moving.step(job, moving.name(brought))).buffered(at_once);
        while let Some((job, one)) = named.try_next().await? {
            if jobs.len() > 1 {
                report::one(session, word, wanted, job, &one);
            }
            moved.push((job, one));
        }
    }
    finish.await?;
    report::all(session, word, wanted, &moved);
    Ok(Done::Well)
}

/// An archive is written anew for every name, and an engine takes one image at a time.
fn one_by_one(jobs: &[Job]) -> bool {
    let shared = |job: &Job| matches!(job.to.answer, Answer::Store | Answer::Registry(_)) || job.to.place.origin().is_some();
    !jobs.iter().all(shared)
}

/// What stays the same for all images.
struct Transfer<'a> {
    opener: &'a Opener,
    word: Word,
    wanted: &'a Wanted,
    copiers: &'a HashMap<String, Copier<'a>>,
    events: &'a Events,
    limits: Limits,
}

impl Transfer<'_> {
    /// Does something for an image; what goes wrong is said of it.
    async fn step<'j, T>(&self, job: &'j Job, work: impl Future<Output = Result<T, Failure>>) -> Result<(&'j Job, T), Failure> {
        let wish = || format!("{} {} to {}", self.word.does, job.from.label, job.to.label);
        work.await.wishing(wish).map(|done| (job, done))
    }

    async fn bring(&self, job: &Job) -> Result<Brought, Failure> {
        let order = Order {
            label: job.from.label.clone(),
            source: job.from.place.clone(),
            selector: job.from.selector.clone(),
            platforms: self.wanted.platforms.clone(),
            target: job.to.place.clone(),
            to: job.to.selector.clone(),
            expected: self.wanted.expected.clone(),
            is_new: job.is_new,
        };
        let shipment = match decide(order, self.limits).await {
            Ok(shipment) => shipment,
            Err(IndexError::Source { problem, .. }) => return Err(self.opener.explain_far(&job.from, *problem).await),
            Err(error) => return Err(error.into()),
        };
        check_digest(job, &shipment)?;
        for warning in &shipment.warnings {
            self.events.warn(warning);
        }
        let (found, part) =
            if self.wanted.referrers { index::referrers(&shipment, self.limits).await? } else { (Referrers::default(), None) };
        if let Some(part) = part {
            self.events.warn(part);
        }
        for left_out in &found.left_out {
            self.events.warn(left_out.to_string());
        }
        let mut copied = Copied::default();
        let Some(copier) = self.copiers.get(&job.to.place.name()).filter(|_| !self.wanted.dry_run) else {
            let would = |referrer: &content::Referrer| json!({"digest": referrer.digest(), "subject": referrer.subject});
            let referrers = found.found.iter().map(would).collect();
            return Ok(Brought { shipment, copied, referrers });
        };
        if !shipment.is_unchanged() {
            copied = bring(&shipment, copier).await?;
        }
        let (also, followed) = content::copy_referrers(copier, &*job.from.place, &found.found).await?;
        copied += also;
        copied += self.bring_listed(job, copier).await?;
        Ok(Brought { shipment, copied, referrers: followed.iter().map(report::followed).collect() })
    }

    /// Brings what stands in the lists of referrers that have tags of their own.
    async fn bring_listed(&self, job: &Job, copier: &Copier<'_>) -> Result<Copied, Failure> {
        let listed = content::referring(&*job.from.place, &job.subjects, self.limits).await?;
        for left_out in &listed.left_out {
            self.events.warn(left_out.to_string());
        }
        Ok(content::copy_referrers(copier, &*job.from.place, &listed.found).await?.0)
    }

    async fn name(&self, brought: Brought) -> Result<Moved, Failure> {
        let tagged = if self.wanted.dry_run { Tagged::Unchanged } else { index::name(&brought.shipment).await? };
        Ok(Moved { shipment: brought.shipment, tagged, copied: brought.copied, referrers: brought.referrers })
    }
}

/// A digest behind the target's name says what must arrive.
fn check_digest(job: &Job, shipment: &Shipment) -> Result<(), IndexError> {
    let expected = match (&job.to.answer, &job.to.selector) {
        (Answer::Registry(name), _) => name.digest().cloned(),
        (Answer::Store, _) => job.to.label.parse::<Reference>().ok().and_then(|name| name.digest().cloned()),
        (_, Selector::Digest(digest)) => Some(digest.clone()),
        _ => None,
    };
    let got = shipment.document().digest();
    match expected.filter(|expected| expected != got) {
        Some(expected) => Err(IndexError::OtherDigest { expected, got: got.clone() }),
        None => Ok(()),
    }
}
