//! What a build is: trees of files, what a step does to them, and the layer that comes of it.
//!
//! Never opens a socket or a file: it sees names, kinds and owners, and says which bytes go where. Start
//! at [`Tree`], then [`copy()`].

mod copy;
mod error;
mod link;
mod path;
mod tree;

pub use copy::{Change, Copying, Destination, Owner, Picked, Times, copy, make_directories};
pub use error::CopyError;
pub use path::TreePath;
pub use tree::{Kind, Node, Tree};
