//! Finds the images that a build begins with: by the rule of names, and says who answers.

use async_trait::async_trait;
use engine::build::{Asked, Found, Images};
use fault::{AnyFault, Failure, Fault, Kind};
use oci::{Locator, LocatorError, Reference, ReferenceError};

use crate::commands::Session;
use crate::open::{Answer, Opened, Opener};

/// A word that is no name of an image.
#[derive(Debug, thiserror::Error)]
enum NoName {
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error(transparent)]
    Locator(#[from] LocatorError),
}

impl Fault for NoName {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

/// Asks where the rule of names says.
pub struct Finder<'a> {
    session: &'a Session,
    opener: &'a Opener,
    /// `--pull`: registries answer, whatever is kept here.
    pulls: bool,
}

impl<'a> Finder<'a> {
    /// Prepares; nothing is asked yet.
    pub const fn new(session: &'a Session, opener: &'a Opener, pulls: bool) -> Self {
        Self { session, opener, pulls }
    }

    async fn open(&self, asked: &Asked) -> Result<Found, Failure> {
        let locator = match asked {
            Asked::Name(name) => Locator::Name(name.parse::<Reference>().map_err(NoName::from)?),
            Asked::Place(place) => place.parse().map_err(NoName::from)?,
        };
        let opened = if self.pulls { self.opener.far_source(&locator).await? } else { self.opener.source(&locator).await? };
        self.say(asked.word(), &opened);
        let root = opened.place.manifest(&opened.selector).await.map_err(|problem| self.opener.explain(&opened, problem))?;
        Ok(Found { label: asked.word().to_owned(), source: opened.place, root })
    }

    fn say(&self, word: &str, opened: &Opened) {
        match &opened.answer {
            Answer::Store => self.session.console.say(format!("base {word}: made here, from the local store")),
            Answer::Pulled(name) => self.session.console.say(format!("base {word}: {name}, from the local store as pulled")),
            Answer::Registry(name) => self.session.console.say(format!("base {word}: asking {name}")),
            Answer::Named => {}
        }
    }
}

#[async_trait]
impl Images for Finder<'_> {
    async fn find(&self, asked: &Asked) -> Result<Found, AnyFault> {
        self.open(asked).await.map_err(Failure::into_fault)
    }
}
