//! `docker buildx imagetools`: its words as sources and a wish, its two views as text, its errors.

mod attested;
mod error;
mod look;
mod metadata;
mod order;
mod progress;
mod shown;
mod source;
mod table;
mod value;
mod view;

pub use error::{ImagetoolsError, Reworded, explain};
pub use look::{Evidence, Look, look};
pub use metadata::metadata;
pub use order::{CreateWords, Order, order};
pub use progress::{Copying, Display, Vertex};
pub use shown::{Shown, shown};
pub use source::{Source, Stated};
pub use value::{prints_view, value, wants_evidence, wants_images};
pub use view::view;

/// The kinds of artifact that go with an image to another repository: attestations, and cosign's signatures of two ages.
pub const FOLLOWING: [&str; 3] = [
    "application/vnd.docker.attestation.manifest.v1+json",
    "application/vnd.dev.cosign.artifact.sig.v1+json",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
];
