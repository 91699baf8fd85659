//! `create`: one tag from images that exist.

use std::io::{self, Write};
use std::path::Path;

use content::{Expected, Limits};
use fault::{Failure, Fault, Hint, Kind, Wishing};
use index::{
    Change, Checked, Gathered, IndexError, MediaChoice, Missing, Outcome, Part, Plan, Role, Target, Wish, carry_out, gather, plan,
};
use oci::{Digest, Locator, Reference, Selector};
use serde_json::json;

use crate::args::{self, Create};
use crate::commands::{Done, Session};
use crate::console::{Table, bytes};
use crate::names::check_pushable;
use crate::open::{Answer, Opened, Opener};

/// Words that together make no sense.
#[derive(Debug, thiserror::Error)]
enum CreateError {
    #[error("no tag")]
    NoTag {
        line: String,
        #[source]
        why: Option<LooksLikeTarget>,
    },
    #[error("no source")]
    NoSource,
    #[error("cannot write {path}")]
    Metadata {
        path: String,
        #[source]
        problem: std::io::Error,
    },
}

#[derive(Debug, thiserror::Error)]
#[error("the first of {0} names looks like the target, as in docker manifest")]
struct LooksLikeTarget(usize);

impl Fault for CreateError {
    fn kind(&self) -> Kind {
        match self {
            Self::Metadata { .. } => Kind::Place,
            _ => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoTag { line, .. } => Some(Hint::new(line)),
            Self::NoSource => Some(Hint::new("polyarch create -t NAME SOURCE...")),
            Self::Metadata { .. } => None,
        }
    }
}

/// A name to be moved, with the digest it must have if one was written.
struct Tag {
    opened: Opened,
    digest: Option<Digest>,
    /// What it points at now.
    current: Option<Digest>,
}

/// Runs the verb.
pub async fn run(session: &Session, arguments: Create) -> Result<Done, Failure> {
    let wish = match arguments.tags.first() {
        Some(first) => format!("create {first}"),
        None => "create an image".to_owned(),
    };
    create(session, arguments).await.wishing(|| wish)
}

async fn create(session: &Session, arguments: Create) -> Result<Done, Failure> {
    check_words(&arguments)?;
    let mut opener = Opener::new(session.context.clone(), session.console.clone());
    if !arguments.dry_run {
        for name in arguments.tags.iter().filter_map(|tag| pushed_name(tag, arguments.push)) {
            opener.will_write(name);
        }
    }
    let mut tags = Vec::new();
    for locator in &arguments.tags {
        tags.push(Tag { opened: opener.target(locator, arguments.push).await?, digest: written_digest(locator), current: None });
    }
    let mut sources = Vec::new();
    let mut parts = Vec::new();
    for source in &arguments.sources {
        let opened = opener.source(&source.locator).await?;
        parts.push(Part {
            label: opened.label.clone(),
            place: opened.place.clone(),
            selector: opened.selector.clone(),
            platform: source.platform.clone(),
        });
        sources.push(opened);
    }
    opener.announce(&sources.iter().collect::<Vec<_>>());

    let limits = Limits::default();
    let events = session.console.events();
    let checked = if arguments.force_platform { Checked::Force } else { Checked::Compare };
    let missing = if arguments.ignore_missing { Missing::Ignore } else { Missing::Refuse };
    let change = change(&arguments);
    let needs_base = change != Change::Set || !arguments.remove.is_empty();
    let (gathered, current, base) = futures_util::future::join3(
        gather(parts, checked, missing, limits, &events),
        current(&tags, needs_base),
        base(&tags, needs_base, limits, &events),
    )
    .await;
    let gathered = gathered.map_err(|error| explain(&opener, &sources, error))?;
    let base = base?;
    for (tag, digest) in tags.iter_mut().zip(current?) {
        tag.current = digest;
    }
    if let (Some(base), Some(first)) = (&base, tags.first_mut()) {
        first.current = Some(base.root.digest().clone());
    }
    let expected = arguments.if_digest.as_ref().map_or(Expected::Any, |expected| expected.0.clone());
    let wish = Wish {
        target: tags.first().map(|tag| tag.opened.label.clone()).unwrap_or_default(),
        change,
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
    };
    let plan = plan(&gathered, base.as_ref(), &wish)?;
    for warning in &plan.warnings {
        session.console.warn(warning);
    }
    check_digests(&tags, plan.document.digest())?;
    let stale: Vec<&Tag> = tags.iter().filter(|tag| tag.current.as_ref() != Some(plan.document.digest())).collect();
    for tag in &stale {
        content::check_expected(&tag.opened.place.name(), &name_of(&tag.opened.selector), &expected, tag.current.as_ref())?;
    }
    show(session, &plan);
    if arguments.dry_run {
        session.console.say("nothing was written: this was a dry run");
        session.console.raw(plan.document.bytes());
        return Ok(Done::Well);
    }
    let outcome = carry_out(&plan, &targets(&stale), &expected, limits, &events).await?;
    write_metadata(&arguments, &plan, &tags)?;
    report(session, &plan, &tags, &stale, &outcome);
    Ok(Done::Well)
}

fn check_words(arguments: &Create) -> Result<(), Failure> {
    if arguments.tags.is_empty() {
        let names: Vec<String> = arguments.sources.iter().map(|source| source.locator.to_string()).collect();
        let (why, line) = match names.split_first() {
            Some((first, rest)) if !rest.is_empty() => {
                let shown = rest.first().map_or("", String::as_str);
                let more = if rest.len() > 1 { " ..." } else { "" };
                (Some(LooksLikeTarget(names.len())), format!("polyarch create -t {first} {shown}{more}"))
            }
            _ => (None, "polyarch create -t NAME SOURCE...".to_owned()),
        };
        return Err(CreateError::NoTag { line, why }.into());
    }
    if arguments.sources.is_empty() && arguments.remove.is_empty() {
        return Err(CreateError::NoSource.into());
    }
    for tag in &arguments.tags {
        if let Some(name) = pushed_name(tag, arguments.push) {
            check_pushable(name, "polyarch create --push -t {} ...")?;
        }
    }
    Ok(())
}

/// Returns the name of a target that is in a registry.
const fn pushed_name(locator: &Locator, push: bool) -> Option<&Reference> {
    match locator {
        Locator::Registry(name) => Some(name),
        Locator::Name(name) if push => Some(name),
        _ => None,
    }
}

fn written_digest(locator: &Locator) -> Option<Digest> {
    match locator {
        Locator::Name(name) | Locator::Registry(name) | Locator::Store(name) => name.digest().cloned(),
        _ => None,
    }
}

const fn change(arguments: &Create) -> Change {
    match (arguments.append, arguments.replace) {
        (true, true) => Change::AppendOrReplace,
        (true, false) => Change::Append,
        (false, true) => Change::Replace,
        // Taking out without putting in changes what is there, too.
        (false, false) if !arguments.remove.is_empty() => Change::Append,
        (false, false) => Change::Set,
    }
}

/// Asks what every tag points at now. The first one is read whole by [`base`] where that is needed.
async fn current(tags: &[Tag], needs_base: bool) -> Result<Vec<Option<Digest>>, Failure> {
    let ask = tags.iter().enumerate().map(|(number, tag)| async move {
        if needs_base && number == 0 {
            return Ok(None);
        }
        match tag.opened.place.resolve(&tag.opened.selector).await {
            Ok(descriptor) => Ok(Some(descriptor.digest)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(Failure::from(error)),
        }
    });
    futures_util::future::try_join_all(ask).await
}

/// Reads what the first tag holds, for changes of it.
async fn base(tags: &[Tag], needed: bool, limits: Limits, events: &content::Events) -> Result<Option<Gathered>, Failure> {
    let Some(first) = tags.first().filter(|_| needed) else { return Ok(None) };
    let part = Part {
        label: first.opened.label.clone(),
        place: first.opened.place.clone(),
        selector: first.opened.selector.clone(),
        platform: None,
    };
    let mut gathered = gather(vec![part], Checked::Compare, Missing::Refuse, limits, events).await?;
    Ok(gathered.pop())
}

/// Names the source that could not be read in the person's words.
fn explain(opener: &Opener, sources: &[Opened], error: IndexError) -> Failure {
    match error {
        IndexError::Source { label, problem } => match sources.iter().find(|source| source.label == label) {
            Some(source) => opener.explain(source, *problem),
            None => (*problem).into(),
        },
        error => error.into(),
    }
}

/// A digest behind a target's name says what the result must be.
fn check_digests(tags: &[Tag], got: &Digest) -> Result<(), Failure> {
    match tags.iter().filter_map(|tag| tag.digest.as_ref()).find(|expected| *expected != got) {
        Some(expected) => Err(IndexError::OtherDigest { expected: expected.clone(), got: got.clone() }.into()),
        None => Ok(()),
    }
}

/// Groups names by their place, so that content is brought to each place once.
fn targets(tags: &[&Tag]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for tag in tags {
        let place = tag.opened.place.name();
        match targets.iter_mut().find(|target| target.place.name() == place) {
            Some(target) => target.names.push(tag.opened.selector.clone()),
            None => targets.push(Target { place: tag.opened.place.clone(), names: vec![tag.opened.selector.clone()] }),
        }
    }
    targets
}

fn name_of(selector: &Selector) -> String {
    match selector {
        Selector::Only => "the image".to_owned(),
        Selector::Name(name) => name.clone(),
        Selector::Digest(digest) => digest.to_string(),
    }
}

/// Shows what the index will be.
fn show(session: &Session, plan: &Plan) {
    let mut table = Table::new(&["PLATFORM", "DIGEST", "SIZE", "SOURCE"]);
    for entry in &plan.entries {
        let platform = match &entry.role {
            Role::Image(platform) => platform.to_string(),
            Role::Attestation(_) => "  attestation".to_owned(),
            Role::Other => "  other".to_owned(),
        };
        table.row([platform, entry.descriptor.digest.short(), bytes(entry.descriptor.size), entry.label.clone()]);
    }
    for line in table.lines() {
        session.console.say(line);
    }
}

fn write_metadata(arguments: &Create, plan: &Plan, tags: &[Tag]) -> Result<(), Failure> {
    let Some(path) = &arguments.metadata_file else { return Ok(()) };
    let names: Vec<&str> = tags.iter().map(|tag| tag.opened.label.as_str()).collect();
    // buildx's keys, so that scripts that read its file can read this one.
    let value = json!({
        "containerimage.digest": plan.document.digest(),
        "containerimage.descriptor": plan.document.descriptor(),
        "image.name": names.join(","),
    });
    write_whole(path, format!("{value:#}\n").as_bytes())
        .map_err(|problem| CreateError::Metadata { path: path.display().to_string(), problem })?;
    Ok(())
}

/// Writes a file so that nobody ever sees a half of it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".polyarch-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

fn report(session: &Session, plan: &Plan, tags: &[Tag], stale: &[&Tag], outcome: &Outcome) {
    let moved: Vec<&str> = stale.iter().map(|tag| tag.opened.label.as_str()).collect();
    let state = |tag: &Tag| if moved.contains(&tag.opened.label.as_str()) { "moved" } else { "unchanged" };
    if session.context.global.json {
        let platforms: Vec<_> = plan.platforms().map(ToString::to_string).collect();
        let names: Vec<_> = tags.iter().map(|tag| json!({"name": tag.opened.label, "state": state(tag)})).collect();
        let descriptor = plan.document.descriptor();
        let value = json!({
            "polyarchCreate": 1,
            "digest": descriptor.digest,
            "mediaType": descriptor.media_type,
            "size": descriptor.size,
            "platforms": platforms,
            "tags": names,
            "copied": {"sent": outcome.copied.sent, "mounted": outcome.copied.mounted, "present": outcome.copied.present, "bytes": outcome.copied.bytes},
        });
        session.console.data(format!("{value:#}"));
    } else {
        for tag in tags {
            session.console.data(format!("{}@{}", without_digest(&tag.opened.label), outcome.digest));
        }
    }
    let copied = outcome.copied;
    if copied.sent + copied.mounted > 0 {
        session.console.say(format!(
            "{} pieces sent ({}), {} mounted, {} there already",
            copied.sent,
            bytes(copied.bytes),
            copied.mounted,
            copied.present
        ));
    }
    for tag in tags {
        session.console.say(last_line(tag, state(tag)));
    }
}

fn without_digest(label: &str) -> &str {
    label.split('@').next().unwrap_or(label)
}

/// Says where the result is now and what can be done next.
fn last_line(tag: &Tag, state: &str) -> String {
    let label = &tag.opened.label;
    let name = without_digest(label);
    match (&tag.opened.answer, state) {
        (_, "unchanged") => format!("unchanged: {name} is this already, nothing was written"),
        (Answer::Store, _) => {
            format!(
                "kept in the local store as {name}, not pushed\nnext: polyarch inspect {name} | polyarch serve (a registry on this machine)"
            )
        }
        (Answer::Registry(reference), _) => format!("pushed to {}\nnext: polyarch inspect {name}", reference.registry()),
        (Answer::Named, _) => format!("written to {name}\nnext: polyarch inspect {name}"),
    }
}
