//! The project's own chores: keeping the house tidy, writing the command-line reference, building
//! the static file, looking for inputs that break something.
//!
//! Knows the checkout and the tools of the trade (cargo, chroot), and no room of the product. It may
//! print, from `main.rs` alone. Start at [`tidy::tidy`].

pub mod bench;
pub mod compile;
pub mod dist;
pub mod docs;
pub mod elf;
pub mod fuzz;
pub mod tidy;
mod trouble;

pub use trouble::Trouble;

use std::path::{Path, PathBuf};

/// Returns the root of the checkout that this was compiled in.
pub fn checkout() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_path_buf()
}
