//! What programs of other machines run here, and by what.
//!
//! A kernel runs programs of its own machine, and hands others to the interpreter that is registered for them (binfmt_misc).
//! Here is told which of these would happen for a platform: [`Probe`]s are tiny programs that really run, [`Handlers`] are what
//! the kernel has registered, [`find`] looks for emulators, and [`decide`] makes one [`Means`] of it for each platform.
//! [`Facts::gather`] asks for all at once. Start at `means.rs`.
//!
//! This room decides and finds. It registers nothing with a kernel, makes no namespace, and reads no environment: folders and
//! time limits are handed in. Linux only.

#![cfg(target_os = "linux")]

mod child;
mod decide;
mod elf;
mod error;
mod facts;
mod find;
#[doc(hidden)]
pub mod fuzz;
mod host;
mod machine;
mod means;
mod probe;
mod registration;
mod trouble;

pub use child::Cause;
pub use decide::decide;
pub use error::{EmulatorError, HandlersError, RegistrationError, Unfit, WishError};
pub use facts::{Facts, Search, Tried};
pub use find::{Emulator, Found, Place, Places, Version, find, list};
pub use host::{Handler, Handlers, Interpreter, State};
pub use machine::Machine;
pub use means::{Decision, Host, Means, Obstacle, Wish};
pub use probe::{Answer, Probe};
pub use registration::{Flags, LONGEST};
pub use trouble::Trouble;
