//! `pull`: from registries into the local store.

use fault::{Failure, Wishing};
use oci::{Locator, Reference, Selector};
use store::NameOrigin;

use crate::args::Pull;
use crate::commands::transfer::{self, Job, Names, Wanted, Word};
use crate::commands::{Done, Session};
use crate::names::NameError;
use crate::open::{Answer, Opened, Opener};

const WORD: Word = Word { does: "pull", did: "pulled", json: "polyarchPull" };

/// Runs the verb.
pub async fn run(session: &Session, arguments: Pull) -> Result<Done, Failure> {
    let names: Vec<String> = arguments.names.iter().map(Reference::familiar).collect();
    let wish = format!("pull {}", names.join(", "));
    let (opener, jobs) = prepare(session, &arguments).await.wishing(|| wish)?;
    let wanted = Wanted { referrers: arguments.referrers, ..Wanted::from(&arguments.moving) };
    transfer::run(session, &opener, WORD, &jobs, &wanted).await
}

async fn prepare(session: &Session, arguments: &Pull) -> Result<(Opener, Vec<Job>), Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let mut sources = Vec::new();
    for name in &arguments.names {
        let mut from = opener.far_source(&Locator::Registry(name.clone())).await?;
        if arguments.all_tags {
            if name.tag().is_some() || name.digest().is_some() {
                return Err(NameError::OneOfAll(Locator::Name(name.clone())).into());
            }
            from = Opened { label: name.name(), selector: Selector::Only, ..from };
        }
        sources.push((name, from, into_store(&opener, name)?));
    }
    opener.announce(&sources.iter().map(|(_, opened, _)| opened).collect::<Vec<_>>());
    let mut jobs = Vec::new();
    for (name, from, to) in sources {
        if arguments.all_tags {
            let to = Opened { label: name.familiar_name(), selector: Selector::Only, ..to };
            jobs.extend(transfer::pairs(&opener, &from, &to, Names::Tags).await?);
        } else {
            jobs.push(Job::new(from, to));
        }
    }
    for job in &jobs {
        check_not_made_here(&opener, job).await?;
    }
    Ok((opener, jobs))
}

/// Opens the place of an image that is pulled.
///
/// # Errors
/// Where nothing could be named there.
pub fn into_store(opener: &Opener, name: &Reference) -> Result<Opened, Failure> {
    let Some(tag) = name.target_tag() else {
        return Err(match name.digest() {
            Some(digest) => NameError::NoTag { name: name.clone(), digest: digest.clone() }.into(),
            None => NameError::NotHere(name.clone()).into(),
        });
    };
    let place = opener.store()?.repository(name, NameOrigin::Pulled);
    Ok(Opened {
        label: name.with(oci::Thing::Tag(tag.clone())).familiar(),
        place,
        selector: Selector::Name(tag.into()),
        answer: Answer::Store,
    })
}

/// An image that was made here is nowhere else; pulling another one of its name would lose it.
///
/// # Errors
/// [`NameError::MadeHere`]
pub async fn check_not_made_here(opener: &Opener, job: &Job) -> Result<(), Failure> {
    let (Selector::Name(tag), Ok(name)) = (&job.to.selector, job.to.label.parse::<Reference>()) else { return Ok(()) };
    let Ok(tag) = tag.parse() else { return Ok(()) };
    let Some(made) = opener.store()?.resolve_made(&name.with(oci::Thing::Tag(tag))).await? else { return Ok(()) };
    let found = job.from.place.resolve(&job.from.selector).await.map_err(|problem| opener.explain(&job.from, problem))?;
    if found.digest == made.digest { Ok(()) } else { Err(NameError::MadeHere { name, digest: made.digest }.into()) }
}
