//! What a registry can do, found out by asking it: every answer with the request that gave it.
//!
//! Reading leaves no trace. Writing brings a few hundred bytes under a tag that nobody can mistake,
//! and takes away what the registry lets go of.

mod attempt;
mod finding;
mod reading;
mod removing;
mod uploading;
mod writing;

pub use finding::{Ability, Finding, Probed, Verdict};

use content::Result;
use oci::Tag;

use crate::registry::Registry;

/// How far a probe goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Only questions.
    Read,
    /// Small content too, under this tag, and what becomes of it.
    Write(Tag),
}

impl Registry {
    /// Asks what this registry can do. `image` is a tag to look at, instead of the first one that
    /// the registry lists.
    ///
    /// # Errors
    /// Where the registry cannot be reached at all. Whatever it refuses is an answer.
    pub async fn probe(&self, image: Option<&Tag>, depth: &Depth) -> Result<Probed> {
        let mut probed = Probed::default();
        self.read_about(image, &mut probed).await?;
        match depth {
            Depth::Read => {
                for ability in Ability::WRITTEN {
                    probed.found(ability, Verdict::Unknown, "", "not tried: needs --write");
                }
            }
            Depth::Write(mark) => self.write_about(mark, &mut probed).await,
        }
        Ok(probed)
    }
}
