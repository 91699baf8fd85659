//! Assembles one multi-platform image from images that exist: decides, can be printed, then does.
//!
//! Never opens a socket or a file: it sees [`content::Place`]s. Deciding is pure once everything is
//! gathered, so a [`Plan`] is a value that can be shown before it is carried out. Start at
//! [`gather`], then [`Plan`], then [`carry_out`].

mod annotate;
mod carry_out;
mod describe;
mod encode;
mod error;
mod evidence;
mod flatten;
mod follow;
mod gather;
mod orphans;
mod plan;
mod settle;
mod transfer;

pub use annotate::{Annotation, AnnotationError, AnnotationWords, Level};
pub use carry_out::{Outcome, Target, carry_out, check_movable};
pub use describe::{Depth, Description, Detail, Entry as DescribedEntry, describe, find_image};
pub use encode::Encoding;
pub use error::IndexError;
pub use evidence::{Evidence, EvidenceKind, EvidenceRow, Omission, Piece, Tie, evidence};
pub use follow::follow;
pub use gather::{Absent, Attestations, Candidate, Checked, Gathered, Manner, Missing, OfIndex, Part, Role, Sources, Spelling, gather};
pub use plan::{Change, Duplicates, Lone, MediaChoice, Plan, Sequence, Wish, plan, plan_entries};
pub use transfer::{Order, Shipment, bring, decide, name, referrers};
