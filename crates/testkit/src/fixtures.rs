//! Small images, made in memory: the same words give the same bytes, on every machine.

mod attestation;
mod docker_save;
mod image;
mod index;
mod layout;
mod put;
mod random;
mod referrers;
mod tarball;

pub use attestation::{attestation_entry, attestation_for};
pub use docker_save::{docker_save, docker_save_modern};
pub use image::{BuiltImage, Image, platform};
pub use index::Index;
pub use layout::write_layout;
pub use put::{in_memory, put, put_index};
pub use random::random_bytes;
pub use referrers::{Artifact, Referred, old_tag, referred};
pub(crate) use tarball::plain;
