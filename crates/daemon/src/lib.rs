//! The images of a Docker Engine, as a place: read by its `save`, written by its `load`.
//!
//! Speaks the Engine API over a Unix socket, TCP or TLS, and never reads the environment: who calls
//! says where the engine is. Never holds an image in memory; what travels lies in temporary files.
//! Start at [`Endpoint`], then [`Engine::connect`] and [`Engine::image`].

mod endpoint;
mod engine;
mod error;
mod images;
mod load;
mod tls;
mod transport;

pub use endpoint::Endpoint;
pub use engine::{Engine, ImageStore};
pub use error::DaemonError;
pub use images::DaemonImages;
