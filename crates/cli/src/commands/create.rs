//! `create`: one tag from images that exist.

pub mod metadata;
pub mod report;
pub mod tags;
mod words;

use content::{Events, Expected, Limits};
use fault::{Failure, Wishing};
use index::{
    Absent, Change, Checked, Gathered, IndexError, Manner, MediaChoice, Missing, Outcome, Part, Plan, Wish, carry_out, gather, plan,
};

use crate::args::{self, Create};
use crate::commands::{Done, Session};
use crate::open::{Opened, Opener};

use metadata::Metadata;
use tags::{Tag, check_digests, current, stale, targets};

/// How often a change is planned anew when somebody else moved the tag meanwhile.
pub const TRIES: u32 = 10;

/// Runs the verb.
pub async fn run(session: &Session, arguments: Create) -> Result<Done, Failure> {
    let wish = match arguments.tags.first() {
        Some(first) => format!("create {first}"),
        None => "create an image".to_owned(),
    };
    create(session, &arguments).await.wishing(|| wish)
}

async fn create(session: &Session, arguments: &Create) -> Result<Done, Failure> {
    words::check(arguments)?;
    let metadata = arguments
        .metadata_file
        .as_deref()
        .filter(|_| !arguments.dry_run)
        .map(|path| Metadata::prepare(path, "--metadata-file"))
        .transpose()?;
    let mut opener = Opener::new(session.context.clone(), session.console.clone());
    if !arguments.dry_run {
        for name in arguments.tags.iter().filter_map(|tag| words::pushed_name(tag, arguments.push)) {
            opener.will_write(name);
        }
    }
    let mut tags = Vec::new();
    for locator in &arguments.tags {
        tags.push(Tag { opened: opener.target(locator, arguments.push).await?, digest: words::written_digest(locator), current: None });
    }
    let mut sources = Vec::new();
    for source in &arguments.sources {
        sources.push((opener.source(&source.locator).await?, source.platform.clone()));
    }
    opener.announce(&sources.iter().map(|(opened, _)| opened).collect::<Vec<_>>());
    let making =
        Making { session, arguments, opener: &opener, sources: &sources, events: session.console.events(), limits: Limits::default() };
    let mut tries = 1;
    loop {
        match making.once(&mut tags, metadata.as_ref()).await {
            // What is there was read, changed and found moved: the change is still wanted.
            Err(Attempt::Overtaken(_)) if tries < TRIES => {
                tries += 1;
                session.console.say("the tag moved meanwhile: reading it again");
            }
            Err(Attempt::Overtaken(failure) | Attempt::Failed(failure)) => return Err(failure),
            Ok(done) => return Ok(done),
        }
    }
}

/// Why one attempt did not succeed.
enum Attempt {
    /// Somebody moved the tag between our reading and our writing.
    Overtaken(Failure),
    /// Anything else.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Attempt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What stays the same over all attempts.
struct Making<'a> {
    session: &'a Session,
    arguments: &'a Create,
    opener: &'a Opener,
    sources: &'a [(Opened, Option<oci::Platform>)],
    events: Events,
    limits: Limits,
}

impl Making<'_> {
    async fn once(&self, tags: &mut [Tag], metadata: Option<&Metadata>) -> Result<Done, Attempt> {
        let wish = self.wish(tags);
        let needs_base = wish.change != Change::Set || !wish.remove.is_empty();
        let (gathered, current, base) =
            futures_util::future::join3(self.gather(), current(tags, needs_base), self.base(tags, needs_base)).await;
        let (gathered, base) = (gathered?, base?);
        for (tag, digest) in tags.iter_mut().zip(current?) {
            tag.current = digest;
        }
        if let (Some(base), Some(first)) = (&base, tags.first_mut()) {
            first.current = Some(base.root.digest().clone());
        }
        let plan = plan(&gathered, base.as_ref(), &wish)?;
        for warning in &plan.warnings {
            self.session.console.warn(warning);
        }
        check_digests(tags, plan.document.digest())?;
        let expected = self.expected(tags, base.is_some());
        let stale = stale(tags, expected, plan.document.digest());
        for (tag, expected) in &stale {
            let name = report::name_of(&tag.opened.selector);
            content::check_expected(&tag.opened.place.name(), &name, expected, tag.current.as_ref())?;
        }
        report::plan(self.session, &plan);
        if self.arguments.dry_run {
            report::dry_run(self.session, &plan, tags);
            return Ok(Done::Well);
        }
        let implied = base.is_some() && self.arguments.if_digest.is_none();
        let outcome = match carry_out(&plan, &targets(&stale), self.limits, &self.events).await {
            Err(IndexError::Content(error @ content::Error::Moved { .. })) if implied => return Err(Attempt::Overtaken(error.into())),
            other => other?,
        };
        self.tell(&plan, tags, &stale, &outcome, metadata)?;
        Ok(Done::Well)
    }

    fn wish(&self, tags: &[Tag]) -> Wish {
        let arguments = self.arguments;
        Wish {
            target: tags.first().map(|tag| tag.opened.label.clone()).unwrap_or_default(),
            change: words::change(arguments),
            remove: arguments.remove.clone(),
            require: arguments.require.iter().cloned().collect(),
            attestations: match arguments.attestations {
                args::Attestations::Keep => index::Attestations::Keep,
                args::Attestations::Drop => index::Attestations::Drop,
            },
            annotations: arguments.annotations.clone(),
            media: match arguments.media_type {
                args::MediaType::Auto => MediaChoice::Auto,
                args::MediaType::Oci => MediaChoice::Oci,
                args::MediaType::Docker => MediaChoice::Docker,
            },
            ..Wish::default()
        }
    }

    async fn gather(&self) -> Result<Vec<Gathered>, Failure> {
        let part = |(opened, platform): &(Opened, Option<oci::Platform>)| Part {
            label: opened.label.clone(),
            place: opened.place.clone(),
            selector: opened.selector.clone(),
            platform: platform.clone(),
        };
        let checked = if self.arguments.force_platform { Checked::Force } else { Checked::Compare };
        let missing = if self.arguments.ignore_missing { Missing::Ignore } else { Missing::Refuse };
        let manner = Manner { checked, missing, ..Manner::default() };
        let sources = gather(self.sources.iter().map(part).collect(), manner, self.limits).await.map_err(|error| self.explain(error))?;
        for Absent { label, problem } in &sources.absent {
            self.session.console.warn(&format!("left out {label}: {problem}"));
        }
        Ok(sources.existing()?)
    }

    /// Reads what the first tag holds, for changes of it. Its own words are believed, so that what
    /// is wrong with it can be mended.
    async fn base(&self, tags: &[Tag], needed: bool) -> Result<Option<Gathered>, Failure> {
        let Some(first) = tags.first().filter(|_| needed) else { return Ok(None) };
        let label = first.opened.label.clone();
        let part =
            Part { label: label.clone(), place: first.opened.place.clone(), selector: first.opened.selector.clone(), platform: None };
        match gather(vec![part], Manner::believing(), self.limits).await {
            Ok(mut sources) => Ok(sources.found.pop()),
            Err(IndexError::Source { problem, .. }) if is_no_such_tag(&problem) => Err(IndexError::NoBase { label }.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Names the source that could not be read in the person's words.
    fn explain(&self, error: IndexError) -> Failure {
        match error {
            IndexError::Source { label, problem } => match self.sources.iter().find(|(source, _)| source.label == label) {
                Some((source, _)) => self.opener.explain(source, *problem),
                None => (*problem).into(),
            },
            error => error.into(),
        }
    }

    /// What each tag must be before it moves. A change was made of what the first tag held.
    fn expected(&self, tags: &[Tag], changes: bool) -> Vec<Expected> {
        let asked = self.arguments.if_digest.as_ref().map_or(Expected::Any, |expected| expected.0.clone());
        let of = |(number, tag): (usize, &Tag)| match (&asked, &tag.current) {
            (Expected::Any, Some(current)) if changes && number == 0 => Expected::Digest(current.clone()),
            _ => asked.clone(),
        };
        tags.iter().enumerate().map(of).collect()
    }

    fn tell(
        &self,
        plan: &Plan,
        tags: &[Tag],
        stale: &[(&Tag, Expected)],
        outcome: &Outcome,
        metadata: Option<&Metadata>,
    ) -> Result<(), Failure> {
        let moved: Vec<&str> = stale.iter().map(|(tag, _)| tag.opened.label.as_str()).collect();
        report::outcome(self.session, plan, tags, &moved, outcome);
        match metadata {
            Some(metadata) => Ok(metadata.write(&report::metadata(plan, tags))?),
            None => Ok(()),
        }
    }
}

/// A piece that is missing below a tag is something else.
const fn is_no_such_tag(problem: &content::Error) -> bool {
    use content::{Error, Item};
    matches!(problem, Error::Missing { item: Item::Tag(_) | Item::Repository | Item::Image, .. })
}
