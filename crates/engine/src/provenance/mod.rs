//! How an image was built, told in SLSA's words as BuildKit tells it (moby/buildkit, docs/attestations/slsa-definitions.md).
//!
//! Start at [`Account`]: what a build knows of one image, without any clock and any secret. With [`Moments`] it becomes a
//! [`Statement`], which [`attest`] puts beside the image, or which lies beside files as [`beside`] has it.

mod account;
mod arguments;
mod attestation;
mod definition;
mod files;
mod material;
mod moments;
mod order;
mod package_url;
mod statement;

pub use account::Account;
pub(crate) use account::Sources;
pub use attestation::{Attested, attest};
pub(crate) use definition::MadeStep;
pub use files::{FilesError, beside};
pub use material::Material;
pub use moments::Moments;
pub use order::{Mode, Order, Version};
pub use statement::Statement;
