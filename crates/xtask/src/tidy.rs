//! Keeps the house as the map says: every rule is a function from the checkout to findings.
//!
//! The map is `ARCHITECTURE.md` itself, so it cannot go stale unseen. All findings are gathered;
//! nothing is ever changed.

mod documents;
mod files;
mod floors;
mod links;
mod manifests;
mod map;
mod mask;
mod sources;

use std::fmt;
use std::path::Path;

use crate::Trouble;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where, from the root of the checkout; with a line where there is one: `ARCHITECTURE.md:12`.
    pub place: String,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.problem)
    }
}

/// Looks at a whole checkout and returns every finding, sorted by place.
///
/// # Errors
/// Only where the checkout cannot be read; a file that is missing or malformed is a finding.
pub fn tidy(root: &Path) -> Result<Vec<Finding>, Trouble> {
    let mut findings = Vec::new();
    let rooms = manifests::read(root, &mut findings)?;
    let map = map::read(root, &mut findings);
    let sources = sources::read(root, &rooms)?;
    floors::check(&rooms, &map, &mut findings);
    files::check(&sources, &map, &mut findings);
    manifests::check(&rooms, &sources, &mut findings);
    sources::check(&sources, &mut findings);
    documents::check(root, &mut findings);
    links::check(root, &mut findings)?;
    findings.sort();
    findings.dedup();
    Ok(findings)
}
