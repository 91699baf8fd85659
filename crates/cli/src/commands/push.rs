//! `push`: from the local store to a registry.

use fault::{Failure, Wishing};
use oci::{Locator, Reference, Selector};

use crate::args::Push;
use crate::commands::transfer::{self, Job, Names, Word};
use crate::commands::{Done, Session};
use crate::names::{NameError, check_pushable};
use crate::open::{Opened, Opener};

const WORD: Word = Word { does: "push", did: "pushed", json: "polyarchPush" };

/// Runs the verb.
pub async fn run(session: &Session, arguments: Push) -> Result<Done, Failure> {
    let names: Vec<String> = arguments.names.iter().map(Reference::familiar).collect();
    let wish = format!("push {}", names.join(", "));
    let (opener, jobs) = prepare(session, &arguments).await.wishing(|| wish)?;
    transfer::run(session, &opener, WORD, &jobs, &(&arguments.sending).into()).await
}

async fn prepare(session: &Session, arguments: &Push) -> Result<(Opener, Vec<Job>), Failure> {
    let mut opener = Opener::new(session.context.clone(), session.console.clone());
    let pairs = targets(&opener, arguments).await?;
    for (source, target) in &pairs {
        check_pushable(target, &format!("polyarch push {} {{}}", source.familiar()))?;
        if !arguments.sending.moving.dry_run {
            opener.will_write(target);
        }
    }
    let mut jobs = Vec::new();
    for (source, target) in &pairs {
        let from = opener.source(&Locator::Store(source.clone())).await?;
        let from = Opened { label: source.familiar(), ..from };
        let to = opener.target(&Locator::Registry(target.clone()), true).await?;
        if arguments.all_tags {
            let from = Opened { label: source.familiar_name(), selector: Selector::Only, ..from };
            let to = Opened { label: target.name(), selector: Selector::Only, ..to };
            jobs.extend(transfer::pairs(&opener, &from, &to, Names::Tags).await?);
        } else {
            jobs.push(Job::new(from, to));
        }
    }
    Ok((opener, jobs))
}

/// Finds where each name goes: to itself, or the first of two to the second.
async fn targets(opener: &Opener, arguments: &Push) -> Result<Vec<(Reference, Reference)>, Failure> {
    if arguments.all_tags
        && let Some(named) = arguments.names.iter().find(|name| name.tag().is_some() || name.digest().is_some())
    {
        return Err(NameError::OneOfAll(Locator::Name(named.clone())).into());
    }
    if let [source, target] = arguments.names.as_slice() {
        if !is_here(opener, target, arguments.all_tags).await? {
            return Ok(vec![(source.clone(), target.clone())]);
        }
        // What was pulled is a cache: where the first one goes must not depend on it.
        if !arguments.all_tags && opener.store()?.resolve_made(target).await?.is_none() {
            return Err(NameError::PulledToo { image: source.familiar(), target: target.familiar() }.into());
        }
    }
    for name in &arguments.names {
        if !is_here(opener, name, arguments.all_tags).await? {
            return Err(NameError::NotHere(name.clone()).into());
        }
    }
    Ok(arguments.names.iter().map(|name| (name.clone(), name.clone())).collect())
}

async fn is_here(opener: &Opener, name: &Reference, all_tags: bool) -> Result<bool, Failure> {
    let store = opener.store()?;
    let place = store.repository(name, store::NameOrigin::Made);
    if all_tags {
        return Ok(!place.tags().await?.is_empty());
    }
    match place.resolve(&name.thing().into()).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_missing() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
