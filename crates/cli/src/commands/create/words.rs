//! What the words of `create` mean together, before anything is opened.

use fault::{Failure, Fault, Hint, Kind};
use index::Change;
use oci::{Digest, Locator, Reference};

use crate::args::Create;
use crate::names::check_pushable;

/// Words that together make no sense.
#[derive(Debug, thiserror::Error)]
enum WordsError {
    #[error("no tag")]
    NoTag {
        line: String,
        #[source]
        why: Option<LooksLikeTarget>,
    },
    #[error("no source")]
    NoSource,
}

#[derive(Debug, thiserror::Error)]
#[error("the first of {0} names looks like the target, as in docker manifest")]
struct LooksLikeTarget(usize);

impl Fault for WordsError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoTag { line, .. } => Some(Hint::new(line)),
            Self::NoSource => Some(Hint::new("polyarch create -t NAME SOURCE...")),
        }
    }
}

/// Refuses a line without a tag or a source, and a push to where only Docker publishes.
pub fn check(arguments: &Create) -> Result<(), Failure> {
    if arguments.tags.is_empty() {
        let names: Vec<String> = arguments.sources.iter().map(|source| source.locator.to_string()).collect();
        let (why, line) = match names.as_slice() {
            [first, second] => (Some(LooksLikeTarget(2)), format!("polyarch create -t {first} {second}")),
            [first, second, ..] => (Some(LooksLikeTarget(names.len())), format!("polyarch create -t {first} {second} ...")),
            _ => (None, "polyarch create -t NAME SOURCE...".to_owned()),
        };
        return Err(WordsError::NoTag { line, why }.into());
    }
    if arguments.sources.is_empty() && arguments.remove.is_empty() {
        return Err(WordsError::NoSource.into());
    }
    for tag in &arguments.tags {
        if let Some(name) = pushed_name(tag, arguments.push) {
            check_pushable(name, "polyarch create --push -t {} ...")?;
        }
    }
    Ok(())
}

/// Returns the name of a target that is in a registry.
pub const fn pushed_name(locator: &Locator, push: bool) -> Option<&Reference> {
    match locator {
        Locator::Registry(name) => Some(name),
        Locator::Name(name) if push => Some(name),
        _ => None,
    }
}

/// Returns the digest that a target's name says the result must have.
pub fn written_digest(locator: &Locator) -> Option<Digest> {
    match locator {
        Locator::Name(name) | Locator::Registry(name) | Locator::Store(name) => name.digest().cloned(),
        _ => None,
    }
}

/// Returns how the sources and what is there become one.
pub const fn change(arguments: &Create) -> Change {
    match (arguments.append, arguments.replace) {
        (true, true) => Change::AppendOrReplace,
        (true, false) => Change::Append,
        (false, true) => Change::Replace,
        // Taking out without putting in changes what is there, too.
        (false, false) if !arguments.remove.is_empty() => Change::Append,
        (false, false) => Change::Set,
    }
}
