//! Carries builds out: reads contexts and bases, writes layers and images.
//!
//! It never decides what a Dockerfile means: that is `graph`'s. Nothing outside of a context is ever read
//! through it, whatever links lie in it. Start at [`Folder`].

mod context;

pub use context::{ContextError, Folder, Stamp, Visit, Walked};
