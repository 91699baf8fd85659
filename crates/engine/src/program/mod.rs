//! A program of an image, run for somebody who waits for it: in the sandbox that commands of a build have, over the same unpacked
//! layers. What it writes into its root is thrown away.
//!
//! Start at [`Programs`]; a [`Wish`] is what somebody says beside what the image says.

mod decided;
mod error;
mod programs;
mod volumes;
mod wish;

pub use crate::ground::{Confinement, GroundError};
pub use error::ProgramError;
pub use programs::{Programs, Running};
pub use wish::Wish;
