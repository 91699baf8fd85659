//! What a process may ask of the kernel: Docker's default seccomp profile, as a program of classic BPF.
//!
//! The profile is data in [`profile`], the numbers of system calls are a table, and [`Program`] is what comes of both. Nothing is
//! installed here and nothing is asked of the machine: whoever starts a process hands the bytes to
//! `seccomp(SECCOMP_SET_MODE_FILTER)`. Start at [`Program::of_docker`].

mod calls;
mod emit;
mod host;
mod instruction;
pub mod profile;
mod program;
mod verdict;

pub use host::{Architecture, Host};
pub use instruction::Instruction;
pub use program::{LONGEST, Program};
pub use verdict::{Setting, Verdict};
