//! The seam of polyarch: a place that holds content, and how content travels between two places.
//!
//! Never opens a socket or a file itself; the only place that lives here is [`Memory`]. Start at
//! [`Place`], where the contract is written, then [`copy`].

mod blob;
mod copy;
mod error;
mod events;
mod follow;
mod keep;
mod library;
mod memory;
mod outbox;
mod place;
mod recall;
mod referring;
mod walk;
mod watched;

pub use blob::{BlobReader, ByteStream};
pub use copy::{Copied, Copier, copy};
pub use error::{Error, Item, Result};
pub use events::{Event, Events, Share};
pub use follow::{Followed, copy_referrers};
pub use keep::{Keep, MAX_KEPT_SIZE, Shelf};
pub use library::{Draft, Library};
pub use memory::Memory;
pub use outbox::Outbox;
pub use place::{Abilities, Expected, Origin, Place, Placed, Sink, Source, Tagged, check_expected};
pub use recall::{Forgetful, Recall};
pub use referring::{By, LeftOut, Referrer, ReferrerFault, Referrers, is_old_tag, referring, subjects};
pub use walk::{Limits, Tree, child_manifest, walk};
