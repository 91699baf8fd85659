//! `copy`: from any place to any other, byte for byte.

use fault::{Failure, Wishing};
use oci::{Locator, Reference, Selector};

use crate::args::Copy;
use crate::commands::transfer::{self, Job, Names, Word};
use crate::commands::{Done, Session};
use crate::names::{NameError, check_pushable};
use crate::open::{Answer, Opened, Opener};

const WORD: Word = Word { does: "copy", did: "copied", json: "polyarchCopy" };

/// Runs the verb.
pub async fn run(session: &Session, arguments: Copy) -> Result<Done, Failure> {
    let wish = format!("copy {} to {}", arguments.source, arguments.target);
    let (opener, jobs) = prepare(session, &arguments).await.wishing(|| wish)?;
    transfer::run(session, &opener, WORD, &jobs, &(&arguments.sending).into()).await
}

async fn prepare(session: &Session, arguments: &Copy) -> Result<(Opener, Vec<Job>), Failure> {
    let names = match (arguments.all_tags, arguments.all_images) {
        (true, _) => Some(Names::Tags),
        (_, true) => Some(Names::Images),
        _ => None,
    };
    if names.is_some() {
        for locator in [&arguments.source, &arguments.target] {
            check_nameless(locator)?;
        }
    }
    let mut opener = Opener::new(session.context.clone(), session.console.clone());
    if let Some(name) = in_registry(&arguments.target) {
        check_pushable(name, &format!("polyarch copy {} {{}}", arguments.source))?;
        if !arguments.sending.moving.dry_run {
            opener.will_write(name);
        }
    }
    let mut from = opener.far_source(&arguments.source).await?;
    let mut to = opener.target(&arguments.target, matches!(arguments.target, Locator::Name(_))).await?;
    if names.is_some() {
        forget_name(&mut from);
        forget_name(&mut to);
    }
    opener.announce(&[&from]);
    let Some(names) = names else { return Ok((opener, vec![Job::new(from, to)])) };
    let mut jobs = transfer::pairs(&opener, &from, &to, names).await?;
    if matches!(arguments.target, Locator::DockerArchive { .. }) {
        transfer::name_in_full(&mut jobs, &arguments.source, &to)?;
    }
    Ok((opener, jobs))
}

const fn in_registry(locator: &Locator) -> Option<&Reference> {
    match locator {
        Locator::Name(name) | Locator::Registry(name) => Some(name),
        _ => None,
    }
}

/// Where every image is meant, none may be named.
fn check_nameless(locator: &Locator) -> Result<(), NameError> {
    let named = match locator {
        Locator::Name(name) | Locator::Registry(name) | Locator::Store(name) => name.tag().is_some() || name.digest().is_some(),
        Locator::Layout { selector, .. }
        | Locator::LayoutArchive { selector, .. }
        | Locator::DockerArchive { selector, .. }
        | Locator::Path { selector, .. } => *selector != Selector::Only,
        // Its words have a tag always.
        Locator::Daemon(name) => name.parse::<Reference>().is_ok_and(|name| name.tag().is_some_and(|tag| tag.as_str() != "latest")),
    };
    if named { Err(NameError::OneOfAll(locator.clone())) } else { Ok(()) }
}

/// Takes the tag that a name has by default off what was opened.
fn forget_name(opened: &mut Opened) {
    if let Some(plain) = opened.label.strip_suffix(":latest") {
        opened.label = plain.to_owned();
    }
    if let Answer::Registry(name) = &opened.answer {
        opened.label = name.name();
    }
    opened.selector = Selector::Only;
}
