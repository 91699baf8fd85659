//! What a build is: trees of files, what a step does to them, and the layer that comes of it.
//!
//! Never opens a socket or a file: it sees names, kinds and owners, and says which bytes go where. Start
//! at [`outline()`] for what a build is made of, at [`Recipe`] for what a stage decides, at [`copy()`] for what a copy does to a [`Tree`].

mod asks;
mod bind;
mod command;
mod copy;
mod error;
mod image;
mod lay;
mod link;
mod outline;
mod path;
mod runs;
mod stage;
mod tree;
mod unpack;
mod windows;

pub use asks::{AskedArgument, AskedKey, Asks, asks};
pub use bind::lay_bind;
pub use command::RunStep;
pub use copy::{Archives, Change, Changes, Copying, Destination, Far, Fars, Owner, Picked, Times, copy, make_directories};
pub use error::{CopyError, StageError, StageReason};
pub use image::{HistoryLine, Image};
pub use lay::{Content, From, Laid, Lay, find_added, lay_add, lay_copy, lay_workdir};
pub use outline::{Begins, Outline, OutlineError, Outlined, Wanted, context_name, outline};
pub use path::TreePath;
pub use runs::{NeededRun, RunsNeeded, WhyNot, refuse_runs, runs_natively};
pub use stage::{CopyStep, Placed, Recipe, Step};
pub use tree::Tree;
pub use windows::WindowsPathError;
