//! The one suite that every place passes. What it asks is written in `content/src/place.rs`; every
//! [`Clause`] carries the sentence it checks.
//!
//! ```no_run
//! use testkit::contract::{self, Fixture};
//! # async fn test() {
//! contract::all(|| async { Fixture::new(content::Memory::new(), ()) }).await;
//! # }
//! ```

mod case;
mod documents;
mod names;
mod reading;
mod removing;
mod writing;

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use content::Place;

use case::Case;

/// A fresh, empty place.
pub struct Fixture {
    /// The place under test.
    pub place: Arc<dyn Place>,
    /// What has to live as long as the place: its temporary folder, its server.
    pub keep: Box<dyn Any + Send>,
}

impl Fixture {
    /// Joins a place with what it needs to live; `()` where that is nothing.
    pub fn new(place: impl Place + 'static, keep: impl Any + Send) -> Self {
        Self::shared(Arc::new(place), keep)
    }

    /// As [`Fixture::new`], for a place that is shared already.
    pub fn shared(place: Arc<dyn Place>, keep: impl Any + Send) -> Self {
        Self { place, keep: Box::new(keep) }
    }
}

/// Writes the one table of clauses: the name, what it checks, the sentence of the contract, the function.
macro_rules! clauses {
    ($($(#[doc = $doc:literal])+ $name:ident = $sentence:literal => $check:path,)+) => {
        /// One thing that the contract promises.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Clause {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Clause {
            /// Every clause, in the order in which [`all`] checks them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Returns the sentence of `content/src/place.rs` that the clause checks.
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)+
                }
            }

            async fn check(self, case: &Case) {
                match self {
                    $(Self::$name => $check(case).await,)+
                }
            }
        }
    };
}

clauses! {
    /// An empty place answers that nothing is there.
    Empty = "[`Error::Missing`] where there is nothing" => reading::empty,
    /// The image comes back: its config, its layers' content, its platform.
    SameImage = "Reads a manifest or index; the bytes are checked against the digest, if one is known." => reading::same_image,
    /// Manifests come back byte for byte.
    ExactManifest = "Manifests and blobs come back with the bytes they were put with." => reading::exact_manifest,
    /// Blobs come back byte for byte, and the reader knows their length.
    ExactBlob = "Opens a blob. The reader checks length and digest while it streams." => reading::exact_blob,
    /// What `resolve` says is what `manifest` brings.
    Resolve = "Finds what a selector points at, without its bytes" => reading::resolve,
    /// A blob without bytes.
    EmptyBlob = "Tells whether a manifest or blob is here, whole." => reading::empty_blob,
    /// A blob of 8 MiB.
    BigBlob = "Brings a blob here from another place: by mounting, by copying, or not at all where it is here." => reading::big_blob,
    /// A blob whose digest is a sha512.
    Sha512 = "Manifests and blobs come back with the bytes they were put with." => reading::sha512,
    /// Unknown fields, odd white space and Unicode survive.
    OddJson = "Manifests and blobs come back with the bytes they were put with." => documents::odd_json,
    /// Docker's media types stay Docker's.
    DockerTypes = "Stores a manifest under its digest." => documents::docker_types,
    /// A nested index with attestations travels whole, and a second time not at all.
    Indexes = "It holds indexes; otherwise one platform per name." => documents::indexes,
    /// Two manifests of one platform, and one manifest listed twice, stay apart.
    SamePlatform = "It holds indexes; otherwise one platform per name." => documents::same_platform,
    /// Wrong bytes are refused, and the right ones are taken afterwards.
    WrongBytes = "Wrong bytes are refused and leave nothing behind." => writing::wrong_bytes,
    /// What is there is not sent again.
    Twice = "Putting what is there already is no error and moves no bytes." => writing::twice,
    /// Many writers of the same blobs do not disturb each other.
    ManyAtOnce = "Putting what is there already is no error and moves no bytes." => writing::many_at_once,
    /// A copy that is dropped half-way leaves no name, and the next one succeeds.
    HalfDone = "a writer that stops half-way, killed or refused, leaves every name as it was." => writing::half_done,
    /// Content is there under its digest before it has a name.
    InvisibleUntilTagged = "Nothing that was put is visible under a name until [`Sink::tag`]" => names::invisible_until_tagged,
    /// A name cannot point at what was never put.
    TagOfNothing = "Points a name at a manifest that was put before." => names::tag_of_nothing,
    /// Tagging by digest makes no name.
    TagByDigest = "`Selector::Digest` needs no name and does nothing more." => names::tag_by_digest,
    /// A name moves, and says when it did not have to.
    TagMoves = "It pointed there already, or there was no name to move; nothing was written." => names::tag_moves,
    /// Every name is listed, in the order of their bytes.
    Tags = "Lists the names in the place, sorted." => names::tags,
    /// A name that is not what was expected stays.
    Expected = "[`Error::Moved`] where the name is not what was expected; nothing is changed then." => names::expected,
    /// Of many writers that expect no name, one wins.
    Race = "Comparing a name and moving it are one step that nobody can come between." => names::race,
    /// While a name moves, readers see the old or the new image.
    NeverBetween = "Comparing a name and moving it are one step that nobody can come between." => names::never_between,
    /// A name is removed, its image stays.
    RemoveName = "Removes a name, or a manifest with every name it has." => removing::name,
    /// A manifest is removed, and every name it has.
    RemoveManifest = "Removes a name, or a manifest with every name it has." => removing::manifest,
    /// What is not there cannot be removed.
    RemoveNothing = "[`Error::Missing`] where there is nothing, [`Error::Unsupported`] where the place never forgets." => removing::nothing,
    /// Who refers to an image is found.
    Referrers = "Lists the manifests that name `subject` as theirs, in no order." => removing::referrers,
}

/// Checks every clause, each in a fresh place.
///
/// # Panics
/// At the first clause that does not hold, naming the clause, the place and the sentence.
pub async fn all<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Fixture>,
{
    all_but(&[], make).await;
}

/// Checks every clause but some, for servers with known gaps; what is left out is printed.
///
/// # Panics
/// As [`all`].
pub async fn all_but<F, Fut>(skip: &[Clause], make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Fixture>,
{
    for clause in Clause::ALL {
        if skip.contains(clause) {
            crate::skip(&format!("contract clause {clause:?}: this kind of place is known not to hold it"));
        } else {
            one(*clause, &make).await;
        }
    }
}

/// Checks one clause.
///
/// # Panics
/// As [`all`].
pub async fn one<F, Fut>(clause: Clause, make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Fixture>,
{
    let Fixture { place, keep } = make().await;
    clause.check(&Case::new(clause, place)).await;
    drop(keep);
}

#[cfg(test)]
mod tests {
    use super::Clause;

    #[test]
    fn every_clause_quotes_the_contract() {
        let contract = include_str!("../../content/src/place.rs");
        let words: Vec<&str> =
            contract.lines().filter_map(|line| line.trim_start().strip_prefix("///")).flat_map(str::split_whitespace).collect();
        let contract = words.join(" ");
        for clause in Clause::ALL {
            assert!(
                contract.contains(clause.sentence()),
                "content/src/place.rs does not say what {clause:?} checks: {:?}",
                clause.sentence()
            );
        }
    }
}
